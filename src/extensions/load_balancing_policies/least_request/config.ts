// envoy.load_balancing_policies.least_request

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { LeastRequestLoadBalancer } from '../../../upstream/load_balancers/least_request.ts'

type LeastRequest = envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest

const defaultChoiceCount = 2

export const leastRequest: LoadBalancerFactory<LeastRequest> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.least_request',
  typeUrls: ['envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest'],
  createLoadBalancer(config, info, context) {
    const bias = config.activeRequestBias
    const settings = {
      choiceCount: config.choiceCount ?? defaultChoiceCount,
      fullScan: config.enableFullScan ?? config.selectionMethod === 'FULL_SCAN',
      activeRequestBias: () => (bias === undefined ? 1 : context.runtime.getNumber(bias.runtimeKey, bias.defaultValue)),
    }
    return new LeastRequestLoadBalancer(settings, info.stats.lbHealthyPanic)
  },
}
