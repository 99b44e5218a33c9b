/** HTTP filters, logs and HTTP/1 messages over transports that they were not written for; `PARITY_MATRIX=all` takes all. */
import { corsSuite } from '../http_filters/cors_suite.ts'
import { grpcWebSuite } from '../http_filters/grpc_web_suite.ts'
import { messagesSuite } from '../http1/messages_suite.ts'
import { durationsSuite } from '../observability/durations_suite.ts'
import { operatorsSuite } from '../observability/operators_suite.ts'
import { defineMatrix } from './define_matrix.ts'
import { isWide, transport, transports } from './transports.ts'

const suites = [corsSuite, grpcWebSuite, durationsSuite, operatorsSuite, messagesSuite]
defineMatrix(suites, isWide ? transports : [transport('h2 TLS to h1 TLS')])
