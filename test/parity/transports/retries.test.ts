/** Retries over transports that they were not written for; some of their clusters speak HTTP/1 by their own choice. */
import { retriesSuite } from '../router/retries_suite.ts'
import { defineMatrix } from './define_matrix.ts'
import { isWide, transport, transports } from './transports.ts'

const toHttp1 = transports.filter(({ upstream }) => !upstream.http2)
defineMatrix([retriesSuite], isWide ? toHttp1 : [transport('h2 to h1')])
