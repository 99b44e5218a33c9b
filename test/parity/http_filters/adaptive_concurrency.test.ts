/** Adaptive concurrency on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { adaptiveConcurrencySuite } from './adaptive_concurrency_suite.ts'

defineSuite(adaptiveConcurrencySuite)
