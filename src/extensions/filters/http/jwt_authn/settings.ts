// A JwtAuthentication as the filter reads it: which requirement a request has.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../../../access_log/header_matcher.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import { lowerAscii } from '../../../../common/string_matcher.ts'
import type { ConfigErrors } from '../../../../config/errors.ts'
import type { HttpFilterContext } from '../../../../http/factory.ts'
import { compileQueryParameter } from '../../../../router/route_config/match_criteria.ts'
import { compilePathMatcher, matchesPath, pathLength } from '../../../../router/route_config/path_matcher.ts'
import type { Counter } from '../../../../stats/store.ts'
import { filterStateText } from '../../../../stream_info/filter_state.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'
import { compileProvider, headersOfClaims } from './provider.ts'
import { compileRequirement, type RequirementContext, type Verifier } from './requirement.ts'

type JwtAuthenticationView = envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
type RuleView = envoy.extensions.filters.http.jwt_authn.v3.RequirementRule
type RouteMatchView = envoy.config.route.v3.RouteMatch

export interface JwtAuthnSettings {
  readonly stats: { readonly allowed: Counter; readonly denied: Counter; readonly corsPreflightBypassed: Counter }
  readonly bypassesCorsPreflight: boolean
  readonly stripsFailureResponse: boolean
  /** No request may bring these along, whatever is required of it. */
  readonly headersOfClaims: readonly string[]
  /** By name, for routes. */
  readonly requirements: ReadonlyMap<string, Verifier>
  /** Undefined where nothing is required. */
  findVerifier(headers: HeaderMap, streamInfo: StreamInfo): Verifier | undefined
}

/** What is wrong goes to `context.errors`. */
export function compileJwtAuthn(view: JwtAuthenticationView, context: HttpFilterContext): JwtAuthnSettings {
  const { errors, scope, statPrefix } = context
  const prefix = `${statPrefix}jwt_authn.${view.statPrefix === '' ? '' : `${view.statPrefix}.`}`
  // Of sets that are fetched, and of verified tokens that are kept, there are none.
  for (const name of ['jwks_fetch_success', 'jwks_fetch_failed', 'jwt_cache_hit']) scope.counter(`${prefix}${name}`)
  const providers = new Map(
    Object.entries(view.providers).map(([name, provider]) => [name, compileProvider(name, provider, errors)]),
  )
  const inner = { errors, providers, cacheMiss: scope.counter(`${prefix}jwt_cache_miss`) }
  const requirements = compileAll(view.requirementMap, inner)
  const rules = view.rules.map((rule) => compileRule(rule, requirements, inner))
  const ofState = compileAll(view.filterStateRules?.requires ?? {}, inner)
  const stateName = view.filterStateRules?.name ?? ''
  return {
    stats: {
      allowed: scope.counter(`${prefix}allowed`),
      denied: scope.counter(`${prefix}denied`),
      corsPreflightBypassed: scope.counter(`${prefix}cors_preflight_bypassed`),
    },
    bypassesCorsPreflight: view.bypassCorsPreflight,
    stripsFailureResponse: view.stripFailureResponse,
    headersOfClaims: [...new Set([...providers.values()].flatMap(headersOfClaims))],
    requirements,
    findVerifier(headers, streamInfo) {
      const rule = rules.find(({ matches }) => matches(headers))
      if (rule !== undefined || stateName === '') return rule?.verifier
      return ofState.get(filterStateText(streamInfo.filterStateObject(stateName)) ?? '')
    },
  }
}

/** What is said of a requirement that has no such name. */
export function wrongRequirement(name: string, requirements: ReadonlyMap<string, Verifier>): string {
  return `Wrong requirement_name: ${name}. It should be one of [${[...requirements.keys()].sort().join(',')}]`
}

function compileAll(
  views: JwtAuthenticationView['requirementMap'],
  context: RequirementContext,
): ReadonlyMap<string, Verifier> {
  return new Map(Object.entries(views).map(([name, view]) => [name, compileRequirement(view, context)]))
}

interface Rule {
  readonly matches: (headers: HeaderMap) => boolean
  readonly verifier: Verifier | undefined
}

function compileRule(view: RuleView, requirements: ReadonlyMap<string, Verifier>, context: RequirementContext): Rule {
  const matches = view.match === undefined ? () => false : compileMatch(view.match, context.errors)
  if (view.requires !== undefined) return { matches, verifier: compileRequirement(view.requires, context) }
  if (view.requirementName === undefined) return { matches, verifier: undefined }
  const verifier = requirements.get(view.requirementName)
  if (verifier === undefined) {
    context.errors.add(view, 'requirementName', wrongRequirement(view.requirementName, requirements))
  }
  return { matches, verifier }
}

/** Criteria that Envoy does not look at in these rules. */
const unheeded = ['runtimeFraction', 'grpc', 'tlsContext'] as const
const unheededLists = ['dynamicMetadata', 'cookies', 'filterState'] as const

function compileMatch(view: RouteMatchView, errors: ConfigErrors): (headers: HeaderMap) => boolean {
  const ignored = [
    ...unheeded.filter((field) => view[field] !== undefined),
    ...unheededLists.filter((field) => view[field].length > 0),
  ]
  for (const field of ignored) errors.warn(view, field, 'is not looked at here', { atKey: true })
  const path = compilePathMatcher(view, errors)
  const criteria = [
    ...view.headers.map((header) => compileHeaderMatcher(header, errors)),
    ...view.queryParameters.map((parameter) => compileQueryParameter(parameter, errors)),
  ]
  return (headers) => {
    const { path: text, method } = headers
    const isPath =
      path.kind === 'connect' ? method === 'CONNECT' : matchesPath(path, text, lowerAscii(text), pathLength(text))
    return isPath && criteria.every((holds) => holds(headers))
  }
}
