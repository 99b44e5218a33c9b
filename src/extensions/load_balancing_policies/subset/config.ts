// envoy.load_balancing_policies.subset

import type { envoy } from '../../../../proto/generated/api.d.ts'
import { listedPolicy } from '../../../upstream/listed_policy.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { SubsetLoadBalancer } from '../../../upstream/load_balancers/subset_load_balancer.ts'
import { subsetSettings } from '../../../upstream/load_balancers/subset_settings.ts'
import { subsetStats } from '../../../upstream/load_balancers/subset_stats.ts'
import { clusterProvided } from '../cluster_provided/config.ts'

type Subset = envoy.extensions.load_balancing_policies.subset.v3.Subset

export const subset: LoadBalancerFactory<Subset> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.subset',
  typeUrls: ['envoy.extensions.load_balancing_policies.subset.v3.Subset'],
  createLoadBalancer(config, info, context) {
    const settings = subsetSettings(config, context.errors)
    const complaint = (wanted: string): string =>
      `cluster: didn't find a registered load balancer factory implementation for subset lb with names from [${wanted}]`
    const child = listedPolicy(config.subsetLbPolicy, config, 'subsetLbPolicy', context, complaint)
    if (child === undefined) return clusterProvided.createLoadBalancer(undefined, info, context)
    // What is wrong with the child is reported now, not when the first host has made a subset.
    child.create(info, context)
    const stats = subsetStats(info.scope, context.workerIndex < 0)
    return new SubsetLoadBalancer(settings, stats, () => child.create(info, context))
  },
}
