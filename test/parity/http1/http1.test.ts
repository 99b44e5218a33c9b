/** HTTP/1 on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { http1Suite } from './http1_suite.ts'

defineSuite(http1Suite)
