// Compiles a RouteAction: everything about forwarding but the choice of the cluster.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { InternalRedirectPredicateFactory } from '../../http/internal_redirect_predicate.ts'
import type { ConnectSettings, ForwardRoute, InternalRedirectPolicy, RouteUpgrade } from '../../http/route.ts'
import { compileRateLimits } from '../rate_limit/rate_limit_entry.ts'
import type { ForwardSettings } from './forward_route.ts'
import { compileHashPolicies } from './hash_policy.ts'
import { compileHostRewrite } from './host_rewrite.ts'
import { compileMirrorPolicies } from './mirror_policy.ts'
import type { PathMatcher } from './path_matcher.ts'
import { formattedRewrite, type PathRewrite, prefixRewrite, regexRewrite, templateRewrite } from './path_rewrite.ts'
import { compileRetryPolicy } from './retry_policy.ts'
import type { RouteSettings } from './route_settings.ts'

type RouteAction = envoy.config.route.v3.RouteAction
type ConnectConfig = envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig

const defaultTimeoutMs = 15_000
const notFoundStatus: Readonly<Record<RouteAction['clusterNotFoundResponseCode'], number>> = {
  SERVICE_UNAVAILABLE: 503,
  NOT_FOUND: 404,
  INTERNAL_SERVER_ERROR: 500,
}

/** What is wrong goes to `context.errors`. */
export function compileForwardSettings(
  view: RouteAction,
  matcher: PathMatcher,
  route: RouteSettings,
  context: RouteContext,
): ForwardSettings {
  const { errors } = context
  const { maxStreamDuration, retryPolicy } = view
  return {
    route,
    clusterNotFoundStatus: notFoundStatus[view.clusterNotFoundResponseCode],
    priority: view.priority,
    // A limit of the whole stream stands in the place of the response's.
    timeoutMs: maxStreamDuration === undefined ? (view.timeout ?? defaultTimeoutMs) : 0,
    idleTimeoutMs: view.idleTimeout,
    maxStreamDurationMs: maxStreamDuration?.maxStreamDuration,
    grpcTimeoutHeaderMaxMs: maxStreamDuration?.grpcTimeoutHeaderMax,
    grpcTimeoutHeaderOffsetMs: maxStreamDuration?.grpcTimeoutHeaderOffset,
    maxGrpcTimeoutMs: view.maxGrpcTimeout,
    grpcTimeoutOffsetMs: view.grpcTimeoutOffset,
    flushTimeoutMs: view.flushTimeout,
    upgrades: compileUpgrades(view, errors),
    appendXForwardedHost: view.appendXForwardedHost,
    autoHostRewrite: view.autoHostRewrite ?? false,
    internalRedirect: compileInternalRedirect(view, route.name, context),
    metadataMatch: view.metadataMatch?.filterMetadata['envoy.lb'],
    retryPolicy: retryPolicy === undefined ? route.virtualHost.retryPolicy : compileRetryPolicy(retryPolicy, context),
    hedgeOnPerTryTimeout: (view.hedgePolicy ?? route.virtualHost.hedgePolicy)?.hedgeOnPerTryTimeout ?? false,
    shadowPolicies: compileMirrorPolicies(
      view.requestMirrorPolicies,
      route.virtualHost.shadowPolicies,
      route.virtualHost.routeConfig.validateClusters,
      context,
    ),
    rateLimits: compileRateLimits(view.rateLimits, context),
    includeVhRateLimits: view.includeVhRateLimits ?? false,
    requestHash: compileHashPolicies(view.hashPolicy, errors),
    hostRewrite: compileHostRewrite(view, errors),
    pathRewrite: compilePathRewrite(view, matcher, errors),
  }
}

function compilePathRewrite(view: RouteAction, matcher: PathMatcher, errors: ConfigErrors): PathRewrite | undefined {
  const given = [
    view.prefixRewrite !== '',
    view.regexRewrite !== undefined,
    view.pathRewritePolicy !== undefined,
    view.pathRewrite !== '',
  ]
  if (given.filter(Boolean).length > 1) {
    errors.add(view, undefined, 'Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy')
    return undefined
  }
  if (view.pathRewrite !== '') return formattedRewrite(view, view.pathRewrite, errors)
  if (view.pathRewritePolicy !== undefined) return templateRewrite(view.pathRewritePolicy, matcher, errors)
  if (view.regexRewrite !== undefined) return regexRewrite(view.regexRewrite, errors)
  return prefixRewrite(view, matcher, errors)
}

function compileUpgrades(view: RouteAction, errors: ConfigErrors): ForwardRoute['upgrades'] {
  const upgrades = new Map<string, RouteUpgrade>()
  for (const config of view.upgradeConfigs) {
    const type = config.upgradeType.toLowerCase()
    if (upgrades.has(type)) errors.add(config, 'upgradeType', `Duplicate upgrade ${config.upgradeType}`)
    const { connectConfig } = config
    if (connectConfig !== undefined && type !== 'connect' && type !== 'connect-udp') {
      errors.add(config, 'connectConfig', `Non-CONNECT upgrade type ${config.upgradeType} has ConnectConfig`)
    }
    upgrades.set(type, {
      enabled: config.enabled ?? true,
      connect: connectConfig === undefined ? undefined : compileConnect(connectConfig, errors),
    })
  }
  return upgrades.size === 0 ? noUpgrades : upgrades
}

function compileConnect({ allowPost, proxyProtocolConfig }: ConnectConfig, errors: ConfigErrors): ConnectSettings {
  if (proxyProtocolConfig === undefined) return { allowPost, proxyProtocolVersion: undefined }
  const { addedTlvs, passThroughTlvs } = proxyProtocolConfig
  if (addedTlvs.length > 0 || passThroughTlvs !== undefined) {
    const field = addedTlvs.length > 0 ? 'addedTlvs' : 'passThroughTlvs'
    errors.warn(proxyProtocolConfig, field, 'the header of a CONNECT carries no TLVs: this has no effect')
  }
  return { allowPost, proxyProtocolVersion: proxyProtocolConfig.version === 'V2' ? 2 : 1 }
}

const noUpgrades: ForwardRoute['upgrades'] = new Map()
const redirectCodes = [301, 302, 303, 307, 308]
const predicateCategory = 'envoy.internal_redirect_predicates'

/** internal_redirect_policy, or the two old fields that it has replaced. */
function compileInternalRedirect(
  view: RouteAction,
  routeName: string,
  { errors, registry }: RouteContext,
): InternalRedirectPolicy | undefined {
  const policy = view.internalRedirectPolicy
  if (policy === undefined) {
    if (view.internalRedirectAction !== 'HANDLE_INTERNAL_REDIRECT') return undefined
    return {
      maxInternalRedirects: view.maxInternalRedirects ?? 1,
      redirectResponseCodes: new Set([302]),
      predicates: [],
      allowCrossSchemeRedirect: false,
      responseHeadersToCopy: [],
    }
  }
  const codes = policy.redirectResponseCodes.filter((code) => redirectCodes.includes(code))
  policy.responseHeadersToCopy.forEach((name, index) => {
    if (name.startsWith(':') || name.toLowerCase() === 'host') {
      errors.add(policy, 'responseHeadersToCopy', ':-prefixed headers or Hosts may not be specified here.', { index })
    }
  })
  return {
    maxInternalRedirects: policy.maxInternalRedirects ?? 1,
    redirectResponseCodes: new Set(policy.redirectResponseCodes.length === 0 ? [302] : codes),
    predicates: policy.predicates.flatMap((each) => {
      const factory = registry.lookup<InternalRedirectPredicateFactory>(predicateCategory, each, errors)
      return factory?.createInternalRedirectPredicate(each.typedConfig?.value, routeName) ?? []
    }),
    allowCrossSchemeRedirect: policy.allowCrossSchemeRedirect,
    responseHeadersToCopy: policy.responseHeadersToCopy.map((name) => name.toLowerCase()),
  }
}
