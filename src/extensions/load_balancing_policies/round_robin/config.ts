// envoy.load_balancing_policies.round_robin

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { RoundRobinLoadBalancer } from '../../../upstream/load_balancers/round_robin.ts'

type RoundRobin = envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin

export const roundRobin: LoadBalancerFactory<RoundRobin> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.round_robin',
  typeUrls: ['envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin'],
  createLoadBalancer: (_config, info) => new RoundRobinLoadBalancer(info.stats.lbHealthyPanic),
}
