// An RBAC message of a filter or a route as the filter reads it.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { RouteContext } from '../../../../http/factory.ts'
import { compileEngine, type RbacEngine } from '../../../../router/rbac/rbac_engine.ts'

export interface RbacSettings {
  readonly engine: RbacEngine | undefined
  readonly shadowEngine: RbacEngine | undefined
  /** Begin the names of fields of the dynamic metadata. */
  readonly metadataPrefix: string
  readonly shadowMetadataPrefix: string
  readonly tracksPolicies: boolean
}

/** Of a route where everything has access. */
export const withoutRules: RbacSettings = {
  engine: undefined,
  shadowEngine: undefined,
  metadataPrefix: '',
  shadowMetadataPrefix: '',
  tracksPolicies: false,
}

/** What is wrong goes to `errors`. */
export function compileRbac(
  view: envoy.extensions.filters.http.rbac.v3.RBAC,
  { errors, registry, runtime }: RouteContext,
): RbacSettings {
  const context = { errors, registry, runtime, filter: 'HTTP' } as const
  return {
    engine: compileEngine(view.rules, view.matcher, context),
    shadowEngine: compileEngine(view.shadowRules, view.shadowMatcher, context),
    metadataPrefix: view.rulesStatPrefix,
    shadowMetadataPrefix: view.shadowRulesStatPrefix,
    tracksPolicies: view.trackPerRuleStats,
  }
}
