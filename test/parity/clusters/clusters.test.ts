/** Clusters and pools on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { clustersSuite } from './clusters_suite.ts'

defineSuite(clustersSuite)
