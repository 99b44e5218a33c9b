/** What was written for the HTTP/1 codec, over transports that it was not written for. */
import { http1Suite } from '../http1/http1_suite.ts'
import { messagesSuite } from '../http1/messages_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(http1Suite, messagesSuite)
