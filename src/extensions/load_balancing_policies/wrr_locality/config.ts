// envoy.load_balancing_policies.wrr_locality: localities by their weights, and in each the endpoint picking policy.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { clientSideWeightedRoundRobin, createClientSideWeighted } from '../client_side_weighted_round_robin/config.ts'
import { clusterProvided } from '../cluster_provided/config.ts'

type WrrLocality = envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality
type Picking = Parameters<typeof createClientSideWeighted>[0]

const category = 'envoy.load_balancing_policies'
const localityWeighted = {
  zoneAwareLbConfig: undefined,
  localityWeightedLbConfig: {},
  localityConfigSpecifier: 'localityWeightedLbConfig',
} as const

export const wrrLocality: LoadBalancerFactory<WrrLocality> = {
  category,
  name: 'envoy.load_balancing_policies.wrr_locality',
  typeUrls: ['envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality'],
  createLoadBalancer(config, info, context) {
    const { registry, errors } = context
    const known = registry.inCategory<LoadBalancerFactory>(category).flatMap((each) => each.typeUrls)
    const policies = config.endpointPickingPolicy?.policies ?? []
    const picking = policies
      .map((each) => each.typedExtensionConfig?.typedConfig)
      .find((each) => known.includes(each?.typeUrl ?? ''))
    if (picking !== undefined && clientSideWeightedRoundRobin.typeUrls.includes(picking.typeUrl))
      return createClientSideWeighted(picking.value as Picking, localityWeighted, info, context)
    const text =
      picking === undefined
        ? 'No supported endpoint picking policy.'
        : 'Currently WrrLocalityLoadBalancer only supports ClientSideWeightedRoundRobinLoadBalancer as its endpoint picking policy.'
    errors.add(config, 'endpointPickingPolicy', text)
    return clusterProvided.createLoadBalancer(undefined, info, context)
  },
}
