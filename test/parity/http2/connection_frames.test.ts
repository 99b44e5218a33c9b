/** HTTP/2 clients that send frames as they like, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { connectionFramesSuite } from './connection_frames_suite.ts'

defineSuite(connectionFramesSuite)
