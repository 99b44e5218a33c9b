// envoy.clusters.aggregate: a cluster made of other clusters, each stepping in when those before it have too few hosts.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ClusterFactory } from '../../../upstream/cluster_factory.ts'
import { panicThreshold } from '../../../upstream/load_balancers/zone_aware_load_balancer.ts'
import { AggregateLoadBalancer } from './aggregate_load_balancer.ts'

type ClusterConfig = envoy.extensions.clusters.aggregate.v3.ClusterConfig

export const aggregateCluster: ClusterFactory<ClusterConfig> = {
  category: 'envoy.clusters',
  name: 'envoy.clusters.aggregate',
  typeUrls: ['envoy.extensions.clusters.aggregate.v3.ClusterConfig'],
  createLoadBalancer: ({ clusters }, info, { clusterManager, runtime }) =>
    new AggregateLoadBalancer(clusters, clusterManager, panicThreshold(info, runtime)),
}
