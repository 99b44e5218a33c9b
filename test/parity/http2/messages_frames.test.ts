/** HTTP/2 clients that send frames as they like, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { messagesFramesSuite } from './messages_frames_suite.ts'

defineSuite(messagesFramesSuite)
