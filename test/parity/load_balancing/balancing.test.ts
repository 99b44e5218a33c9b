/** Load balancing as it is seen on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { balancingSuite } from './balancing_suite.ts'

defineSuite(balancingSuite)
