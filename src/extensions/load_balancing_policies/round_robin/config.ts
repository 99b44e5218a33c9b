// envoy.load_balancing_policies.round_robin

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { roundRobinPickers } from '../../../upstream/load_balancers/round_robin.ts'
import { createSlowStart } from '../../../upstream/load_balancers/slow_start.ts'
import { ZoneAwareLoadBalancer, zoneAwareSettings } from '../../../upstream/load_balancers/zone_aware_load_balancer.ts'

type RoundRobin = envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin

export const roundRobin: LoadBalancerFactory<RoundRobin> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.round_robin',
  typeUrls: ['envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin'],
  createLoadBalancer(config, info, context) {
    const settings = zoneAwareSettings(config.localityLbConfig, info, context)
    const slowStart = createSlowStart(config.slowStartConfig, context.runtime)
    return new ZoneAwareLoadBalancer(settings, info.stats, roundRobinPickers(slowStart))
  },
}
