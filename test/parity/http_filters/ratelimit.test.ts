/** Rate limits that a service keeps, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { rateLimitSuite } from './ratelimit_suite.ts'

defineSuite(rateLimitSuite)
