// What a matched route tells the connection manager and the router filter.

import type { HeaderMap } from '../common/header_map.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { RetryHostPredicate, RetryPriority } from '../upstream/retry.ts'
import type { ShadowPolicy } from '../upstream/shadow_policy.ts'
import type { InternalRedirectPredicate } from './internal_redirect_predicate.ts'
import type { RateLimitEntry } from './rate_limit.ts'

/** The result of matching a request, one of three kinds. */
export type Route = ForwardRoute | DirectResponseRoute | NonForwardingRoute

interface RouteCommon {
  readonly name: string
  readonly virtualHost: VirtualHostInfo
  /** `metadata` of the route by namespace. */
  readonly metadata: Readonly<Record<string, Record<string, unknown>>>
  /** The most specific typed_per_filter_config entry of a filter name; undefined for none. */
  mostSpecificPerFilterConfig(filterName: string): unknown
  /** Every level's entry, least specific first. */
  perFilterConfigs(filterName: string): readonly unknown[]
  /** `disabled` of a FilterConfig at the most specific level that has one; undefined where no level says. */
  filterDisabled(filterName: string): boolean | undefined
  /** Applies all levels' response header changes, in the configured order. */
  finalizeResponseHeaders(headers: HeaderMap, requestHeaders: HeaderMap, streamInfo: StreamInfo): void
  /** What %ROUTE...% operators and tracers read; undefined where the route has no decorator. */
  readonly decorator: { readonly operation: string; readonly propagate: boolean } | undefined
  /** Statistics of a route with a stat_prefix (`vhost.<vhost>.route.<stat_prefix>.`). */
  readonly requestStats: RequestStatsInfo | undefined
  /** Bytes of the request's body that may be buffered; undefined keeps the connection's limit. */
  readonly requestBodyBufferLimitBytes: number | undefined
  /** Overrides of the connection manager's timers; undefined keeps the manager's. Milliseconds, 0 disables. */
  readonly idleTimeoutMs: number | undefined
}

export interface VirtualHostInfo {
  readonly name: string
  readonly routeConfigName: string
  readonly includeRequestAttemptCount: boolean
  readonly includeAttemptCountInResponse: boolean
  readonly includeIsTimeoutRetryHeader: boolean
  readonly metadata: Readonly<Record<string, Record<string, unknown>>>
  readonly rateLimits: readonly RateLimitEntry[]
  /** The virtual cluster that a request belongs to, or undefined. */
  virtualCluster(headers: HeaderMap): VirtualClusterInfo | undefined
}

/** A virtual cluster and its kept stats handles (`vhost.<vhost>.vcluster.<name>.`). */
export interface VirtualClusterInfo extends RequestStatsInfo {
  readonly name: string
}

/** Statistics of a part of the traffic. */
export interface RequestStatsInfo {
  /** A request goes upstream. */
  onRequest(): void
  /** A response goes to the client. */
  onResponse(statusCode: number): void
  /** The response is complete, so many milliseconds after the request. */
  onRequestComplete(durationMs: number): void
  onRetry(): void
  onRetrySuccess(): void
  onRetryLimitExceeded(): void
  onRetryOverflow(): void
  onTimeout(): void
}

/** redirect and direct_response: answered without an upstream. */
export interface DirectResponseRoute extends RouteCommon {
  readonly kind: 'directResponse'
  readonly status: number
  /** The body as a byte string; '' for none. */
  body(): string
  /** The body through body_format; undefined where the route has none. */
  formattedBody(headers: HeaderMap, streamInfo: StreamInfo): { body: string; contentType: string } | undefined
  /**
   * The `location` of a redirect, of a direct response with status 201 or 3xx; '' for any other. A path_rewrite format
   * can only be applied with `streamInfo`.
   */
  location(headers: HeaderMap, streamInfo?: StreamInfo): string
  /** Does nothing, as in Envoy: a request that goes nowhere keeps its headers. */
  finalizeRequestHeaders(headers: HeaderMap, streamInfo: StreamInfo): void
}

export interface NonForwardingRoute extends RouteCommon {
  readonly kind: 'nonForwarding'
}

/** One of `upgrade_configs` of a route. */
export interface RouteUpgrade {
  readonly enabled: boolean
  /** How a CONNECT ends here; undefined where it is passed on. */
  readonly connect: ConnectSettings | undefined
}

/** `connect_config`: the payload of a request goes to the upstream as plain TCP. */
export interface ConnectSettings {
  readonly allowPost: boolean
  /** Of the PROXY header in front of the payload; undefined for none. */
  readonly proxyProtocolVersion: 1 | 2 | undefined
}

export interface ForwardRoute extends RouteCommon {
  readonly kind: 'forward'
  /** The cluster's name, weighted and header-chosen ones resolved; '' where cluster_header is absent. */
  readonly clusterName: string
  /** 404 or 503 or 500, by cluster_not_found_response_code. */
  readonly clusterNotFoundStatus: number
  readonly priority: 'DEFAULT' | 'HIGH'
  /** Whole-request timeout, default 15 s; 0 disables. */
  readonly timeoutMs: number
  readonly maxStreamDurationMs: number | undefined
  readonly grpcTimeoutHeaderMaxMs: number | undefined
  readonly grpcTimeoutHeaderOffsetMs: number | undefined
  /** The old max_grpc_timeout and grpc_timeout_offset. */
  readonly maxGrpcTimeoutMs: number | undefined
  readonly grpcTimeoutOffsetMs: number | undefined
  readonly flushTimeoutMs: number | undefined
  /** Upgrades allowed or forbidden for this route, by lower-case type; connect_config of CONNECT. */
  readonly upgrades: ReadonlyMap<string, RouteUpgrade>
  readonly appendXForwardedHost: boolean
  readonly autoHostRewrite: boolean
  readonly internalRedirect: InternalRedirectPolicy | undefined
  /** metadata_match of the route (and weighted cluster), for subset balancing: the `envoy.lb` namespace. */
  readonly metadataMatch: Readonly<Record<string, unknown>> | undefined
  /** Parsed retry_policy settings; undefined for none. */
  readonly retryPolicy: RetryPolicy | undefined
  /** Those of the cluster stand in their place, if it has any. */
  readonly shadowPolicies: readonly ShadowPolicy[]
  /** An attempt that takes too long goes on beside its retry. */
  readonly hedgeOnPerTryTimeout: boolean
  readonly rateLimits: readonly RateLimitEntry[]
  /** Those of the virtual host count too, whatever filters say. */
  readonly includeVhRateLimits: boolean
  /** Hash of the request for ring hash and maglev; undefined where no policy yields one. */
  hash(headers: HeaderMap, streamInfo: StreamInfo, addCookie?: AddCookie): bigint | undefined
  /** Path and host rewrites and all levels' request header changes. Sets x-envoy-original-path and -host unless suppressed. */
  finalizeRequestHeaders(headers: HeaderMap, streamInfo: StreamInfo, insertEnvoyOriginals: boolean): void
}

/** Takes the `set-cookie` that a hash policy wants the response to carry. */
export type AddCookie = (setCookie: string) => void

export type RequestHash = (headers: HeaderMap, streamInfo: StreamInfo, addCookie?: AddCookie) => bigint | undefined

export interface InternalRedirectPolicy {
  readonly maxInternalRedirects: number
  readonly redirectResponseCodes: ReadonlySet<number>
  /** All of them have to accept where it leads. */
  readonly predicates: readonly InternalRedirectPredicate[]
  readonly allowCrossSchemeRedirect: boolean
  readonly responseHeadersToCopy: readonly string[]
}

export interface RetryPolicy {
  /** The words of retry_on (and x-envoy-retry-on's spelling). */
  readonly retryOn: ReadonlySet<string>
  readonly numRetries: number
  readonly perTryTimeoutMs: number
  readonly perTryIdleTimeoutMs: number
  readonly retriableStatusCodes: ReadonlySet<number>
  /** Response headers that make a response retriable (retriable-headers): any one that matches. */
  readonly retriableHeaders: readonly ((headers: HeaderMap) => boolean)[]
  /** Request headers of which one must match for a retry; none means every request. */
  readonly retriableRequestHeaders: readonly ((headers: HeaderMap) => boolean)[]
  /** Undefined where the policy says nothing of them. */
  readonly backOffBaseMs: number | undefined
  readonly backOffMaxMs: number | undefined
  readonly rateLimitedBackOff: RateLimitedBackOff | undefined
  /** How often a retry whose host the predicates turn down gets another choice. */
  readonly hostSelectionRetryMaxAttempts: number
  /** Each makes the predicate of one request. */
  readonly retryHostPredicates: readonly (() => RetryHostPredicate)[]
  readonly retryPriority: (() => RetryPriority) | undefined
}

export interface RateLimitedBackOff {
  /** Response headers (lower-case) that say when to come back, the first usable one counts. */
  readonly resetHeaders: readonly { readonly name: string; readonly format: 'SECONDS' | 'UNIX_TIMESTAMP' }[]
  readonly maxMs: number
}

/**
 * Asks discovery for routes of a request that has none; `done` is called when there is word of them. What is returned
 * gives the wait up. Undefined where nothing more can come.
 */
export type RequestRouteUpdate = (headers: HeaderMap, done: () => void) => (() => void) | undefined

/** Where a connection manager's routes come from. */
export interface RouteSource {
  /** The table in force for a request; undefined where there is none, or none yet. */
  readonly routeConfig: (headers: HeaderMap) => RouteConfig | undefined
  readonly requestUpdate: RequestRouteUpdate
}

/** The same routes for every request, for ever. */
export function fixedRoutes(routes: RouteConfig | undefined): RouteSource {
  return { routeConfig: () => routes, requestUpdate: () => undefined }
}

/** A route table: one RouteConfiguration, compiled. */
export interface RouteConfig {
  readonly name: string
  /** First match in Envoy's order; `random` is the stream's stable random number, for runtime fractions and weights. */
  route(headers: HeaderMap, streamInfo: StreamInfo, random: number): Route | undefined
  readonly maxDirectResponseBodySizeBytes: number
  /** Lower-case names that are removed from requests of external origin. */
  readonly internalOnlyHeaders: readonly string[]
}
