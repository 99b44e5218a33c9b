/** What a rate limit service sees of a call, and calls that go wrong, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { rateLimitCallSuite } from './ratelimit_call_suite.ts'

defineSuite(rateLimitCallSuite)
