/** Bandwidth limits on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { bandwidthLimitSuite } from './bandwidth_limit_suite.ts'

defineSuite(bandwidthLimitSuite)
