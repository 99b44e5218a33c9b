/** Retries, timeouts and internal redirects on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { retriesSuite } from './retries_suite.ts'

defineSuite(retriesSuite)
