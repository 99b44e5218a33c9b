/** Limits of retries on both proxies, with two workers each. */
import { defineSuite } from '../define_suite.ts'
import { retryBudgetsSuite, retryRuntimeSuites } from './retry_limits_suite.ts'

for (const suite of [retryBudgetsSuite, ...retryRuntimeSuites]) defineSuite(suite)
