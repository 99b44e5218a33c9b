// The router: the terminal HTTP filter. Picks cluster and host, runs the upstream attempt, and answers when it fails.

import { monotonicMs } from '../common/clock.ts'
import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { Timer } from '../common/timer.ts'
import type { StreamResetReason } from '../http/codec/codec.ts'
import { isUpgradeRequest } from '../http/codec/http1/request_head.ts'
import type { HttpConnectionPool } from '../http/conn_pool/connection_pool.ts'
import {
  type DownstreamWatermarkCallbacks,
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type LocalReply,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../http/http_filter.ts'
import type { DirectResponseRoute, ForwardRoute, RequestStatsInfo, Route } from '../http/route.ts'
import { gatherWrites } from '../network/write_batch.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import type { UpstreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import { chargeUpstreamCode, recordUpstreamTime } from './code_stats.ts'
import { internalRedirectTarget } from './internal_redirect.ts'
import { RequestBody } from './request_body.ts'
import {
  isConnectFailure,
  resetDetails,
  resetReasonFlag,
  resetReasonStatus,
  resetReasonWords,
} from './reset_reasons.ts'
import { type RetryDecision, RetryState } from './retry_state.ts'
import type { RouterSettings } from './router_settings.ts'
import { TcpUpstreamPool } from './tcp_upstream.ts'
import { type RequestTimeouts, requestTimeouts, updateExpectedTimeout } from './timeouts.ts'
import { UpstreamRequest, type UpstreamRequestParent } from './upstream_request.ts'

export class RouterFilter implements StreamDecoderFilter, UpstreamRequestParent, DownstreamWatermarkCallbacks {
  readonly #settings: RouterSettings
  #callbacks!: StreamDecoderFilterCallbacks
  #headers!: HeaderMap
  #route: ForwardRoute | undefined = undefined
  #cluster: Cluster | undefined = undefined
  #attempt: UpstreamRequest | undefined = undefined
  #timeouts!: RequestTimeouts
  #timeoutTimer: Timer | undefined = undefined
  #maxDurationTimer: Timer | undefined = undefined
  #requestComplete = false
  #hadBody = false
  #requestCompleteMs = Number.NaN
  #responseStarted = false
  #body: RequestBody | undefined = undefined
  #retryState: RetryState | undefined = undefined
  #perTryTimer: Timer | undefined = undefined
  #backOffTimer: Timer | undefined = undefined
  /** `set-cookie` of a hash policy, for the response. */
  #cookies: string[] | undefined = undefined
  #requestStats: RequestStatsInfo[] = []
  /** The request asks to change protocols; CONNECT has rules of its own. */
  #upgrade = false
  /** Whose request it is, for the counters of codes. */
  #origin: 'internal' | 'external' = 'external'
  #destroyed = false

  constructor(settings: RouterSettings) {
    this.#settings = settings
  }

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  get bufferLimitBytes(): number {
    return this.#callbacks.decoderBufferLimit()
  }

  // ---- Down ------------------------------------------------------------------------------------------------------

  decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    const callbacks = this.#callbacks
    const settings = this.#settings
    this.#headers = headers
    settings.stats.rqTotal.inc()
    const route = callbacks.route()
    if (route === undefined) {
      settings.stats.noRoute.inc()
      return this.#reply(404, 'route_not_found', ResponseFlag.NoRouteFound)
    }
    if (route.kind !== 'forward') return this.#answerDirectly(route, headers)
    const cluster = settings.clusterManager.get(route.clusterName)
    if (cluster === undefined) {
      settings.stats.noCluster.inc()
      return this.#reply(route.clusterNotFoundStatus, 'cluster_not_found', ResponseFlag.NoClusterFound)
    }
    this.#route = route
    this.#cluster = cluster
    callbacks.streamInfo.upstreamClusterName = cluster.info.name
    callbacks.streamInfo.attemptCount = 1
    this.#prepareRequest(route, headers)
    return this.#sendUpstream(route, cluster, endStream)
  }

  #prepareRequest(route: ForwardRoute, headers: HeaderMap): void {
    const info = this.#callbacks.streamInfo
    const suppress = this.#settings.suppressEnvoyHeaders
    if ((headers.known & KnownHeader.xEnvoy) !== 0 && headers.get('x-envoy-internal') === 'true')
      this.#origin = 'internal'
    if (route.virtualHost.includeRequestAttemptCount) headers.set('x-envoy-attempt-count', '1')
    this.#timeouts = requestTimeouts(route, headers, suppress)
    route.finalizeRequestHeaders(headers, info, !suppress)
    const virtualCluster = route.virtualHost.virtualCluster(headers)
    if (virtualCluster !== undefined) {
      info.virtualClusterName = virtualCluster.name
      this.#requestStats.push(virtualCluster)
    }
    if (route.requestStats !== undefined) this.#requestStats.push(route.requestStats)
  }

  #sendUpstream(route: ForwardRoute, cluster: Cluster, endStream: boolean): FilterHeadersStatus {
    const headers = this.#headers
    this.#upgrade = (headers.known & KnownHeader.upgrade) !== 0 && isUpgradeRequest(headers)
    this.#retryState = RetryState.create(route, headers, cluster.info)
    if (!endStream) {
      const limit = route.requestBodyBufferLimitBytes ?? this.bufferLimitBytes
      this.#body = this.#retryState === undefined ? undefined : new RequestBody(limit)
    }
    for (const stats of this.#requestStats) stats.onRequest()
    this.#callbacks.addDownstreamWatermarkCallbacks(this)
    if (endStream) this.#onRequestComplete()
    this.#startAttempt(route, cluster, endStream)
    return FilterHeadersStatus.StopIteration
  }

  /** Chooses a host and starts a try at it; the first or a later one. */
  #startAttempt(route: ForwardRoute, cluster: Cluster, endsWithHeaders: boolean): void {
    const headers = this.#headers
    const host = this.#chooseHost(route, cluster)
    const pool = host === undefined ? undefined : this.#poolOf(host, route)
    if (host === undefined || pool === undefined) {
      if (host === undefined) cluster.info.stats.upstreamCxNoneHealthy.inc()
      chargeUpstreamCode(cluster.info, 503, this.#origin)
      this.#reply(503, 'no_healthy_upstream', ResponseFlag.NoHealthyUpstream, 'no healthy upstream')
      return
    }
    if (route.virtualHost.includeRequestAttemptCount)
      headers.set('x-envoy-attempt-count', String(this.#callbacks.streamInfo.attemptCount))
    const attempt = new UpstreamRequest(this, host, endsWithHeaders)
    this.#attempt = attempt
    if (this.#timeouts.perTryMs > 0 && this.#requestComplete) this.#armPerTry()
    const maxDurationMs = this.#timeouts.maxDurationMs || cluster.info.maxStreamDurationMs
    if (maxDurationMs > 0) this.#armMaxDuration(maxDurationMs)
    if (cluster.info.predictivePreconnectRatio > 1) this.#settings.pools.preconnect(cluster, route.priority)
    attempt.start(pool)
  }

  #poolOf(host: Host, route: ForwardRoute): HttpConnectionPool | undefined {
    const terminates = this.#headers.method === 'CONNECT' && route.upgrades.get('connect')?.terminateConnect === true
    return terminates ? new TcpUpstreamPool(host, route.priority) : this.#settings.pools.get(host, route.priority)
  }

  /** A retry with the previous_hosts predicate looks for a host that was not tried, so often as the policy says. */
  #chooseHost(route: ForwardRoute, cluster: Cluster): Host | undefined {
    const context = {
      hash: route.hash(this.#headers, this.#callbacks.streamInfo, this.#addCookie),
      metadataMatch: route.metadataMatch,
      downstreamConnection: this.#callbacks.connection,
    }
    let host = cluster.chooseHost(context)
    const policy = route.retryPolicy
    if (this.#callbacks.streamInfo.attemptCount === 1 || policy?.retryHostPredicates.length !== 1) return host
    const tried = this.upstreamInfo().hostsAttempted
    for (let i = 0; i < policy.hostSelectionRetryMaxAttempts && host !== undefined && tried.includes(host); i++)
      host = cluster.chooseHost(context)
    return host
  }

  readonly #addCookie = (cookie: string): void => {
    this.#cookies ??= []
    this.#cookies.push(cookie)
  }

  decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    this.#hadBody = true
    if (endStream) this.#onRequestComplete()
    this.#keep(data, endStream)
    this.#attempt?.encodeData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  retainsData(): boolean {
    return this.#body !== undefined || this.#attempt?.retainsRequestData() === true
  }

  retainsResponseData(): boolean {
    return this.#callbacks.retainsEncodedData()
  }

  decodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    this.#onRequestComplete()
    this.#body?.addTrailers(trailers)
    this.#attempt?.encodeTrailers(trailers)
    return FilterTrailersStatus.StopIteration
  }

  /** Keeps the body while it may have to be sent again. */
  #keep(data: Buffer, endStream: boolean): void {
    const body = this.#body
    if (body === undefined || body.abandoned) return
    body.add(data, endStream)
    if (!body.abandoned) return
    this.#retryState?.release()
    this.#retryState = undefined
  }

  /** The route's timeout covers the time from here to the end of the response. */
  #onRequestComplete(): void {
    if (this.#requestComplete) return
    this.#requestComplete = true
    this.#requestCompleteMs = monotonicMs()
    if (this.#timeouts.perTryMs > 0 && this.#attempt !== undefined) this.#armPerTry()
    if (this.#timeouts.globalMs <= 0 || this.#responseEnded) return
    this.#timeoutTimer = new Timer(() => gatherWrites(() => this.#onTimeout()))
    this.#timeoutTimer.enable(this.#timeouts.globalMs)
  }

  #armPerTry(): void {
    this.#perTryTimer ??= new Timer(() => gatherWrites(() => this.#onPerTryTimeout()))
    this.#perTryTimer.enable(this.#timeouts.perTryMs)
  }

  #armMaxDuration(milliseconds: number): void {
    this.#maxDurationTimer ??= new Timer(() => gatherWrites(() => this.#onMaxDuration()))
    this.#maxDurationTimer.enable(milliseconds)
  }

  get #responseEnded(): boolean {
    return this.#responseStarted && this.#attempt?.done === true
  }

  // ---- Answers without an upstream -------------------------------------------------------------------------------

  #reply(status: number, details: string, flag: number, body = ''): FilterHeadersStatus {
    this.#localReply({ status, body, details, flag })
    return FilterHeadersStatus.StopIteration
  }

  /** The route's response headers are on answers of the router itself too. */
  #localReply(reply: LocalReply): void {
    const route = this.#callbacks.route()
    this.#callbacks.sendLocalReply({
      ...reply,
      modifyHeaders: (headers) => {
        reply.modifyHeaders?.(headers)
        route?.finalizeResponseHeaders(headers, this.#headers, this.#callbacks.streamInfo)
      },
    })
  }

  #answerDirectly(route: Exclude<Route, ForwardRoute>, headers: HeaderMap): FilterHeadersStatus {
    // No filter has answered what this route leaves to filters.
    if (route.kind === 'nonForwarding') return this.#reply(503, 'cluster_not_found', ResponseFlag.NoClusterFound)
    this.#settings.stats.rqDirectResponse.inc()
    const { streamInfo } = this.#callbacks
    const location = route.location(headers, streamInfo)
    const formatted = route.formattedBody(headers, streamInfo)
    route.finalizeRequestHeaders(headers, streamInfo)
    this.#callbacks.sendLocalReply({
      status: route.status,
      body: formatted?.body ?? route.body(),
      details: 'direct_response',
      modifyHeaders: (reply) => {
        if (location !== '') reply.add('location', location)
        if (formatted !== undefined && formatted.contentType !== '') reply.set('content-type', formatted.contentType)
        ;(route as DirectResponseRoute).finalizeResponseHeaders(reply, headers, streamInfo)
      },
    })
    return FilterHeadersStatus.StopIteration
  }

  // ---- Up --------------------------------------------------------------------------------------------------------

  headersFor(host: Host): HeaderMap {
    if (this.#route?.autoHostRewrite && host.hostname !== '') {
      if (this.#route.appendXForwardedHost) this.#headers.append('x-forwarded-host', this.#headers.authority)
      this.#headers.authority = host.hostname
    }
    return this.#headers
  }

  requestHeaders(): HeaderMap {
    return this.#headers
  }

  perTryTimeoutMs(): number {
    return this.#timeouts.perTryMs
  }

  upstreamInfo(): UpstreamInfo {
    return this.#callbacks.streamInfo.upstreamInfo()
  }

  onUpstream1xxHeaders(headers: HeaderMap): void {
    this.#callbacks.encode1xxHeaders(headers)
  }

  onUpstreamHeaders(attempt: UpstreamRequest, headers: HeaderMap, endStream: boolean): void {
    const route = this.#route
    const cluster = this.#cluster
    if (route === undefined || cluster === undefined) return
    const info = this.#callbacks.streamInfo
    info.responseCode = headers.status
    attempt.host.onResponse(headers.status)
    this.#perTryTimer?.disable()
    if (this.#retryResponse(attempt, headers, cluster)) return
    chargeUpstreamCode(cluster.info, headers.status, this.#origin)
    if (this.#startOver(route, headers)) return
    if (this.#upgrade && headers.status >= 200 && headers.status < 300) {
      this.#refuseUpgradeAnswer(attempt, headers.status)
      return
    }
    this.#responseStarted = true
    const tunnel = this.#upgrade ? headers.status === 101 : this.#headers.method === 'CONNECT'
    if (!this.#settings.suppressEnvoyHeaders && !tunnel && this.#requestComplete) {
      const sentAtMs = Number.isNaN(this.#requestCompleteMs) ? attempt.startedAtMs : this.#requestCompleteMs
      headers.set('x-envoy-upstream-service-time', String(Math.round(monotonicMs() - sentAtMs)))
    }
    if (route.virtualHost.includeAttemptCountInResponse) headers.set('x-envoy-attempt-count', String(info.attemptCount))
    for (const cookie of this.#cookies ?? []) headers.add('set-cookie', cookie)
    route.finalizeResponseHeaders(headers, this.#headers, info)
    if (endStream) this.#onResponseComplete(cluster)
    this.#callbacks.encodeHeaders(headers, endStream, 'via_upstream')
  }

  onUpstreamData(_attempt: UpstreamRequest, data: Buffer, endStream: boolean): void {
    if (endStream && this.#cluster !== undefined) this.#onResponseComplete(this.#cluster)
    this.#callbacks.encodeData(data, endStream)
  }

  onUpstreamTrailers(_attempt: UpstreamRequest, trailers: HeaderMap): void {
    if (this.#cluster !== undefined) this.#onResponseComplete(this.#cluster)
    this.#callbacks.encodeTrailers(trailers)
  }

  #onResponseComplete(cluster: Cluster): void {
    this.#disarm()
    if (this.#requestComplete) {
      const duration = Math.round(monotonicMs() - this.#requestCompleteMs)
      recordUpstreamTime(cluster.info, duration, this.#origin)
      cluster.info.budgetStats?.onRequestComplete(duration, this.#timeouts.globalMs)
      for (const stats of this.#requestStats) stats.onRequestComplete(this.#callbacks.streamInfo.responseCode, duration)
    }
  }

  /** True where the response is dropped for another try. */
  #retryResponse(attempt: UpstreamRequest, headers: HeaderMap, cluster: Cluster): boolean {
    const decision = this.#retryState?.onHeaders(headers) ?? 'no'
    if (decision === 'yes') {
      chargeUpstreamCode(cluster.info, headers.status, 'retry')
      attempt.cancel()
      this.#scheduleRetry()
      return true
    }
    this.#noteRetryDecision(decision)
    return false
  }

  #noteRetryDecision(decision: RetryDecision): void {
    if (decision === 'limit') {
      this.#callbacks.streamInfo.setResponseFlag(ResponseFlag.UpstreamRetryLimitExceeded)
      for (const stats of this.#requestStats) stats.onRetryLimitExceeded()
    } else if (decision === 'overflow') {
      this.#callbacks.streamInfo.setResponseFlag(ResponseFlag.UpstreamOverflow)
      for (const stats of this.#requestStats) stats.onRetryOverflow()
    }
  }

  #scheduleRetry(): void {
    for (const stats of this.#requestStats) stats.onRetry()
    this.#perTryTimer?.disable()
    this.#backOffTimer ??= new Timer(() => gatherWrites(() => this.#retry()))
    this.#backOffTimer.enable(this.#retryState?.nextBackOffMs() ?? 0)
  }

  #retry(): void {
    const route = this.#route
    const cluster = this.#cluster
    if (this.#destroyed || route === undefined || cluster === undefined) return
    this.#callbacks.streamInfo.attemptCount++
    updateExpectedTimeout(this.#headers, this.#timeouts, monotonicMs() - this.#requestCompleteMs)
    const endsWithHeaders = this.#requestComplete && (this.#body === undefined || this.#body.isEmpty)
    this.#startAttempt(route, cluster, endsWithHeaders)
    if (!endsWithHeaders && this.#attempt !== undefined) this.#body?.replayTo(this.#attempt)
  }

  /** A success that is no 101 would leave client and upstream in two minds about what follows: neither goes on. */
  #refuseUpgradeAnswer(attempt: UpstreamRequest, status: number): void {
    this.#disarm()
    attempt.cancel()
    this.#callbacks.sendLocalReply({ status, body: '', details: 'websocket_handshake_unsuccessful' })
  }

  /** An internal redirect: the request starts over by the response's location, and this response is dropped. */
  #startOver(route: ForwardRoute, response: HeaderMap): boolean {
    const policy = route.internalRedirect
    if (policy === undefined || (response.known & KnownHeader.location) === 0) return false
    const attempt = this.#attempt
    if (!this.#requestComplete || this.#hadBody || attempt === undefined) return false
    const next = internalRedirectTarget(policy, this.#headers, response, this.#callbacks.streamInfo)
    if (next === undefined) {
      this.#cluster?.info.stats.upstreamInternalRedirectFailedTotal.inc()
      return false
    }
    this.#cluster?.info.stats.upstreamInternalRedirectSucceededTotal.inc()
    this.#disarm()
    attempt.cancel()
    return this.#callbacks.recreateStream(next)
  }

  onUpstreamReset(attempt: UpstreamRequest, reason: StreamResetReason, transportFailureReason: string): void {
    const cluster = this.#cluster
    if (this.#destroyed || cluster === undefined) return
    this.#perTryTimer?.disable()
    const info = this.#callbacks.streamInfo
    const flag = resetReasonFlag(reason)
    const details = resetDetails(this.#responseStarted, reason, transportFailureReason)
    if (transportFailureReason !== '') info.upstreamInfo().transportFailureReason = transportFailureReason
    if (!isConnectFailure(reason) && reason !== 'overflow') attempt.host.onReset()
    if (this.#responseStarted) {
      info.setResponseFlag(flag)
      this.#callbacks.resetStream('remoteReset', details)
      return
    }
    const status = resetReasonStatus(reason)
    const decision = this.#retryState?.onReset(reason, attempt.requestSent) ?? 'no'
    if (decision === 'yes') {
      this.#scheduleRetry()
      return
    }
    this.#noteRetryDecision(decision)
    chargeUpstreamCode(cluster.info, status, this.#origin)
    const retried = info.attemptCount > 1 ? 'retried and the latest ' : ''
    const overloaded = reason === 'overflow' && !this.#settings.suppressEnvoyHeaders
    this.#localReply({
      status,
      body: `upstream connect error or disconnect/reset before headers. ${retried}reset reason: ${resetReasonWords(reason)}`,
      details,
      flag,
      modifyHeaders: overloaded ? (headers) => headers.add('x-envoy-overloaded', 'true') : undefined,
    })
  }

  // ---- Timeouts --------------------------------------------------------------------------------------------------

  #onTimeout(): void {
    const cluster = this.#cluster
    if (this.#destroyed || cluster === undefined) return
    cluster.info.stats.upstreamRqTimeout.inc()
    cluster.info.budgetStats?.onRequestComplete(monotonicMs() - this.#requestCompleteMs, this.#timeouts.globalMs)
    this.#attempt?.host.stats.rqTimeout.inc()
    for (const stats of this.#requestStats) stats.onTimeout()
    const quiet = this.#timeouts.answersQuietly
    const body = quiet ? '' : 'upstream request timeout'
    this.#giveUp(cluster, quiet ? 204 : 504, 'response_timeout', ResponseFlag.UpstreamRequestTimeout, body)
  }

  #onPerTryTimeout(): void {
    const cluster = this.#cluster
    const attempt = this.#attempt
    if (this.#destroyed || cluster === undefined || attempt === undefined || attempt.done) return
    cluster.info.stats.upstreamRqPerTryTimeout.inc()
    attempt.host.stats.rqTimeout.inc()
    attempt.cancel()
    const decision = this.#retryState?.onReset('localReset', true) ?? 'no'
    if (decision === 'yes') {
      this.#scheduleRetry()
      return
    }
    this.#noteRetryDecision(decision)
    this.#giveUp(
      cluster,
      504,
      'upstream_per_try_timeout',
      ResponseFlag.UpstreamRequestTimeout,
      'upstream request timeout',
    )
  }

  #onMaxDuration(): void {
    const cluster = this.#cluster
    if (this.#destroyed || cluster === undefined) return
    cluster.info.stats.upstreamRqMaxDurationReached.inc()
    this.#attempt?.cancel()
    const decision = this.#responseStarted ? 'no' : (this.#retryState?.onReset('localReset', true) ?? 'no')
    if (decision === 'yes') {
      this.#scheduleRetry()
      return
    }
    this.#noteRetryDecision(decision)
    const flag = ResponseFlag.UpstreamMaxStreamDurationReached
    this.#giveUp(cluster, 504, 'upstream_max_stream_duration_reached', flag, 'upstream max stream duration reached')
  }

  #giveUp(cluster: Cluster, status: number, details: string, flag: number, body: string): void {
    this.#disarm()
    this.#attempt?.cancel()
    if (this.#responseStarted) {
      this.#callbacks.streamInfo.setResponseFlag(flag)
      this.#callbacks.resetStream('localReset', details)
      return
    }
    // Envoy does not count this one among the codes.
    if (flag !== ResponseFlag.UpstreamMaxStreamDurationReached) chargeUpstreamCode(cluster.info, status, this.#origin)
    this.#localReply({ status, body, details, flag })
  }

  #disarm(): void {
    this.#timeoutTimer?.disable()
    this.#maxDurationTimer?.disable()
    this.#perTryTimer?.disable()
    this.#backOffTimer?.disable()
    this.#retryState?.release()
  }

  // ---- Flow control ----------------------------------------------------------------------------------------------

  requestReadDisable(disable: boolean): void {
    const stats = this.#cluster?.info.stats
    if (disable) {
      stats?.upstreamFlowControlBackedUpTotal.inc()
      this.#callbacks.onDecoderFilterAboveWriteBufferHighWatermark()
    } else {
      stats?.upstreamFlowControlDrainedTotal.inc()
      this.#callbacks.onDecoderFilterBelowWriteBufferLowWatermark()
    }
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#cluster?.info.stats.upstreamFlowControlPausedReadingTotal.inc()
    this.#attempt?.downstreamReadDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#cluster?.info.stats.upstreamFlowControlResumedReadingTotal.inc()
    this.#attempt?.downstreamReadDisable(false)
  }

  onDestroy(): void {
    this.#destroyed = true
    this.#disarm()
    this.#callbacks.removeDownstreamWatermarkCallbacks(this)
    this.#attempt?.cancel()
  }
}
