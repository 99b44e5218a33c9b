/** The gRPC-JSON transcoder's responses on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { transcoderResponsesSuite } from './transcoder_responses_suite.ts'

defineSuite(transcoderResponsesSuite)
