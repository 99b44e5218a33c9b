/** Connections under rate limits that a service keeps, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { networkRateLimitSuite, runtimeRateLimitSuites } from './ratelimit_suite.ts'

defineSuite(networkRateLimitSuite)
for (const suite of runtimeRateLimitSuites) defineSuite(suite)
