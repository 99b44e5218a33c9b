/** gRPC-Web on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { grpcWebSuite } from './grpc_web_suite.ts'

defineSuite(grpcWebSuite)
