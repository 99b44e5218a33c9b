/** HTTP filters over transports that they were not written for. */
import { corsSuite } from '../http_filters/cors_suite.ts'
import { grpcWebSuite } from '../http_filters/grpc_web_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(corsSuite, grpcWebSuite)
