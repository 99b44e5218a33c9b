/** Access logs and stats on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { observabilitySuite } from './observability_suite.ts'

defineSuite(observabilitySuite)
