/** Statistics and logs of gRPC calls on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { grpcStatsSuite } from './grpc_stats_suite.ts'

defineSuite(grpcStatsSuite)
