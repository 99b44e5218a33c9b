/** Stats of hosts on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { hostStatsSuite } from './host_stats_suite.ts'

defineSuite(hostStatsSuite)
