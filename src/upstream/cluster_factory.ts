// What a cluster type extension provides.

import type { ExtensionFactory } from '../config/registry.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterInfo } from './cluster_info.ts'
import type { LoadBalancer } from './load_balancer.ts'
import type { ServerContext } from './server_context.ts'

/** Category `envoy.clusters`. */
export interface ClusterFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.clusters'
  /** For types that choose hosts themselves (`lb_policy: CLUSTER_PROVIDED`). */
  createLoadBalancer?(config: Config, info: ClusterInfo, context: ServerContext): LoadBalancer
  /** For types whose hosts every process knows by itself: called once with the cluster, to keep its hosts up to date. */
  followHosts?(config: Config, cluster: Cluster, context: ServerContext): void
}
