// envoy.filters.http.fault: delays, aborts and slowed down responses, to see how clients bear them.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { FaultFilter, type FaultFilterConfig } from './fault_filter.ts'
import { compileFaultSettings } from './fault_settings.ts'

type HTTPFault = envoy.extensions.filters.http.fault.v3.HTTPFault

export const faultFilter: HttpFilterFactory<HTTPFault, HTTPFault> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.fault',
  typeUrls: ['envoy.extensions.filters.http.fault.v3.HTTPFault'],
  routeTypeUrls: ['envoy.extensions.filters.http.fault.v3.HTTPFault'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const prefix = `${context.statPrefix}fault.`
    const config: FaultFilterConfig = {
      settings: compileFaultSettings(view, context),
      runtime: context.runtime,
      // As the gauge of the same name, which all filters of one stat prefix share.
      active: context.shared.counter(`${prefix}active_faults`),
      stats: {
        activeFaults: context.scope.gauge(`${prefix}active_faults`),
        abortsInjected: context.scope.counter(`${prefix}aborts_injected`),
        delaysInjected: context.scope.counter(`${prefix}delays_injected`),
        faultsOverflow: context.scope.counter(`${prefix}faults_overflow`),
        responseRlInjected: context.scope.counter(`${prefix}response_rl_injected`),
      },
      downstreamClusterCounter: (cluster, name) => context.scope.counter(`${prefix}${cluster}.${name}`),
    }
    return (builder) => builder.addFilter(new FaultFilter(config))
  },
  createRouteSpecificConfig: compileFaultSettings,
}
