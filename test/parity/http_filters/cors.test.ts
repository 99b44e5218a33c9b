/** Cross-origin requests on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { corsSuite } from './cors_suite.ts'

defineSuite(corsSuite)
