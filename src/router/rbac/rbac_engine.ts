// Decides on access by RBAC's rules: policies by name, or a matcher tree whose leaves are actions.

import type { envoy, xds } from '../../../proto/generated/api.d.ts'
import { utf8ByteString } from '../../common/string_matcher.ts'
import { compileMatcherTree, type MatchInput } from '../../config/matcher_tree.ts'
import { compileRequestMatchInput } from '../../http/request_match_inputs.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { compilePermission } from './permission.ts'
import { compilePrincipal } from './principal.ts'
import { anyOf, type RbacContext, type RbacMatcher, type RbacSubject } from './rbac_matcher.ts'

type RulesView = envoy.config.rbac.v3.RBAC
type MatcherView = xds.type.matcher.v3.Matcher
type ExtensionView = xds.core.v3.TypedExtensionConfig
type ActionView = envoy.config.rbac.v3.Action

export interface RbacDecision {
  readonly isAllowed: boolean
  /** The name of the policy, or the action, that has decided; undefined for none. */
  readonly policyId: string | undefined
  /** Undefined where no action is LOG. */
  readonly isToBeLogged: boolean | undefined
}

export type RbacEngine = (subject: RbacSubject) => RbacDecision

/** Undefined where a filter has neither rules nor a matcher. A matcher goes first. What is wrong goes to `context.errors`. */
export function compileEngine(
  rules: RulesView | undefined,
  matcher: MatcherView | undefined,
  context: RbacContext,
): RbacEngine | undefined {
  if (matcher !== undefined) return compileMatcher(matcher, context)
  return rules === undefined ? undefined : compileRules(rules, context)
}

/** %RESPONSE_CODE_DETAILS% or %CONNECTION_TERMINATION_DETAILS% of what is denied. */
export function denialDetails({ policyId = 'none' }: RbacDecision): string {
  return `rbac_access_denied_matched_policy[${utf8ByteString(policyId.replace(/[ \t\n\v\f\r]/g, '_'))}]`
}

function compileRules(view: RulesView, context: RbacContext): RbacEngine {
  const policies = Object.entries(view.policies).map(([policyId, policy]) => ({
    policyId,
    sortKey: utf8ByteString(policyId),
    matches: compilePolicy(policy, context),
  }))
  policies.sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1))
  const { action } = view
  return (subject) => {
    const policyId = policies.find(({ matches }) => matches(subject))?.policyId
    const hasMatched = policyId !== undefined
    if (action === 'LOG') return { isAllowed: true, policyId, isToBeLogged: hasMatched }
    return { isAllowed: hasMatched === (action === 'ALLOW'), policyId, isToBeLogged: undefined }
  }
}

function compilePolicy(view: envoy.config.rbac.v3.Policy, context: RbacContext): RbacMatcher {
  const isPermitted = anyOf(view.permissions.map((permission) => compilePermission(permission, context)))
  const isPrincipal = anyOf(view.principals.map((principal) => compilePrincipal(principal, context)))
  return (subject) => isPermitted(subject) && isPrincipal(subject)
}

const actionType = 'envoy.config.rbac.v3.Action'

/** What no leaf decides is denied. */
function compileMatcher(view: MatcherView, context: RbacContext): RbacEngine {
  const { errors, runtime } = context
  let logs = false
  const find = compileMatcherTree<RbacSubject, ActionView>(view, {
    errors,
    runtime,
    compileInput: (input) => compileInput(input, context),
    compileAction(extension) {
      const { typeUrl, value } = extension.typedConfig ?? { typeUrl: '', value: undefined }
      if (typeUrl === actionType) {
        logs ||= (value as ActionView).action === 'LOG'
        return value as ActionView
      }
      const message = `Didn't find a registered implementation for '${extension.name}' with type URL: '${typeUrl}'`
      const field = extension.typedConfig === undefined ? 'name' : 'typedConfig'
      errors.add(extension, field, message, { expected: actionType })
      return undefined
    },
  })
  return (subject) => {
    const found = find(subject)
    if (found === undefined) return { isAllowed: false, policyId: undefined, isToBeLogged: undefined }
    const isToBeLogged = logs ? found.action === 'LOG' : undefined
    return { isAllowed: found.action !== 'DENY', policyId: found.name, isToBeLogged }
  }
}

const http = 'envoy.type.matcher.v3'
const network = 'envoy.extensions.matching.common_inputs.network.v3'

/** Inputs that Envoy knows, but refuses here. */
const refusedInputs: Readonly<Record<RbacContext['filter'], ReadonlySet<string>>> = {
  HTTP: new Set([
    `${http}.HttpRequestTrailerMatchInput`,
    `${http}.HttpResponseHeaderMatchInput`,
    `${http}.HttpResponseTrailerMatchInput`,
    `${http}.HttpResponseStatusCodeMatchInput`,
    `${http}.HttpResponseStatusCodeClassMatchInput`,
    `${http}.HttpResponseLocalReplyMatchInput`,
    `${http}.HttpRequestQueryParamMatchInput`,
    `${network}.SourceTypeInput`,
  ]),
  network: new Set([`${network}.SourceTypeInput`, `${network}.DynamicMetadataInput`]),
}

function compileInput(view: ExtensionView, context: RbacContext): MatchInput<RbacSubject> | undefined {
  const { errors, filter } = context
  const input = compileRequestMatchInput(view, errors)
  const typeUrl = view.typedConfig?.typeUrl ?? ''
  const isOfHttp = typeUrl.startsWith(`${http}.`)
  if (refusedInputs[filter].has(typeUrl) || (filter === 'network' && isOfHttp)) {
    errors.add(view, 'typedConfig', `RBAC ${filter} filter cannot match '${typeUrl}'`)
  }
  return input
}

/** By this access logs are told what to write. Shadow rules have no say in it. */
export function noteForLogs({ isToBeLogged }: RbacDecision, streamInfo: StreamInfo): void {
  if (isToBeLogged !== undefined) streamInfo.setDynamicMetadata('envoy.common', { access_log_hint: isToBeLogged })
}
