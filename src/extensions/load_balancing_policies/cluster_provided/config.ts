// envoy.load_balancing_policies.cluster_provided: for clusters whose type chooses hosts itself.

import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'

export const clusterProvided: LoadBalancerFactory = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.cluster_provided',
  typeUrls: ['envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided'],
  // Only a cluster that provides nothing gets this one, and that is refused.
  createLoadBalancer: () => ({
    chooseHost: () => undefined,
    peekAnotherHost: () => undefined,
    onHostsChanged: () => {},
    onLocalClusterChanged: () => {},
  }),
}
