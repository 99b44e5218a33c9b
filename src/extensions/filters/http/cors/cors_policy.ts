// A CorsPolicy as the filter reads it: matchers compiled, fractions kept.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../../../../common/string_matcher.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type CorsPolicyView = envoy.extensions.filters.http.cors.v3.CorsPolicy

/** '' and undefined leave a setting to the next less specific policy. */
export interface CorsPolicy {
  readonly allowsOrigin: readonly StringPredicate[]
  readonly allowMethods: string
  readonly allowHeaders: string
  readonly exposeHeaders: string
  readonly maxAge: string
  readonly allowCredentials: boolean | undefined
  readonly allowPrivateNetworkAccess: boolean | undefined
  readonly forwardNotMatchingPreflights: boolean | undefined
  /** Whether a draw falls into the fraction of requests that the policy is enforced, or only counted, for. */
  enabled(random: number): boolean
  shadowEnabled(random: number): boolean
}

/** What is wrong goes to `context.errors`. */
export function compileCorsPolicy(view: CorsPolicyView, context: ServerContext): CorsPolicy {
  const { runtime } = context
  return {
    allowsOrigin: compileOrigins(view, context),
    allowMethods: view.allowMethods,
    allowHeaders: view.allowHeaders,
    exposeHeaders: view.exposeHeaders,
    maxAge: view.maxAge,
    allowCredentials: view.allowCredentials,
    allowPrivateNetworkAccess: view.allowPrivateNetworkAccess,
    forwardNotMatchingPreflights: view.forwardNotMatchingPreflights,
    enabled: view.filterEnabled === undefined ? () => true : runtime.fraction(view.filterEnabled),
    shadowEnabled: view.shadowEnabled === undefined ? () => false : runtime.fraction(view.shadowEnabled),
  }
}

/** A matcher that matches `*` itself stands for any origin. */
function compileOrigins(view: CorsPolicyView, { errors }: ServerContext): StringPredicate[] {
  const origins: StringPredicate[] = []
  for (const matcher of view.allowOriginStringMatch) {
    try {
      const matches = compileStringMatcher(matcher)
      origins.push(matches('*') ? () => true : matches)
    } catch (error) {
      errors.add(matcher, undefined, matcherErrorMessage(error))
    }
  }
  return origins
}
