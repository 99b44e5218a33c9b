// envoy.load_balancing_policies.least_request

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { leastRequestPickers } from '../../../upstream/load_balancers/least_request.ts'
import { createSlowStart } from '../../../upstream/load_balancers/slow_start.ts'
import { ZoneAwareLoadBalancer, zoneAwareSettings } from '../../../upstream/load_balancers/zone_aware_load_balancer.ts'

type LeastRequest = envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest

const defaultChoiceCount = 2

export const leastRequest: LoadBalancerFactory<LeastRequest> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.least_request',
  typeUrls: ['envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest'],
  createLoadBalancer(config, info, context) {
    const bias = config.activeRequestBias
    const { runtime } = context
    const createPicker = leastRequestPickers({
      choiceCount: config.choiceCount ?? defaultChoiceCount,
      fullScan: config.enableFullScan ?? config.selectionMethod === 'FULL_SCAN',
      activeRequestBias: () => (bias === undefined ? 1 : runtime.getNumber(bias.runtimeKey, bias.defaultValue)),
      slowStart: createSlowStart(config.slowStartConfig, runtime),
    })
    return new ZoneAwareLoadBalancer(
      zoneAwareSettings(config.localityLbConfig, info, context),
      info.stats,
      createPicker,
    )
  },
}
