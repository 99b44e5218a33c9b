// Which load balancing policy a cluster has, from `load_balancing_policy` or from the older fields.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ClusterFactory } from './cluster_factory.ts'
import type { ClusterInfo } from './cluster_info.ts'
import { listedPolicy, type PolicyFactory, policyOfType } from './listed_policy.ts'
import { type LoadBalancer, noHosts } from './load_balancer.ts'
import { olderPolicy } from './older_policy.ts'
import { isOriginalDst, originalDstCluster } from './original_dst/original_dst_cluster.ts'
import type { ServerContext } from './server_context.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const clusterProvided = 'envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided'

/** The policy's load balancer, or the one that the cluster's type brings; errors go to the context. */
export function createLoadBalancer(view: ClusterView, info: ClusterInfo, context: ServerContext): LoadBalancer {
  const policy = choosePolicy(view, context)
  if (policy === undefined) return noHosts
  const ofCluster = providedLoadBalancer(view, info, context)
  const isProvided = policy.typeUrl === clusterProvided
  // It has told by itself of another one.
  const isRefused = isOriginalDst(view) && view.lbPolicy !== 'CLUSTER_PROVIDED'
  if (!isRefused && isProvided !== (ofCluster !== undefined)) {
    const text = isProvided
      ? `cluster manager: cluster provided LB specified but cluster '${view.name}' did not provide one. Check cluster documentation.`
      : `cluster manager: cluster provided LB not specified but cluster '${view.name}' provided one. Check cluster documentation.`
    context.errors.add(view, view.loadBalancingPolicy === undefined ? 'lbPolicy' : 'loadBalancingPolicy', text)
  }
  return ofCluster ?? policy.create(info, context)
}

function choosePolicy(view: ClusterView, context: ServerContext): PolicyFactory | undefined {
  const { errors } = context
  if (view.loadBalancingPolicy === undefined) {
    const older = olderPolicy(view, errors)
    return older === undefined ? undefined : policyOfType(older, context)
  }
  const common = view.commonLbConfig
  if (common?.localityConfigSpecifier !== undefined || common?.consistentHashingLbConfig !== undefined) {
    const fields = 'zone_aware_lb_config, locality_weighted_lb_config, consistent_hashing_lb_config'
    const text = `cluster: load_balancing_policy cannot be combined with partial fields (${fields}) of common_lb_config`
    errors.add(view, 'loadBalancingPolicy', text)
  }
  if (view.lbSubsetConfig !== undefined)
    errors.add(view, 'loadBalancingPolicy', 'cluster: load_balancing_policy cannot be combined with lb_subset_config')
  const complaint = (wanted: string): string =>
    `cluster: didn't find a registered load balancer factory implementation for cluster: '${view.name}' with names from [${wanted}]`
  return listedPolicy(view.loadBalancingPolicy, view, 'loadBalancingPolicy', context, complaint)
}

function providedLoadBalancer(view: ClusterView, info: ClusterInfo, context: ServerContext): LoadBalancer | undefined {
  return clusterFactory(view, context)?.createLoadBalancer?.(view.clusterType?.typedConfig?.value, info, context)
}

/** Undefined for the types whose hosts main finds. */
export function clusterFactory(view: ClusterView, { registry }: ServerContext): ClusterFactory | undefined {
  if (isOriginalDst(view)) return originalDstCluster
  const typeUrl = view.clusterType?.typedConfig?.typeUrl
  if (typeUrl === undefined) return undefined
  return registry.inCategory<ClusterFactory>('envoy.clusters').find((each) => each.typeUrls.includes(typeUrl))
}
