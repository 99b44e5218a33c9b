/** The router's suites over transports that they were not written for. */
import { changesSuite } from '../router/changes_suite.ts'
import { matchingSuite } from '../router/matching_suite.ts'
import { mirroringSuite } from '../router/mirroring_suite.ts'
import { redirectPredicatesSuite } from '../router/redirect_predicates_suite.ts'
import { retryPoliciesSuite } from '../router/retry_policies_suite.ts'
import { routerSuite } from '../router/router_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(
  routerSuite,
  changesSuite,
  matchingSuite,
  mirroringSuite,
  retryPoliciesSuite,
  redirectPredicatesSuite,
)
