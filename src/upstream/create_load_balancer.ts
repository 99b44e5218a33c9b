// Which load balancing policy a cluster has, from `load_balancing_policy` or from the older fields.

import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import type { ClusterInfo } from './cluster_info.ts'
import type { LoadBalancer } from './load_balancer.ts'
import type { LoadBalancerFactory } from './load_balancer_factory.ts'
import type { ServerContext } from './server_context.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const category = 'envoy.load_balancing_policies'
const policyTypes: Readonly<Record<string, string>> = {
  ROUND_ROBIN: 'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin',
  LEAST_REQUEST: 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
  RANDOM: 'envoy.extensions.load_balancing_policies.random.v3.Random',
}

const noHosts: LoadBalancer = {
  chooseHost: () => undefined,
  peekAnotherHost: () => undefined,
  onHostsChanged: () => {},
  onLocalClusterChanged: () => {},
}

/** The first policy of load_balancing_policy that is known here, else that of lb_policy; errors go to the context. */
export function createLoadBalancer(view: ClusterView, info: ClusterInfo, context: ServerContext): LoadBalancer {
  const { errors } = context
  if (view.loadBalancingPolicy !== undefined) return listedPolicy(view, info, context)
  if (view.lbPolicy === 'LOAD_BALANCING_POLICY_CONFIG') {
    errors.add(view, 'lbPolicy', 'cluster: field load_balancing_policy need to be set')
    return noHosts
  }
  const typeUrl = policyTypes[view.lbPolicy]
  if (typeUrl === undefined) {
    errors.add(view, 'lbPolicy', `lb_policy ${view.lbPolicy} is not supported`)
    return noHosts
  }
  const config: TypedConfig = { typeUrl, value: olderConfig(view) }
  const extension = { name: view.lbPolicy, typedConfig: config }
  const factory = context.registry.lookup<LoadBalancerFactory>(category, extension, errors)
  return factory?.createLoadBalancer(config.value, info, context) ?? noHosts
}

/** What the older fields say, as the policy's own message has it. */
function olderConfig(view: ClusterView): object {
  const own = view.lbPolicy === 'LEAST_REQUEST' ? view.leastRequestLbConfig : view.roundRobinLbConfig
  return { ...(view.lbPolicy === 'RANDOM' ? {} : own), localityLbConfig: view.commonLbConfig }
}

function listedPolicy(view: ClusterView, info: ClusterInfo, context: ServerContext): LoadBalancer {
  const { errors } = context
  const policies = view.loadBalancingPolicy?.policies ?? []
  const common = view.commonLbConfig
  if (common?.localityConfigSpecifier !== undefined || common?.consistentHashingLbConfig !== undefined) {
    const fields = 'zone_aware_lb_config, locality_weighted_lb_config, consistent_hashing_lb_config'
    const text = `cluster: load_balancing_policy cannot be combined with partial fields (${fields}) of common_lb_config`
    errors.add(view, 'loadBalancingPolicy', text)
  }
  const known = context.registry.inCategory<LoadBalancerFactory>(category)
  for (const { typedExtensionConfig: extension } of policies) {
    const factory = known.find((each) => each.typeUrls.includes(extension?.typedConfig?.typeUrl ?? ''))
    if (factory !== undefined) return factory.createLoadBalancer(extension?.typedConfig?.value, info, context)
  }
  const wanted = policies.map((policy) => policy.typedExtensionConfig?.name).join(', ')
  const text = `cluster: didn't find a registered load balancer factory with names from [${wanted}]`
  errors.add(view, 'loadBalancingPolicy', text)
  return noHosts
}
