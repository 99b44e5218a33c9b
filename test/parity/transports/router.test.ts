/** The router's suites, each over transports that they were not written for; `PARITY_MATRIX=all` takes all there are. */
import { changesSuite } from '../router/changes_suite.ts'
import { matchingSuite } from '../router/matching_suite.ts'
import { routerSuite } from '../router/router_suite.ts'
import { defineMatrix } from './define_matrix.ts'
import { isWide, transport, transports } from './transports.ts'

defineMatrix([routerSuite], isWide ? transports : [transport('h2 TLS to h2 TLS')])
if (isWide) defineMatrix([changesSuite, matchingSuite], transports)
