// envoy.load_balancing_policies.random

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { RandomPicker } from '../../../upstream/load_balancers/random.ts'
import { ZoneAwareLoadBalancer, zoneAwareSettings } from '../../../upstream/load_balancers/zone_aware_load_balancer.ts'

type Random = envoy.extensions.load_balancing_policies.random.v3.Random

export const random: LoadBalancerFactory<Random> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.random',
  typeUrls: ['envoy.extensions.load_balancing_policies.random.v3.Random'],
  createLoadBalancer(config, info, context) {
    const settings = zoneAwareSettings(config.localityLbConfig, info, context)
    return new ZoneAwareLoadBalancer(settings, info.stats, (hosts) => new RandomPicker(hosts))
  },
}
