/** Cluster specifier plugins on both proxies. */
import { clusterSpecifierVerdictCases } from '../config/cluster_specifier_verdict_cases.ts'
import { defineVerdicts } from '../config/define_verdicts.ts'
import { defineSuite } from '../define_suite.ts'
import { clusterSpecifierSuite } from './cluster_specifier_suite.ts'

defineSuite(clusterSpecifierSuite)
defineVerdicts('verdicts on cluster specifiers', clusterSpecifierVerdictCases)
