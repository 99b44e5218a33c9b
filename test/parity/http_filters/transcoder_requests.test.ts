/** The gRPC-JSON transcoder on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { transcoderRequestsSuite } from './transcoder_requests_suite.ts'

defineSuite(transcoderRequestsSuite)
