/** The gRPC-JSON transcoder's options on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { transcoderOptionsSuite } from './transcoder_options_suite.ts'

defineSuite(transcoderOptionsSuite)
