/** Policies of retries, and hedging, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { retryPoliciesSuite } from './retry_policies_suite.ts'

defineSuite(retryPoliciesSuite)
