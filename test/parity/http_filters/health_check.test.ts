/** Health checks of others on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { healthCheckSuite } from './health_check_suite.ts'

defineSuite(healthCheckSuite)
