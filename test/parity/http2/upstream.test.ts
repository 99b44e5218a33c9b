/** HTTP/2 towards backends on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { http2UpstreamSuite } from './upstream_suite.ts'

defineSuite(http2UpstreamSuite)
