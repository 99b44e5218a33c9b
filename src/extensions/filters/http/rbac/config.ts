// envoy.filters.http.rbac: policies say which requests have access.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { createRbacStats } from '../../../../router/rbac/rbac_stats.ts'
import { RbacFilter } from './rbac_filter.ts'
import { compileRbac, withoutRules } from './settings.ts'

type RBAC = envoy.extensions.filters.http.rbac.v3.RBAC
type RBACPerRoute = envoy.extensions.filters.http.rbac.v3.RBACPerRoute

export const httpRbac: HttpFilterFactory<RBAC, RBACPerRoute> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.rbac',
  typeUrls: ['envoy.extensions.filters.http.rbac.v3.RBAC'],
  routeTypeUrls: ['envoy.extensions.filters.http.rbac.v3.RBACPerRoute'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const settings = compileRbac(view, context)
    const stats = createRbacStats(context.scope, context.statPrefix, view.rulesStatPrefix, view.shadowRulesStatPrefix)
    return (builder) => builder.addDecoderFilter(new RbacFilter(settings, stats))
  },
  createRouteSpecificConfig({ rbac }, context) {
    return rbac === undefined ? withoutRules : compileRbac(rbac, context)
  },
}
