/** TCP proxying over TLS, on either side and on both; the suite of tunnels has its own transports. */
import { connectSuite } from '../l4/connect_suite.ts'
import { endingsSuite } from '../l4/endings_suite.ts'
import { l4Suite } from '../l4/l4_suite.ts'
import { defineMatrix } from './define_matrix.ts'
import { transports } from './transports.ts'

defineMatrix(
  [l4Suite, endingsSuite, connectSuite],
  transports.filter(({ downstream, upstream }) => {
    return !downstream.http2 && !upstream.http2 && (downstream.tls || upstream.tls)
  }),
)
