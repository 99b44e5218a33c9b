// A virtual host's part in its routes: names, inherited settings, header changes, virtual clusters.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../access_log/header_matcher.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { RateLimitEntry } from '../../http/rate_limit.ts'
import type { RetryPolicy, VirtualHostInfo } from '../../http/route.ts'
import type { ShadowPolicy } from '../../upstream/shadow_policy.ts'
import { compileRequestHeaderParser, compileResponseHeaderParser, type HeaderParser } from '../header_parser.ts'
import { compileRateLimits } from '../rate_limit/rate_limit_entry.ts'
import { type ClusterSpecifier, compileClusterSpecifiers } from './cluster_specifier.ts'
import { compileMirrorPolicies } from './mirror_policy.ts'
import { compilePerFilterConfigs, noPerFilterConfigs, type PerFilterConfigs } from './per_filter_config.ts'
import { RequestStats } from './request_stats.ts'
import { compileRetryPolicy } from './retry_policy.ts'

type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type VirtualHost = envoy.config.route.v3.VirtualHost

/** What a route configuration hands down to its virtual hosts. */
export interface RouteConfigSettings {
  readonly name: string
  readonly validateClusters: boolean
  readonly maxDirectResponseBodySizeBytes: number
  readonly ignorePathParameters: boolean
  readonly mostSpecificHeaderMutationsWins: boolean
  readonly perFilter: PerFilterConfigs
  readonly shadowPolicies: readonly ShadowPolicy[]
  /** By name. */
  readonly clusterSpecifiers: ReadonlyMap<string, ClusterSpecifier | undefined>
  readonly requestHeaders: HeaderParser | undefined
  readonly responseHeaders: HeaderParser | undefined
}

const defaultMaxDirectResponseBodySizeBytes = 4096

export function compileRouteConfigSettings(
  view: RouteConfiguration,
  context: RouteContext,
  validatesClusters: boolean,
): RouteConfigSettings {
  const validateClusters = view.validateClusters ?? validatesClusters
  return {
    name: view.name,
    validateClusters,
    maxDirectResponseBodySizeBytes: view.maxDirectResponseBodySizeBytes ?? defaultMaxDirectResponseBodySizeBytes,
    ignorePathParameters: view.ignorePathParametersInPathMatching,
    mostSpecificHeaderMutationsWins: view.mostSpecificHeaderMutationsWins,
    perFilter: compilePerFilterConfigs(view, noPerFilterConfigs, context),
    shadowPolicies: compileMirrorPolicies(
      view.requestMirrorPolicies,
      [],
      validateClusters &&
        view.virtualHosts.some((host) => host.requestMirrorPolicies.length === 0 && handsOnPolicies(host)),
      context,
    ),
    clusterSpecifiers: compileClusterSpecifiers(view.clusterSpecifierPlugins, context),
    requestHeaders: compileRequestHeaderParser(view, context.errors),
    responseHeaders: compileResponseHeaderParser(view, context.errors),
  }
}

interface VirtualClusterEntry {
  readonly matchers: readonly ((headers: HeaderMap) => boolean)[]
  readonly stats: RequestStats
}

export class VirtualHostSettings implements VirtualHostInfo {
  readonly name: string
  readonly routeConfig: RouteConfigSettings
  readonly routeConfigName: string
  readonly includeRequestAttemptCount: boolean
  readonly includeAttemptCountInResponse: boolean
  readonly includeIsTimeoutRetryHeader: boolean
  readonly metadata: Readonly<Record<string, Record<string, unknown>>>
  readonly perFilter: PerFilterConfigs
  readonly retryPolicy: RetryPolicy | undefined
  readonly shadowPolicies: readonly ShadowPolicy[]
  readonly hedgePolicy: envoy.config.route.v3.HedgePolicy | undefined
  readonly rateLimits: readonly RateLimitEntry[]
  readonly requestBodyBufferLimitBytes: number | undefined
  /** Those of the virtual host and the route configuration, in the order in which they apply. */
  readonly requestHeaders: readonly HeaderParser[]
  readonly responseHeaders: readonly HeaderParser[]
  readonly #virtualClusters: readonly VirtualClusterEntry[]
  readonly #otherRequests: RequestStats | undefined

  constructor(view: VirtualHost, routeConfig: RouteConfigSettings, context: RouteContext) {
    const { errors } = context
    this.name = view.name
    this.routeConfig = routeConfig
    this.routeConfigName = routeConfig.name
    this.includeRequestAttemptCount = view.includeRequestAttemptCount
    this.includeAttemptCountInResponse = view.includeAttemptCountInResponse
    this.includeIsTimeoutRetryHeader = view.includeIsTimeoutRetryHeader
    this.metadata = view.metadata?.filterMetadata ?? {}
    this.perFilter = compilePerFilterConfigs(view, routeConfig.perFilter, context, view.cors)
    this.retryPolicy = view.retryPolicy === undefined ? undefined : compileRetryPolicy(view.retryPolicy, context)
    this.hedgePolicy = view.hedgePolicy
    this.shadowPolicies = compileMirrorPolicies(
      view.requestMirrorPolicies,
      routeConfig.shadowPolicies,
      routeConfig.validateClusters && handsOnPolicies(view),
      context,
    )
    this.rateLimits = compileRateLimits(view.rateLimits, context)
    this.requestBodyBufferLimitBytes = view.requestBodyBufferLimit ?? view.perRequestBufferLimitBytes
    this.requestHeaders = this.#levels(compileRequestHeaderParser(view, errors), routeConfig.requestHeaders)
    this.responseHeaders = this.#levels(compileResponseHeaderParser(view, errors), routeConfig.responseHeaders)
    const group = `vhost.${view.name}.vcluster`
    this.#virtualClusters = view.virtualClusters.map((cluster) => ({
      matchers: virtualClusterMatchers(cluster, errors),
      stats: new RequestStats(context.scope, group, cluster.name),
    }))
    this.#otherRequests =
      view.virtualClusters.length === 0 ? undefined : new RequestStats(context.scope, group, 'other')
  }

  /** The first that matches, else `other`; undefined where the virtual host has none. */
  virtualCluster(headers: HeaderMap): RequestStats | undefined {
    if (this.#otherRequests === undefined) return undefined
    for (const { matchers, stats } of this.#virtualClusters) {
      if (matchers.every((matches) => matches(headers))) return stats
    }
    return this.#otherRequests
  }

  /** Puts a route's own changes beside inherited ones: first, unless the most specific shall have the last word. */
  withRoute(inherited: readonly HeaderParser[], own: HeaderParser | undefined): readonly HeaderParser[] {
    if (own === undefined) return inherited
    return this.routeConfig.mostSpecificHeaderMutationsWins ? [...inherited, own] : [own, ...inherited]
  }

  #levels(own: HeaderParser | undefined, outer: HeaderParser | undefined): readonly HeaderParser[] {
    return this.withRoute(outer === undefined ? [] : [outer], own)
  }
}

/** Clusters of mirror policies have to be there for the routes that have none of their own. */
function handsOnPolicies({ routes }: VirtualHost): boolean {
  return routes.some(({ route }) => route === undefined || route.requestMirrorPolicies.length === 0)
}

function virtualClusterMatchers(
  view: envoy.config.route.v3.VirtualCluster,
  errors: ConfigErrors,
): readonly ((headers: HeaderMap) => boolean)[] {
  if (view.headers.length === 0) errors.add(view, 'headers', "virtual clusters must define 'headers'")
  return view.headers.map((header) => compileHeaderMatcher(header, errors))
}
