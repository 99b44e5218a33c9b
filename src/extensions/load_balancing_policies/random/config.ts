// envoy.load_balancing_policies.random

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { RandomLoadBalancer } from '../../../upstream/load_balancers/random.ts'

type Random = envoy.extensions.load_balancing_policies.random.v3.Random

export const random: LoadBalancerFactory<Random> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.random',
  typeUrls: ['envoy.extensions.load_balancing_policies.random.v3.Random'],
  createLoadBalancer: (_config, info) => new RandomLoadBalancer(info.stats.lbHealthyPanic),
}
