/** The router on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { routerSuite } from './router_suite.ts'

defineSuite(routerSuite)
