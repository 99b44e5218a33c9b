// What a load balancing policy extension provides.

import type { ExtensionFactory } from '../config/registry.ts'
import type { ClusterInfo } from './cluster_info.ts'
import type { LoadBalancer } from './load_balancer.ts'
import type { ServerContext } from './server_context.ts'

/** Category `envoy.load_balancing_policies`. */
export interface LoadBalancerFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.load_balancing_policies'
  createLoadBalancer(config: Config, info: ClusterInfo, context: ServerContext): LoadBalancer
}
