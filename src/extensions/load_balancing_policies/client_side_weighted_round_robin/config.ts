// envoy.load_balancing_policies.client_side_weighted_round_robin

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ClusterInfo } from '../../../upstream/cluster_info.ts'
import type { LoadBalancer } from '../../../upstream/load_balancer.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { ClientSideWeightedLoadBalancer } from '../../../upstream/load_balancers/client_side_weighted_load_balancer.ts'
import { roundRobinPickers } from '../../../upstream/load_balancers/round_robin.ts'
import { createSlowStart } from '../../../upstream/load_balancers/slow_start.ts'
import { ZoneAwareLoadBalancer, zoneAwareSettings } from '../../../upstream/load_balancers/zone_aware_load_balancer.ts'
import type { ServerContext } from '../../../upstream/server_context.ts'

type ClientSideWeightedRoundRobin =
  envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin
type LocalityLbConfig = envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig

const defaultBlackoutMs = 10_000
const defaultExpirationMs = 180_000
const defaultUpdateMs = 1000
/** The least that a configuration can ask for. */
const leastUpdateMs = 100

export const clientSideWeightedRoundRobin: LoadBalancerFactory<ClientSideWeightedRoundRobin> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.client_side_weighted_round_robin',
  typeUrls: [
    'envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin',
  ],
  createLoadBalancer: (config, info, context) =>
    createClientSideWeighted(config, info.config.commonLbConfig as LocalityLbConfig | undefined, info, context),
}

export function createClientSideWeighted(
  config: ClientSideWeightedRoundRobin,
  locality: LocalityLbConfig | undefined,
  info: ClusterInfo,
  context: ServerContext,
): LoadBalancer {
  const slowStart = createSlowStart(config.slowStartConfig, context.runtime)
  const zone = zoneAwareSettings(locality, info, context)
  return new ClientSideWeightedLoadBalancer(
    new ZoneAwareLoadBalancer(zone, info.stats, roundRobinPickers(slowStart)),
    {
      blackoutPeriodMs: config.blackoutPeriod ?? defaultBlackoutMs,
      expirationPeriodMs: config.weightExpirationPeriod ?? defaultExpirationMs,
      errorPenalty: config.errorUtilizationPenalty ?? 0,
      metricNames: config.metricNamesForComputingUtilization,
    },
    Math.max(leastUpdateMs, config.weightUpdatePeriod ?? defaultUpdateMs),
  )
}
