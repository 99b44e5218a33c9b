// Lets a request through if there are tokens for it, or answers in the place of the upstream.

import { type FormatterContext, unansweredContext } from '../../../../access_log/formatter_context.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import { FilterHeadersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { RateLimitDescriptor, RateLimitEntry } from '../../../../http/rate_limit.ts'
import type { ForwardRoute } from '../../../../http/route.ts'
import type { Connection } from '../../../../network/connection.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'
import { type LimiterResult, LocalRateLimiter } from './limiter.ts'
import type { LocalRateLimitSettings } from './settings.ts'

/** A connection has one limiter, that of the first request on it that needs one, as in Envoy. */
const connectionLimiters = new WeakMap<Connection, LocalRateLimiter>()

export class LocalRateLimitFilter extends PassThroughFilter {
  #settings: LocalRateLimitSettings
  #result: LimiterResult | undefined = undefined

  constructor(settings: LocalRateLimitSettings) {
    super()
    this.#settings = settings
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const ofRoute = this.decoderCallbacks.perFilterConfig() as LocalRateLimitSettings | undefined
    const settings = ofRoute ?? this.#settings
    this.#settings = settings
    if (!settings.enabled()) return FilterHeadersStatus.Continue
    const { stats } = settings
    stats.enabled.inc()
    const result = this.#limiter().requestAllowed(settings.hasDescriptors ? this.#descriptors(headers) : [])
    this.#result = result
    if (result.allowed) {
      stats.ok.inc()
      return FilterHeadersStatus.Continue
    }
    stats.rateLimited.inc()
    if (result.shadowed) {
      stats.shadowMode.inc()
      return FilterHeadersStatus.Continue
    }
    if (!settings.enforced()) {
      settings.requestHeaders?.evaluate(headers, this.#formatterContext(headers, undefined))
      return FilterHeadersStatus.Continue
    }
    stats.enforced.inc()
    this.#refuse(headers, result)
    return FilterHeadersStatus.StopIteration
  }

  #refuse(request: HeaderMap, { bucket }: LimiterResult): void {
    const { status, grpcStatus, responseHeaders, addsRetryAfter } = this.#settings
    const reply = {
      status,
      body: 'local_rate_limited',
      details: 'local_rate_limited',
      flag: ResponseFlag.RateLimited,
      modifyHeaders: (headers: HeaderMap): void => {
        responseHeaders?.evaluate(headers, this.#formatterContext(request, headers))
        if (!addsRetryAfter || status !== 429 || bucket === undefined || headers.has('retry-after')) return
        headers.add('retry-after', String(Math.max(1, Math.ceil(bucket.nextTokenAvailableMs() / 1000))))
      },
    }
    this.decoderCallbacks.sendLocalReply(grpcStatus === undefined ? reply : { ...reply, grpcStatus })
  }

  override encodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const bucket = this.#result?.bucket
    if (bucket === undefined || !this.#addsXRatelimitHeaders()) return FilterHeadersStatus.Continue
    headers.add('x-ratelimit-limit', String(bucket.maxTokens))
    headers.add('x-ratelimit-remaining', String(bucket.remainingTokens()))
    headers.add('x-ratelimit-reset', String(Math.ceil(bucket.nextTokenAvailableMs() / 1000)))
    return FilterHeadersStatus.Continue
  }

  #addsXRatelimitHeaders(): boolean {
    const option = this.#result?.xRatelimitOption ?? 'UNSPECIFIED'
    return option === 'UNSPECIFIED' ? this.#settings.addsXRatelimitHeaders : option === 'DRAFT_VERSION_03'
  }

  #limiter(): LocalRateLimiter {
    const { perConnection, limiter, limiterSettings } = this.#settings
    if (!perConnection) return limiter
    const { connection } = this.decoderCallbacks
    const known = connectionLimiters.get(connection)
    if (known !== undefined) return known
    const made = new LocalRateLimiter(limiterSettings, (_name, count) => new BigInt64Array(count))
    connectionLimiters.set(connection, made)
    return made
  }

  #descriptors(headers: HeaderMap): readonly RateLimitDescriptor[] {
    const { rateLimits } = this.#settings
    if (rateLimits.length > 0)
      return this.#describe(
        rateLimits.filter(({ applyOnStreamDone }) => !applyOnStreamDone),
        headers,
      )
    const route = this.decoderCallbacks.route()
    if (route?.kind !== 'forward') return []
    const entries = this.#entriesOf(route).filter(
      ({ stage, disableKey }) => stage === this.#settings.stage && disableKey === '',
    )
    return this.#describe(entries, headers)
  }

  #entriesOf(route: ForwardRoute): readonly RateLimitEntry[] {
    const { rateLimits, virtualHost } = route
    const option = route.includeVhRateLimits ? 'INCLUDE' : this.#settings.vhRateLimits
    if (option === 'INCLUDE') return [...rateLimits, ...virtualHost.rateLimits]
    return option === 'OVERRIDE' && rateLimits.length === 0 ? virtualHost.rateLimits : rateLimits
  }

  #describe(entries: readonly RateLimitEntry[], headers: HeaderMap): readonly RateLimitDescriptor[] {
    const { streamInfo } = this.decoderCallbacks
    const request = { headers, streamInfo, route: this.decoderCallbacks.route() }
    return entries.flatMap((entry) => entry.describe(request) ?? [])
  }

  #formatterContext(requestHeaders: HeaderMap, responseHeaders: HeaderMap | undefined): FormatterContext {
    return { ...unansweredContext(this.decoderCallbacks.streamInfo, requestHeaders), responseHeaders }
  }
}
