/** Tags, matchers and buckets of stats on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { statsConfigSuites } from './stats_config_suite.ts'

for (const suite of statsConfigSuites) defineSuite(suite)
