/** Rate limits of a proxy of its own on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { localRateLimitSuite } from './local_ratelimit_suite.ts'

defineSuite(localRateLimitSuite)
