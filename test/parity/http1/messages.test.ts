/** HTTP/1 on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { messagesSuite } from './messages_suite.ts'

defineSuite(messagesSuite)
