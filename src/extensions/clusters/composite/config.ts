// envoy.clusters.composite: a cluster made of other clusters, one for each try of a request.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ClusterFactory } from '../../../upstream/cluster_factory.ts'
import { CompositeLoadBalancer } from './composite_load_balancer.ts'

type ClusterConfig = envoy.extensions.clusters.composite.v3.ClusterConfig

export const compositeCluster: ClusterFactory<ClusterConfig> = {
  category: 'envoy.clusters',
  name: 'envoy.clusters.composite',
  typeUrls: ['envoy.extensions.clusters.composite.v3.ClusterConfig'],
  createLoadBalancer(config, info, { clusterManager, errors }) {
    const names = config.clusters.map(({ name }) => name)
    if (names.includes(info.name)) errors.add(config, 'clusters', `composite cluster '${info.name}' is made of itself`)
    return new CompositeLoadBalancer(names, clusterManager)
  },
}
