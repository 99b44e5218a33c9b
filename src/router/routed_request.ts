// A request that goes upstream: its attempts one after another, their timeouts and retries, and the response on its way back.

import { monotonicMs } from '../common/clock.ts'
import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import type { StreamResetReason } from '../http/codec/codec.ts'
import { isUpgrade } from '../http/codec/http1/request_head.ts'
import type { DownstreamWatermarkCallbacks, LocalReply } from '../http/http_filter.ts'
import type { ForwardRoute } from '../http/route.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import type { UpstreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import type { TransportSocketOptions } from '../upstream/transport_socket.ts'
import { countDropped, dropOverloadReply } from './drop_overload.ts'
import { HostSelection, noHealthyUpstream, poolOf, requestTransportOptions } from './host_selection.ts'
import { applyInternalRedirect, becomesGet } from './internal_redirect.ts'
import { RequestBody } from './request_body.ts'
import type { RequestCallbacks } from './request_callbacks.ts'
import { RequestStats } from './request_stats.ts'
import { type RequestTimerCallbacks, RequestTimers } from './request_timers.ts'
import { resetDetails, resetReply } from './reset_reasons.ts'
import { type RetryDecision, RetryState } from './retry_state.ts'
import { prepareForHost } from './route_config/host_rewrite.ts'
import type { RouterSettings } from './router_settings.ts'
import { type RequestTimeouts, requestTimeouts, tellTimeout } from './timeouts.ts'
import { UpstreamRequest, type UpstreamRequestParent } from './upstream_request.ts'

export class RoutedRequest implements UpstreamRequestParent, RequestTimerCallbacks, DownstreamWatermarkCallbacks {
  readonly #settings: RouterSettings
  readonly #callbacks: RequestCallbacks
  readonly #headers: HeaderMap
  readonly #route: ForwardRoute
  readonly #cluster: Cluster
  readonly timeouts: RequestTimeouts
  readonly #timers = new RequestTimers(this)
  readonly #requestStats: RequestStats
  readonly #transportOptions: TransportSocketOptions | undefined
  /** The request asks to change protocols; CONNECT has rules of its own. */
  readonly #upgrade: boolean
  readonly #retryState: RetryState | undefined
  #attempt: UpstreamRequest | undefined = undefined
  #body: RequestBody | undefined = undefined
  #requestComplete = false
  #requestCompleteMs = Number.NaN
  #responseStarted = false
  #interimStarted = false
  readonly #hostSelection: HostSelection
  #destroyed = false

  /** Changes `headers` as the route says. */
  constructor(
    settings: RouterSettings,
    callbacks: RequestCallbacks,
    headers: HeaderMap,
    route: ForwardRoute,
    cluster: Cluster,
  ) {
    const info = callbacks.streamInfo
    this.#settings = settings
    this.#callbacks = callbacks
    this.#headers = headers
    this.#route = route
    this.#cluster = cluster
    this.#hostSelection = new HostSelection(route, cluster, headers, callbacks)
    this.#requestStats = new RequestStats(settings, cluster.info, headers, info.healthCheck)
    // By the path as it came, before it is rewritten.
    const virtualCluster = route.virtualHost.virtualCluster(headers)
    this.timeouts = requestTimeouts(route, headers, settings.suppressEnvoyHeaders)
    if (route.virtualHost.includeRequestAttemptCount) headers.set('x-envoy-attempt-count', '1')
    if (virtualCluster !== undefined) info.virtualClusterName = virtualCluster.name
    route.finalizeRequestHeaders(headers, info, !settings.suppressEnvoyHeaders)
    this.#transportOptions = requestTransportOptions(cluster.info, headers, callbacks)
    this.#requestStats.add(virtualCluster)
    this.#requestStats.add(route.requestStats)
    this.#upgrade = (headers.known & KnownHeader.upgrade) !== 0 && isUpgrade(headers)
    this.#retryState = RetryState.create(route, headers, cluster.info, this.#requestStats)
  }

  get bufferLimitBytes(): number {
    return this.#callbacks.decoderBufferLimit()
  }

  // ---- The request -----------------------------------------------------------------------------------------------

  /** False where no host is to have it. */
  start(endStream: boolean): boolean {
    if (!endStream && (this.#retryState !== undefined || this.#route.internalRedirect !== undefined))
      this.#body = new RequestBody(this.#route.requestBodyBufferLimitBytes ?? this.bufferLimitBytes)
    this.#callbacks.addDownstreamWatermarkCallbacks(this)
    if (endStream) this.#onRequestComplete()
    const dropped = dropOverloadReply(this.#cluster, this.#settings, this.#callbacks.streamInfo)
    if (dropped === undefined) return this.#startAttempt(endStream)
    return this.#refuse(dropped)
  }

  #refuse(reply: LocalReply): false {
    this.#requestStats.charge(reply.status)
    this.#callbacks.sendLocalReply(reply)
    return false
  }

  /** Chooses a host and starts a try at it; the first or a later one. */
  #startAttempt(endsWithHeaders: boolean): boolean {
    const headers = this.#headers
    const route = this.#route
    const cluster = this.#cluster
    const { streamInfo } = this.#callbacks
    const host = this.#hostSelection.choose()
    const { pools } = this.#settings
    const pool =
      host === undefined ? undefined : poolOf(host, route, headers, pools, streamInfo, this.#transportOptions)
    if (host === undefined || pool === undefined) {
      if (host === undefined) cluster.info.stats.upstreamCxNoneHealthy.inc()
      return this.#refuse(noHealthyUpstream)
    }
    const { includeRequestAttemptCount } = route.virtualHost
    if (includeRequestAttemptCount) headers.set('x-envoy-attempt-count', String(streamInfo.attemptCount))
    // Known from now on, though there may never be a connection.
    this.upstreamInfo().host = host
    const attempt = new UpstreamRequest(this, host, endsWithHeaders, this.timeouts.perTryMs)
    this.#attempt = attempt
    if (this.timeouts.perTryMs > 0 && this.#requestComplete) this.#timers.armPerTry(this.timeouts.perTryMs)
    const maxDurationMs = this.timeouts.maxDurationMs || cluster.info.maxStreamDurationMs
    if (maxDurationMs > 0) this.#timers.armMaxDuration(maxDurationMs)
    if (cluster.info.predictivePreconnectRatio > 1) pools.preconnect(cluster, route.priority, streamInfo.protocol)
    attempt.start(pool)
    return true
  }

  onData(data: Buffer, endStream: boolean): void {
    if (endStream) this.#onRequestComplete()
    // Kept while it may have to be sent again.
    if (this.#body?.add(data, endStream) === false) this.#onBodyAbandoned()
    this.#attempt?.encodeData(data, endStream)
  }

  #onBodyAbandoned(): void {
    this.#cluster.info.stats.retryOrShadowAbandoned.inc()
    this.#retryState?.giveUp()
  }

  retainsData(): boolean {
    return this.#body !== undefined || this.#attempt?.retainsRequestData() === true
  }

  retainsResponseData(): boolean {
    return this.#callbacks.retainsEncodedData()
  }

  onTrailers(trailers: HeaderMap): void {
    this.#onRequestComplete()
    this.#body?.addTrailers(trailers)
    this.#attempt?.encodeTrailers(trailers)
  }

  /** The route's timeout covers the time from here to the end of the response. */
  #onRequestComplete(): void {
    if (this.#requestComplete) return
    this.#requestComplete = true
    this.#requestCompleteMs = monotonicMs()
    if (this.timeouts.perTryMs > 0 && this.#attempt !== undefined) this.#timers.armPerTry(this.timeouts.perTryMs)
    const responseEnded = this.#responseStarted && this.#attempt?.done === true
    if (this.timeouts.globalMs > 0 && !responseEnded) this.#timers.armResponse(this.timeouts.globalMs)
  }

  // ---- The response ----------------------------------------------------------------------------------------------

  headersFor(host: Host): HeaderMap {
    this.#requestStats.onRequest()
    prepareForHost(this.#headers, this.#route, host, this.#callbacks.streamInfo, this.#settings.suppressEnvoyHeaders)
    return this.#headers
  }

  upstreamInfo(): UpstreamInfo {
    return this.#callbacks.streamInfo.upstreamInfo()
  }

  /** A response has begun, as far as retries and counting go, though another may still take its place for the client. */
  onUpstream1xxHeaders(headers: HeaderMap): void {
    // The first one counts and passes, whatever else there is to say before the response.
    if (this.#interimStarted) return
    this.#interimStarted = true
    this.#retryState?.giveUp()
    this.#requestStats.charge(headers.status)
    this.#callbacks.encode1xxHeaders(headers)
  }

  onUpstreamHeaders(attempt: UpstreamRequest, headers: HeaderMap, endStream: boolean): void {
    const route = this.#route
    const info = this.#callbacks.streamInfo
    if (this.#upgrade && headers.status >= 200 && headers.status < 300) {
      this.#refuseUpgradeAnswer(attempt, headers.status)
      return
    }
    info.responseCode = headers.status
    this.#timers.disarmPerTry()
    if (this.#retryResponse(attempt, headers)) return
    if (this.#startOver(headers)) return
    this.#requestStats.onHostResponse(headers, attempt.host)
    this.#responseStarted = true
    if (!this.#settings.suppressEnvoyHeaders && this.#requestComplete)
      headers.set('x-envoy-upstream-service-time', String(Math.round(monotonicMs() - this.#requestCompleteMs)))
    this.#hostSelection.addCookies(headers)
    info.responseCodeDetails = 'via_upstream'
    route.finalizeResponseHeaders(headers, this.#headers, info)
    if (route.virtualHost.includeAttemptCountInResponse) headers.set('x-envoy-attempt-count', String(info.attemptCount))
    if (endStream) this.#onResponseComplete(headers)
    this.#callbacks.encodeHeaders(headers, endStream, 'via_upstream')
  }

  onUpstreamData(_attempt: UpstreamRequest, data: Buffer, endStream: boolean): void {
    if (endStream) this.#onResponseComplete()
    this.#callbacks.encodeData(data, endStream)
  }

  onUpstreamTrailers(_attempt: UpstreamRequest, trailers: HeaderMap): void {
    this.#onResponseComplete(trailers)
    this.#callbacks.encodeTrailers(trailers)
  }

  /** `last`: the headers or trailers that end the response; nothing where data does. */
  #onResponseComplete(last?: HeaderMap): void {
    this.#disarm()
    this.#requestStats.onResponseEnd(last)
    if (!this.#requestComplete) return
    const duration = Math.round(monotonicMs() - this.#requestCompleteMs)
    this.#cluster.info.budgetStats?.onRequestComplete(duration, this.timeouts.globalMs)
    this.#requestStats.onRequestComplete(duration)
  }

  /** True where the response is dropped for another try. */
  #retryResponse(attempt: UpstreamRequest, headers: HeaderMap): boolean {
    if (!this.#retried(this.#retryState?.onHeaders(headers) ?? 'no')) return false
    attempt.host.onFailure()
    this.#requestStats.chargeRetried(headers.status)
    attempt.cancel()
    return true
  }

  /** True where another try follows. */
  #retried(decision: RetryDecision, tookTooLong = false): boolean {
    const info = this.#callbacks.streamInfo
    if (decision === 'yes') this.#scheduleRetry(tookTooLong)
    else if (decision === 'limit') info.setResponseFlag(ResponseFlag.UpstreamRetryLimitExceeded)
    else if (decision === 'overflow') info.setResponseFlag(ResponseFlag.UpstreamOverflow)
    return decision === 'yes'
  }

  #scheduleRetry(tookTooLong: boolean): void {
    this.#timers.disarmPerTry()
    if (this.#route.virtualHost.includeIsTimeoutRetryHeader)
      this.#headers.set('x-envoy-is-timeout-retry', String(tookTooLong))
    this.#timers.armBackOff(this.#retryState?.nextBackOffMs() ?? 0)
  }

  onBackOffOver(): void {
    if (this.#destroyed) return
    this.#callbacks.streamInfo.attemptCount++
    tellTimeout(this.#headers, this.timeouts, monotonicMs() - this.#requestCompleteMs)
    const endsWithHeaders = this.#requestComplete && (this.#body === undefined || this.#body.isEmpty)
    this.#startAttempt(endsWithHeaders)
    if (!endsWithHeaders && this.#attempt !== undefined) this.#body?.replayTo(this.#attempt)
  }

  /** A success that is no 101 would leave client and upstream in two minds about what follows: neither goes on. */
  #refuseUpgradeAnswer(attempt: UpstreamRequest, status: number): void {
    this.#disarm()
    attempt.cancel()
    this.#callbacks.sendLocalReply({ status, body: '', details: 'websocket_handshake_unsuccessful' })
  }

  /** An internal redirect: the request starts over by the response's location, and this response is dropped. */
  #startOver(response: HeaderMap): boolean {
    const policy = this.#route.internalRedirect
    if (policy?.redirectResponseCodes.has(response.status) !== true) return false
    const { stats } = this.#cluster.info
    const isWhole = this.#requestComplete && this.#body?.abandoned !== true
    if (!isWhole || !applyInternalRedirect(policy, this.#headers, response, this.#callbacks, this.#settings.stats)) {
      stats.upstreamInternalRedirectFailedTotal.inc()
      return false
    }
    stats.upstreamInternalRedirectSucceededTotal.inc()
    this.#disarm()
    this.#attempt?.cancel()
    const body = becomesGet(this.#headers, response.status) ? undefined : this.#body?.take()
    this.#callbacks.recreateStream(response, body)
    return true
  }

  onUpstreamReset(attempt: UpstreamRequest, reason: StreamResetReason, transportFailureReason: string): void {
    if (this.#destroyed) return
    this.#timers.disarmPerTry()
    const details = resetDetails(this.#responseStarted || this.#interimStarted, reason, transportFailureReason)
    const retried = this.#callbacks.streamInfo.attemptCount > 1
    const reply = resetReply(reason, details, retried, this.#settings.suppressEnvoyHeaders)
    // What the client has seen nothing of yet, because a filter holds it, can still be replaced; else this resets.
    if (this.#responseStarted) this.#callbacks.sendLocalReply(reply)
    else if (!this.#retryReset(reason, attempt.requestSent)) this.#abort(reply)
  }

  // ---- Timeouts --------------------------------------------------------------------------------------------------

  onResponseTimeout(): void {
    if (this.#destroyed) return
    const { stats, budgetStats } = this.#cluster.info
    stats.upstreamRqTimeout.inc()
    budgetStats?.onRequestComplete(monotonicMs() - this.#requestCompleteMs, this.timeouts.globalMs)
    this.#requestStats.onTimeout()
    const quiet = this.timeouts.answersQuietly
    this.#attempt?.onTimeout(quiet ? 204 : 504)
    const body = quiet ? '' : 'upstream request timeout'
    this.#giveUp(quiet ? 204 : 504, 'response_timeout', ResponseFlag.UpstreamRequestTimeout, body)
  }

  onPerTryTimeout(): void {
    const attempt = this.#attempt
    if (this.#destroyed || attempt === undefined || attempt.done) return
    this.#cluster.info.stats.upstreamRqPerTryTimeout.inc()
    attempt.onTimeout(this.timeouts.answersQuietly ? 204 : 504)
    if (this.#retryEnded(true)) return
    this.#giveUp(504, 'upstream_per_try_timeout', ResponseFlag.UpstreamRequestTimeout, 'upstream request timeout')
  }

  onMaxDuration(): void {
    if (this.#destroyed) return
    this.#cluster.info.stats.upstreamRqMaxDurationReached.inc()
    if (this.#retryEnded(false)) return
    const flag = ResponseFlag.UpstreamMaxStreamDurationReached
    this.#giveUp(504, 'upstream_max_stream_duration_reached', flag, 'upstream max stream duration reached')
  }

  /** Ends the attempt at a timer of its own; true where another follows. */
  #retryEnded(tookTooLong: boolean): boolean {
    this.#attempt?.cancel()
    return !this.#responseStarted && this.#retryReset('localReset', true, tookTooLong)
  }

  /** True where another try follows one that had no response. */
  #retryReset(reason: StreamResetReason, requestSent: boolean, tookTooLong = false): boolean {
    if (!this.#retried(this.#retryState?.onReset(reason, requestSent) ?? 'no', tookTooLong)) return false
    this.#attempt?.host.onFailure()
    return true
  }

  #giveUp(status: number, details: string, flag: number, body: string): void {
    this.#disarm()
    this.#attempt?.cancel()
    if (this.#responseStarted) {
      this.#callbacks.streamInfo.setResponseFlag(flag)
      this.#callbacks.resetStream('localReset', details)
      return
    }
    this.#abort({ status, body, details, flag })
  }

  /** Answers in the upstream's place, which is charged with it: not twice after an interim response, nor for a duration. */
  #abort(reply: LocalReply): void {
    if (!this.#interimStarted && reply.flag !== ResponseFlag.UpstreamMaxStreamDurationReached) {
      this.#requestStats.charge(reply.status)
      this.#attempt?.host.onFailure()
      if (reply.flag === ResponseFlag.UpstreamOverflow) countDropped(this.#cluster, this.#settings)
    }
    this.#callbacks.sendLocalReply(reply)
  }

  #disarm(): void {
    this.#timers.disarm()
    this.#retryState?.release()
  }

  // ---- Flow control ----------------------------------------------------------------------------------------------

  requestReadDisable(disable: boolean): void {
    const stats = this.#cluster.info.stats
    if (disable) {
      stats.upstreamFlowControlBackedUpTotal.inc()
      this.#callbacks.onDecoderFilterAboveWriteBufferHighWatermark()
    } else {
      stats.upstreamFlowControlDrainedTotal.inc()
      this.#callbacks.onDecoderFilterBelowWriteBufferLowWatermark()
    }
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#cluster.info.stats.upstreamFlowControlPausedReadingTotal.inc()
    this.#attempt?.downstreamReadDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#cluster.info.stats.upstreamFlowControlResumedReadingTotal.inc()
    this.#attempt?.downstreamReadDisable(false)
  }

  destroy(): void {
    this.#destroyed = true
    this.#disarm()
    this.#callbacks.removeDownstreamWatermarkCallbacks(this)
    this.#attempt?.cancel()
  }
}
