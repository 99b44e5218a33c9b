/** gRPC bridges on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { grpcBridgesSuite } from './grpc_bridges_suite.ts'

defineSuite(grpcBridgesSuite)
