// envoy.filters.network.rbac: policies say which connections have access.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { ListenerFactoryContext, NetworkFilterFactory } from '../../../../network/factory.ts'
import { compileEngine } from '../../../../router/rbac/rbac_engine.ts'
import { createRbacStats, joinable } from '../../../../router/rbac/rbac_stats.ts'
import { NetworkRbacFilter, type NetworkRbacSettings } from './rbac_filter.ts'

type RBAC = envoy.extensions.filters.network.rbac.v3.RBAC

export const networkRbac: NetworkFilterFactory<RBAC> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.rbac',
  typeUrls: ['envoy.extensions.filters.network.rbac.v3.RBAC'],
  isTerminal: false,
  createFilterFactory(view, context: ListenerFactoryContext) {
    const { errors, registry, runtime, scope } = context
    const rules = { errors, registry, runtime, filter: 'network' } as const
    const settings: NetworkRbacSettings = {
      engine: compileEngine(view.rules, view.matcher, rules),
      shadowEngine: compileEngine(view.shadowRules, view.shadowMatcher, rules),
      metadataPrefix: view.shadowRulesStatPrefix,
      isContinuous: view.enforcementType === 'CONTINUOUS',
      delayDenyMs: view.delayDeny ?? 0,
      stats: createRbacStats(scope, joinable(view.statPrefix), '', view.shadowRulesStatPrefix),
    }
    return () => new NetworkRbacFilter(settings)
  },
}
