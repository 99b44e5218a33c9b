// A route to a cluster, as the router filter sees it.

import type { HeaderMap } from '../../common/header_map.ts'
import type { RateLimitEntry } from '../../http/rate_limit.ts'
import type { AddCookie, ForwardRoute, InternalRedirectPolicy, RequestHash, RetryPolicy } from '../../http/route.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { ShadowPolicy } from '../../upstream/shadow_policy.ts'
import type { HeaderParser } from '../header_parser.ts'
import { type HostRewrite, rewriteAuthority } from './host_rewrite.ts'
import type { PathRewrite } from './path_rewrite.ts'
import type { PerFilterConfigs } from './per_filter_config.ts'
import { applyResponseHeaders, formatterContext, type RouteSettings } from './route_settings.ts'

/** A compiled RouteAction, shared by all clusters that its route may choose. */
export interface ForwardSettings {
  readonly route: RouteSettings
  readonly clusterNotFoundStatus: number
  readonly priority: 'DEFAULT' | 'HIGH'
  readonly timeoutMs: number
  readonly idleTimeoutMs: number | undefined
  readonly maxStreamDurationMs: number | undefined
  readonly grpcTimeoutHeaderMaxMs: number | undefined
  readonly grpcTimeoutHeaderOffsetMs: number | undefined
  readonly maxGrpcTimeoutMs: number | undefined
  readonly grpcTimeoutOffsetMs: number | undefined
  readonly flushTimeoutMs: number | undefined
  readonly upgrades: ForwardRoute['upgrades']
  readonly appendXForwardedHost: boolean
  readonly autoHostRewrite: boolean
  readonly internalRedirect: InternalRedirectPolicy | undefined
  readonly metadataMatch: Readonly<Record<string, unknown>> | undefined
  readonly retryPolicy: RetryPolicy | undefined
  readonly shadowPolicies: readonly ShadowPolicy[]
  readonly hedgeOnPerTryTimeout: boolean
  readonly rateLimits: readonly RateLimitEntry[]
  readonly includeVhRateLimits: boolean
  readonly requestHash: RequestHash | undefined
  readonly hostRewrite: HostRewrite | undefined
  readonly pathRewrite: PathRewrite | undefined
}

/** What one entry of weighted_clusters adds. */
export interface WeightedSettings {
  readonly metadataMatch: Readonly<Record<string, unknown>> | undefined
  readonly perFilter: PerFilterConfigs
  readonly requestHeaders: HeaderParser | undefined
  readonly responseHeaders: HeaderParser | undefined
  /** Replaces the authority before the route's own rewrites; '' for none. */
  readonly hostRewriteLiteral: string
}

export class ForwardRouteEntry implements ForwardRoute {
  readonly kind = 'forward' as const
  readonly clusterName: string
  readonly name: string
  readonly virtualHost: RouteSettings['virtualHost']
  readonly metadata: RouteSettings['metadata']
  readonly decorator: RouteSettings['decorator']
  readonly requestStats: RouteSettings['requestStats']
  readonly requestBodyBufferLimitBytes: number | undefined
  readonly clusterNotFoundStatus: number
  readonly priority: 'DEFAULT' | 'HIGH'
  readonly timeoutMs: number
  readonly idleTimeoutMs: number | undefined
  readonly maxStreamDurationMs: number | undefined
  readonly grpcTimeoutHeaderMaxMs: number | undefined
  readonly grpcTimeoutHeaderOffsetMs: number | undefined
  readonly maxGrpcTimeoutMs: number | undefined
  readonly grpcTimeoutOffsetMs: number | undefined
  readonly flushTimeoutMs: number | undefined
  readonly upgrades: ForwardRoute['upgrades']
  readonly appendXForwardedHost: boolean
  readonly autoHostRewrite: boolean
  readonly internalRedirect: InternalRedirectPolicy | undefined
  readonly metadataMatch: Readonly<Record<string, unknown>> | undefined
  readonly retryPolicy: RetryPolicy | undefined
  readonly shadowPolicies: readonly ShadowPolicy[]
  readonly hedgeOnPerTryTimeout: boolean
  readonly rateLimits: readonly RateLimitEntry[]
  readonly includeVhRateLimits: boolean
  readonly #settings: ForwardSettings
  readonly #weighted: WeightedSettings | undefined
  readonly #perFilter: PerFilterConfigs
  readonly #changesRequests: boolean

  constructor(settings: ForwardSettings, clusterName: string, weighted: WeightedSettings | undefined) {
    const { route } = settings
    this.clusterName = clusterName
    this.name = route.name
    this.virtualHost = route.virtualHost
    this.metadata = route.metadata
    this.decorator = route.decorator
    this.requestStats = route.requestStats
    this.requestBodyBufferLimitBytes = route.requestBodyBufferLimitBytes
    this.clusterNotFoundStatus = settings.clusterNotFoundStatus
    this.priority = settings.priority
    this.timeoutMs = settings.timeoutMs
    this.idleTimeoutMs = settings.idleTimeoutMs
    this.maxStreamDurationMs = settings.maxStreamDurationMs
    this.grpcTimeoutHeaderMaxMs = settings.grpcTimeoutHeaderMaxMs
    this.grpcTimeoutHeaderOffsetMs = settings.grpcTimeoutHeaderOffsetMs
    this.maxGrpcTimeoutMs = settings.maxGrpcTimeoutMs
    this.grpcTimeoutOffsetMs = settings.grpcTimeoutOffsetMs
    this.flushTimeoutMs = settings.flushTimeoutMs
    this.upgrades = settings.upgrades
    this.appendXForwardedHost = settings.appendXForwardedHost
    this.autoHostRewrite = settings.autoHostRewrite
    this.internalRedirect = settings.internalRedirect
    this.metadataMatch = weighted?.metadataMatch ?? settings.metadataMatch
    this.retryPolicy = settings.retryPolicy
    this.shadowPolicies = settings.shadowPolicies
    this.hedgeOnPerTryTimeout = settings.hedgeOnPerTryTimeout
    this.rateLimits = settings.rateLimits
    this.includeVhRateLimits = settings.includeVhRateLimits
    this.#settings = settings
    this.#weighted = weighted
    this.#perFilter = weighted?.perFilter ?? route.perFilter
    this.#changesRequests =
      weighted?.requestHeaders !== undefined ||
      (weighted?.hostRewriteLiteral ?? '') !== '' ||
      route.requestHeaders.length > 0 ||
      settings.hostRewrite !== undefined ||
      settings.pathRewrite !== undefined
  }

  mostSpecificPerFilterConfig(filterName: string): unknown {
    return this.#perFilter.mostSpecific(filterName)
  }

  perFilterConfigs(filterName: string): readonly unknown[] {
    return this.#perFilter.all(filterName)
  }

  filterDisabled(filterName: string): boolean | undefined {
    return this.#perFilter.disabled(filterName)
  }

  hash(headers: HeaderMap, streamInfo: StreamInfo, addCookie?: AddCookie): bigint | undefined {
    return this.#settings.requestHash?.(headers, streamInfo, addCookie)
  }

  /** In Envoy's order: the weighted cluster's changes, the levels', the host, the path. */
  finalizeRequestHeaders(headers: HeaderMap, streamInfo: StreamInfo, insertEnvoyOriginals: boolean): void {
    if (!this.#changesRequests) return
    const { route, hostRewrite, pathRewrite, appendXForwardedHost } = this.#settings
    const ctx = formatterContext(route, headers, undefined, streamInfo)
    if (this.#weighted !== undefined) {
      this.#weighted.requestHeaders?.evaluate(headers, ctx)
      if (this.#weighted.hostRewriteLiteral !== '') headers.authority = this.#weighted.hostRewriteLiteral
    }
    for (let i = 0; i < route.requestHeaders.length; i++) route.requestHeaders[i].evaluate(headers, ctx)
    const host = hostRewrite?.(headers, ctx)
    if (host !== undefined) rewriteAuthority(headers, host, appendXForwardedHost, insertEnvoyOriginals)
    if (pathRewrite === undefined || headers.path === '') return
    const path = pathRewrite(headers.path, ctx)
    if (path === '') return
    if (insertEnvoyOriginals) headers.set('x-envoy-original-path', headers.path)
    headers.path = path
  }

  finalizeResponseHeaders(headers: HeaderMap, requestHeaders: HeaderMap, streamInfo: StreamInfo): void {
    const { route } = this.#settings
    if (this.#weighted?.responseHeaders !== undefined) {
      this.#weighted.responseHeaders.evaluate(headers, formatterContext(route, requestHeaders, headers, streamInfo))
    }
    applyResponseHeaders(route, headers, requestHeaders, streamInfo)
  }
}
