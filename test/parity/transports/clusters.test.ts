/** Clusters and retries over transports that they were not written for. */
import { clustersSuite } from '../clusters/clusters_suite.ts'
import { retriesSuite } from '../router/retries_suite.ts'
import { defineOverTransports } from './define_matrix.ts'

defineOverTransports(clustersSuite, retriesSuite)
