// Holds a request back until the rate limit service has answered, and answers in the place of the upstream where it is
// above a limit.

import { unansweredContext } from '../../../../access_log/formatter_context.ts'
import { byteString } from '../../../../access_log/json_text.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import type { RateLimitResponse } from '../../../../config/rate_limit_messages.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { inlineRequestHeaders, inlineResponseHeaders } from '../../../../http/inline_headers.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { RateLimitDescriptor, RateLimitEntry } from '../../../../http/rate_limit.ts'
import type { ForwardRoute } from '../../../../http/route.ts'
import { codeStats } from '../../../../router/code_stats.ts'
import type { LimitAnswer } from '../../../../router/rate_limit/rate_limit_client.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'
import type { GrpcCall } from '../../../../upstream/async_grpc_client.ts'
import type { ClusterInfo } from '../../../../upstream/cluster_info.ts'
import { retryAfterSeconds, xRatelimitHeaders } from './ratelimit_headers.ts'
import { rateLimitStats } from './ratelimit_stats.ts'
import type { RateLimitPerRouteSettings, RateLimitSettings } from './settings.ts'

type HeaderValues = RateLimitResponse['responseHeadersToAdd']

/** What a request's limits are of; kept for those that count when its stream is over. */
interface LimitedRoute {
  readonly route: ForwardRoute
  readonly cluster: ClusterInfo
  readonly ofRoute: RateLimitPerRouteSettings | undefined
}

export class RateLimitFilter extends PassThroughFilter {
  readonly #settings: RateLimitSettings
  #requestHeaders: HeaderMap | undefined = undefined
  #limited: LimitedRoute | undefined = undefined
  #call: GrpcCall | undefined = undefined
  /** Those of the call. */
  #descriptors: readonly RateLimitDescriptor[] = []
  /** Lower-case names; for the response, whoever makes it. */
  #headersToAdd: [name: string, value: string][] = []

  constructor(settings: RateLimitSettings) {
    super()
    this.#settings = settings
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    this.#requestHeaders = headers
    if (!this.#settings.enabled() || !this.#isMeant(headers)) return FilterHeadersStatus.Continue
    this.#limited = this.#findRoute()
    this.#descriptors = this.#describe(headers, false)
    if (this.#descriptors.length === 0) return FilterHeadersStatus.Continue
    this.#call = this.#ask(this.#descriptors, (answer) => this.#onAnswer(answer))
    return FilterHeadersStatus.StopIteration
  }

  override decodeData(): FilterDataStatus {
    return this.#call === undefined ? FilterDataStatus.Continue : FilterDataStatus.StopIterationAndWatermark
  }

  override decodeTrailers(): FilterTrailersStatus {
    return this.#call === undefined ? FilterTrailersStatus.Continue : FilterTrailersStatus.StopIteration
  }

  override encodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    this.#addResponseHeaders(headers)
    return FilterHeadersStatus.Continue
  }

  override onDestroy(): void {
    if (this.#call !== undefined) {
      this.#call.cancel()
      return
    }
    if (this.#requestHeaders === undefined) return
    const descriptors = this.#describe(this.#requestHeaders, true)
    if (descriptors.length > 0) this.#ask(descriptors, () => {})
  }

  // ---- What is asked ---------------------------------------------------------------------------------------------

  #isMeant(headers: HeaderMap): boolean {
    const { requestType } = this.#settings
    return requestType === 'both' || (requestType === 'internal') === (headers.get('x-envoy-internal') === 'true')
  }

  #findRoute(): LimitedRoute | undefined {
    const route = this.decoderCallbacks.route()
    const cluster = this.decoderCallbacks.streamInfo.upstreamCluster as ClusterInfo | undefined
    if (route?.kind !== 'forward' || cluster === undefined) return undefined
    const ofRoute = this.decoderCallbacks.perFilterConfig() as RateLimitPerRouteSettings | undefined
    return { route, cluster, ofRoute }
  }

  #ask(descriptors: readonly RateLimitDescriptor[], onAnswer: (answer: LimitAnswer) => void): GrpcCall {
    const domain = this.#limited?.ofRoute?.domain || this.#settings.domain
    const parent = unansweredContext(this.decoderCallbacks.streamInfo, this.#requestHeaders)
    return this.#settings.client.limit(domain, descriptors, onAnswer, parent)
  }

  #describe(headers: HeaderMap, onStreamDone: boolean): readonly RateLimitDescriptor[] {
    if (this.#limited === undefined) return []
    const { streamInfo } = this.decoderCallbacks
    const request = { headers, streamInfo, route: this.#limited.route }
    return this.#entries(this.#limited)
      .filter((entry) => entry.applyOnStreamDone === onStreamDone && this.#isEnabled(entry))
      .flatMap((entry) => entry.describe(request) ?? [])
  }

  /** Those of a route's settings go before the filter's, and those before what routes and virtual hosts list. */
  #entries({ route, ofRoute }: LimitedRoute): readonly RateLimitEntry[] {
    if (ofRoute !== undefined && ofRoute.rateLimits.length > 0) return ofRoute.rateLimits
    const { rateLimits, stage } = this.#settings
    if (rateLimits.length > 0) return rateLimits
    const ofVirtualHost = route.virtualHost.rateLimits
    const option = route.includeVhRateLimits ? 'INCLUDE' : (ofRoute?.vhRateLimits ?? 'OVERRIDE')
    const hasOwn = route.rateLimits.length > 0
    const added = option === 'INCLUDE' || (option === 'OVERRIDE' && !hasOwn) ? ofVirtualHost : []
    return [...route.rateLimits, ...added].filter((entry) => entry.stage === stage)
  }

  #isEnabled({ disableKey }: RateLimitEntry): boolean {
    if (disableKey === '') return true
    return this.#settings.runtime.featureEnabled(`ratelimit.${disableKey}.http_filter_enabled`)
  }

  // ---- What is answered ------------------------------------------------------------------------------------------

  #onAnswer({ status, response }: LimitAnswer): void {
    this.#call = undefined
    const { cluster } = this.#limited!
    const { statPrefix, metadataNamespace, enforced, failureModeDeny } = this.#settings
    const { streamInfo } = this.decoderCallbacks
    const { dynamicMetadata } = response ?? {}
    if (dynamicMetadata !== undefined && Object.keys(dynamicMetadata).length > 0)
      streamInfo.setDynamicMetadata(metadataNamespace, dynamicMetadata)
    const stats = rateLimitStats(cluster, statPrefix)
    stats[status].inc()
    if (status === 'overLimit') this.#chargeLimited(cluster)
    this.#collectHeaders(status, response)
    if (status === 'overLimit' && enforced()) {
      this.#refuse(response)
      return
    }
    if (status === 'error') {
      if (failureModeDeny()) {
        this.#refuseByError()
        return
      }
      stats.failureModeAllowed.inc()
    }
    for (const [name, value] of pairsOf(response?.requestHeadersToAdd ?? []))
      addHeader(this.#requestHeaders!, name, value, inlineRequestHeaders)
    this.decoderCallbacks.continueDecoding()
  }

  /** It counts as an answer of the cluster, to a request of this proxy's own. */
  #chargeLimited(cluster: ClusterInfo): void {
    const codes = codeStats(cluster)
    codes.all.charge(this.#settings.status)
    codes.of('internal').charge(this.#settings.status)
  }

  #collectHeaders(status: LimitAnswer['status'], response: RateLimitResponse | undefined): void {
    const { addsXEnvoyRatelimited } = this.#settings
    const headers = pairsOf(response?.responseHeadersToAdd ?? [])
    if (status === 'overLimit' && addsXEnvoyRatelimited) headers.push(['x-envoy-ratelimited', 'true'])
    headers.push(...xRatelimitHeaders(response?.statuses ?? [], (index) => this.#isTold(index)))
    this.#headersToAdd = headers
  }

  /** There is a status for each descriptor, which may say itself whether clients are told. */
  #isTold(index: number): boolean {
    const option = this.#descriptors[index]?.xRatelimitOption ?? 'UNSPECIFIED'
    return option === 'UNSPECIFIED' ? this.#settings.addsXRatelimitHeaders : option === 'DRAFT_VERSION_03'
  }

  #refuse(response: RateLimitResponse | undefined): void {
    const { status, grpcStatus, responseHeaders, addsRetryAfter } = this.#settings
    const { streamInfo } = this.decoderCallbacks
    const request = this.#requestHeaders
    const reply = {
      status,
      body: Buffer.from(response?.rawBody ?? []).toString('latin1'),
      details: 'request_rate_limited',
      flag: ResponseFlag.RateLimited,
      modifyHeaders: (headers: HeaderMap): void => {
        this.#addResponseHeaders(headers)
        const seconds = addsRetryAfter ? retryAfterSeconds(response?.statuses ?? []) : undefined
        if (seconds !== undefined && !headers.has('retry-after')) headers.add('retry-after', String(seconds))
        responseHeaders?.evaluate(headers, { ...unansweredContext(streamInfo, request), responseHeaders: headers })
      },
    }
    this.decoderCallbacks.sendLocalReply(grpcStatus === undefined ? reply : { ...reply, grpcStatus })
  }

  #refuseByError(): void {
    this.decoderCallbacks.sendLocalReply({
      status: this.#settings.statusOnError,
      body: '',
      details: 'rate_limiter_error',
      flag: ResponseFlag.RateLimitServiceError,
    })
  }

  #addResponseHeaders(headers: HeaderMap): void {
    for (const [name, value] of this.#headersToAdd.splice(0)) addHeader(headers, name, value, inlineResponseHeaders)
  }
}

function pairsOf(values: HeaderValues): [name: string, value: string][] {
  return values.map(({ key, value }) => [key.toLowerCase(), byteString(value)])
}

function addHeader(headers: HeaderMap, name: string, value: string, inline: ReadonlySet<string>): void {
  if (inline.has(name) && headers.has(name)) headers.append(name, value)
  else headers.add(name, value)
}
