// A RateLimit as the filter reads it, and what routes say about it.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { httpStatusCode } from '../../../../config/http_status.ts'
import type { Runtime } from '../../../../config/runtime.ts'
import type { RouteContext } from '../../../../http/factory.ts'
import type { RateLimitEntry } from '../../../../http/rate_limit.ts'
import { compileResponseHeaderParser, type HeaderParser } from '../../../../router/header_parser.ts'
import { RateLimitClient } from '../../../../router/rate_limit/rate_limit_client.ts'
import { compileFilterRateLimits } from '../../../../router/rate_limit/rate_limit_entry.ts'

type RateLimitView = envoy.extensions.filters.http.ratelimit.v3.RateLimit
type RateLimitPerRouteView = envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute
type RuntimeFractionalPercent = envoy.config.core.v3.RuntimeFractionalPercent

export interface RateLimitSettings {
  readonly domain: string
  readonly stage: number
  /** `internal`, `external` or `both`. */
  readonly requestType: string
  readonly client: RateLimitClient
  readonly runtime: Runtime
  readonly enabled: () => boolean
  readonly enforced: () => boolean
  /** Whether a request is refused where the service fails. */
  readonly failureModeDeny: () => boolean
  readonly status: number
  readonly statusOnError: number
  readonly grpcStatus: number | undefined
  readonly addsXRatelimitHeaders: boolean
  readonly addsXEnvoyRatelimited: boolean
  readonly addsRetryAfter: boolean
  readonly responseHeaders: HeaderParser | undefined
  /** Of the stats in the cluster: with a dot where it is not empty. */
  readonly statPrefix: string
  readonly metadataNamespace: string
  /** The filter's own; empty where those of routes count. */
  readonly rateLimits: readonly RateLimitEntry[]
}

export interface RateLimitPerRouteSettings {
  /** '' for that of the filter. */
  readonly domain: string
  readonly vhRateLimits: RateLimitPerRouteView['vhRateLimits']
  readonly rateLimits: readonly RateLimitEntry[]
}

const tooManyRequests = 429
const internalServerError = 500
const resourceExhausted = 8

/** What is wrong goes to `context.errors`. */
export function compileRateLimitSettings(view: RateLimitView, context: RouteContext): RateLimitSettings {
  const { runtime, errors } = context
  const chance = (percent: RuntimeFractionalPercent | undefined, key: string): (() => boolean) => {
    return percent === undefined ? () => runtime.featureEnabled(key) : runtime.fraction(percent)
  }
  const { failureModeDeny, failureModeDenyPercent, rateLimitedStatus, statusOnError } = view
  const limited = rateLimitedStatus === undefined ? tooManyRequests : httpStatusCode(rateLimitedStatus)
  return {
    domain: view.domain,
    stage: view.stage,
    requestType: view.requestType || 'both',
    client: new RateLimitClient(view, context),
    runtime,
    enabled: chance(view.filterEnabled, 'ratelimit.http_filter_enabled'),
    enforced: chance(view.filterEnforced, 'ratelimit.http_filter_enforcing'),
    failureModeDeny: failureModeDenyPercent === undefined ? () => failureModeDeny : chance(failureModeDenyPercent, ''),
    status: limited < 400 ? tooManyRequests : limited,
    statusOnError: statusOnError === undefined ? internalServerError : httpStatusCode(statusOnError),
    grpcStatus: view.rateLimitedAsResourceExhausted ? resourceExhausted : undefined,
    addsXRatelimitHeaders: view.enableXRatelimitHeaders === 'DRAFT_VERSION_03',
    addsXEnvoyRatelimited: !view.disableXEnvoyRatelimitedHeader,
    addsRetryAfter: view.enableRetryAfterHeader,
    responseHeaders: compileResponseHeaderParser(view, errors),
    statPrefix: view.statPrefix === '' ? '' : `${view.statPrefix}.`,
    metadataNamespace: view.metadataNamespace || 'envoy.filters.http.ratelimit',
    rateLimits: compileFilterRateLimits(view.rateLimits, context),
  }
}

export function compileRateLimitPerRoute(
  view: RateLimitPerRouteView,
  context: RouteContext,
): RateLimitPerRouteSettings {
  return {
    domain: view.domain,
    vhRateLimits: view.vhRateLimits,
    rateLimits: compileFilterRateLimits(view.rateLimits, context),
  }
}
