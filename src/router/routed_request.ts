// A request that goes upstream: its attempts, their timeouts and retries, and the response on its way back.

import { monotonicMs } from '../common/clock.ts'
import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { Timer } from '../common/timer.ts'
import type { StreamResetReason } from '../http/codec/codec.ts'
import { isUpgrade } from '../http/codec/http1/request_head.ts'
import type { LocalReply } from '../http/http_filter.ts'
import type { ForwardRoute } from '../http/route.ts'
import { gatherWrites } from '../network/write_batch.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import { Attempts } from './attempts.ts'
import { countDropped, dropOverloadReply, isShed } from './drop_overload.ts'
import { HostSelection } from './host_selection.ts'
import { applyInternalRedirect, becomesGet } from './internal_redirect.ts'
import { exceededBufferLimit, RequestBody } from './request_body.ts'
import type { RequestCallbacks } from './request_callbacks.ts'
import { RequestStats } from './request_stats.ts'
import { resetDetails, resetReply } from './reset_reasons.ts'
import { type RetryCallbacks, RetryState } from './retry_state.ts'
import { prepareForHost } from './route_config/host_rewrite.ts'
import type { RouterSettings } from './router_settings.ts'
import { maxDurationReply, type RequestTimeouts, requestTimeouts, tellTimeout, timeoutReply } from './timeouts.ts'
import { UpstreamRequest, type UpstreamRequestParent } from './upstream_request.ts'

export class RoutedRequest implements UpstreamRequestParent, RetryCallbacks {
  readonly #settings: RouterSettings
  readonly #callbacks: RequestCallbacks
  readonly #headers: HeaderMap
  readonly #route: ForwardRoute
  readonly #cluster: Cluster
  readonly timeouts: RequestTimeouts
  #responseTimer: Timer | undefined = undefined
  readonly #requestStats: RequestStats
  /** The request asks to change protocols; CONNECT has rules of its own. */
  readonly #upgrade: boolean
  readonly #retryState: RetryState | undefined
  readonly #attempts: Attempts
  #body: RequestBody | undefined = undefined
  requestComplete = false
  #requestCompleteMs = Number.NaN
  #responseStarted = false
  #interimStarted = false
  readonly hostSelection: HostSelection
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
    this.#attempts = new Attempts(cluster.info.stats)
    this.hostSelection = new HostSelection(settings.pools, route, cluster, headers, callbacks)
    this.#requestStats = new RequestStats(settings, cluster.info, headers, info.healthCheck)
    // By the path as it came, before it is rewritten.
    const virtualCluster = route.virtualHost.virtualCluster(headers)
    this.timeouts = requestTimeouts(route, headers, cluster.info.maxStreamDurationMs, settings.suppressEnvoyHeaders)
    if (route.virtualHost.includeRequestAttemptCount) headers.set('x-envoy-attempt-count', '1')
    if (virtualCluster !== undefined) info.virtualClusterName = virtualCluster.name
    route.finalizeRequestHeaders(headers, info, !settings.suppressEnvoyHeaders)
    this.hostSelection.onHeadersFinal(callbacks)
    this.#requestStats.add(virtualCluster)
    this.#requestStats.add(route.requestStats)
    this.#upgrade = (headers.known & KnownHeader.upgrade) !== 0 && isUpgrade(headers)
    const { runtime } = settings
    this.#retryState = RetryState.create(this, route, headers, cluster.info, this.#requestStats, info, runtime)
  }

  get bufferLimitBytes(): number {
    return this.#callbacks.decoderBufferLimit()
  }

  // ---- The request -----------------------------------------------------------------------------------------------

  /** False where no host is to have it. */
  start(endStream: boolean): boolean {
    const { requestBodyBufferLimitBytes: limitBytes = this.bufferLimitBytes || Number.POSITIVE_INFINITY } = this.#route
    if (!endStream && (this.#retryState !== undefined || this.#route.internalRedirect !== undefined))
      this.#body = new RequestBody(limitBytes)
    this.#callbacks.addDownstreamWatermarkCallbacks(this.#attempts)
    if (endStream) this.#onRequestComplete()
    const dropped = dropOverloadReply(this.#cluster, this.#settings, this.#callbacks.streamInfo)
    if (dropped === undefined) {
      const host = this.hostSelection.choose()
      return !isShed(host, this.#settings, this.#callbacks) && this.#startAttempt(host, endStream) !== undefined
    }
    this.#refuse(dropped)
    return false
  }

  #refuse(reply: LocalReply): void {
    this.#requestStats.charge(reply.status)
    this.#callbacks.sendLocalReply(reply)
  }

  /** Starts a try at a host; the first or a later one. Undefined where there is none to be had. */
  #startAttempt(host: Host | undefined, endsWithHeaders: boolean): UpstreamRequest | undefined {
    const pool = host && this.hostSelection.poolOf(host)
    if (host === undefined || pool === undefined) {
      this.#refuse(this.hostSelection.noHost(host === undefined))
      return undefined
    }
    const { streamInfo } = this.#callbacks
    if (this.#route.virtualHost.includeRequestAttemptCount)
      this.#headers.set('x-envoy-attempt-count', String(streamInfo.attemptCount))
    const attempt = new UpstreamRequest(this, host, streamInfo, this.timeouts, endsWithHeaders)
    this.#attempts.add(attempt)
    this.hostSelection.preconnect()
    attempt.start(pool)
    return attempt
  }

  onData(data: Buffer, endStream: boolean): void {
    if (endStream) this.#onRequestComplete()
    // Kept while it may have to be sent again.
    if (this.#body?.abandoned === false && !this.#keep(this.#body, data, endStream)) return
    this.#attempts.latest?.encodeData(data, endStream)
  }

  /** False where the request ends here: it is too large to be kept, and there is nowhere else to put it. */
  #keep(body: RequestBody, data: Buffer, endStream: boolean): boolean {
    if (body.add(data, endStream)) return true
    this.#cluster.info.stats.retryOrShadowAbandoned.inc()
    const waits = this.#retryState?.isPending === true
    this.#retryState?.giveUp()
    if (waits) this.#callbacks.sendLocalReply(exceededBufferLimit)
    return !waits
  }

  retainsData(): boolean {
    return this.#body !== undefined || this.#attempts.latest?.retainsRequestData() === true
  }

  retainsResponseData(): boolean {
    return this.#callbacks.retainsEncodedData()
  }

  onTrailers(trailers: HeaderMap): void {
    this.#onRequestComplete()
    this.#body?.addTrailers(trailers)
    this.#attempts.latest?.encodeTrailers(trailers)
  }

  /** The route's timeout covers the time from here to the end of the response. */
  #onRequestComplete(): void {
    if (this.requestComplete) return
    this.requestComplete = true
    this.#requestCompleteMs = monotonicMs()
    const attempt = this.#attempts.latest
    attempt?.onRequestComplete()
    const responseEnded = this.#responseStarted && attempt?.done === true
    if (this.timeouts.globalMs === 0 || responseEnded) return
    this.#responseTimer = new Timer(() => gatherWrites(() => this.#onResponseTimeout()))
    this.#responseTimer.enable(this.timeouts.globalMs)
  }

  // ---- The response ----------------------------------------------------------------------------------------------

  headersFor(host: Host): HeaderMap {
    this.#requestStats.onRequest()
    prepareForHost(this.#headers, this.#route, host, this.#callbacks.streamInfo, this.#settings.suppressEnvoyHeaders)
    return this.#headers
  }

  onHostAttempted(host: Host): void {
    this.hostSelection.onHostAttempted(host)
  }

  /** A response has begun, as far as retries and counting go, though another may still take its place for the client. */
  onUpstream1xxHeaders(attempt: UpstreamRequest, headers: HeaderMap): void {
    // The first one counts and passes, whatever else there is to say before the response.
    if (this.#interimStarted) return
    this.#interimStarted = true
    this.#retryState?.giveUp()
    this.#attempts.dropOthers(attempt)
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
    if (this.#retryState !== undefined && this.#dropResponse(this.#retryState, attempt, headers)) return
    if (this.#startOver(headers)) return
    this.#retryState?.giveUp()
    this.#attempts.dropOthers(attempt)
    info.setUpstreamInfo(attempt.info)
    this.#requestStats.onHostResponse(headers, attempt.host)
    this.#responseStarted = true
    if (!this.#settings.suppressEnvoyHeaders && this.requestComplete)
      headers.set('x-envoy-upstream-service-time', String(Math.round(monotonicMs() - this.#requestCompleteMs)))
    this.hostSelection.addCookies(headers)
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
    if (!this.requestComplete) return
    const duration = Math.round(monotonicMs() - this.#requestCompleteMs)
    this.#cluster.info.budgetStats?.onRequestComplete(duration, this.timeouts.globalMs)
    this.#requestStats.onRequestComplete(duration)
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
    const headers = this.#headers
    const isWhole = this.requestComplete && this.#body?.abandoned !== true
    if (!isWhole || !applyInternalRedirect(policy, headers, response, this.#callbacks, this.#settings.stats)) {
      stats.upstreamInternalRedirectFailedTotal.inc()
      return false
    }
    stats.upstreamInternalRedirectSucceededTotal.inc()
    this.#disarm()
    this.#attempts.cancel()
    this.#callbacks.recreateStream(response, becomesGet(headers, response.status) ? undefined : this.#body?.take())
    return true
  }

  // ---- Retries and hedging ---------------------------------------------------------------------------------------

  /** True where the client does not get the response: there is another try, or others may still answer better. */
  #dropResponse(retryState: RetryState, attempt: UpstreamRequest, headers: HeaderMap): boolean {
    const decision = attempt.retried ? 'no' : retryState.onHeaders(headers)
    const retried = decision === 'yes'
    const isBad = attempt.retried ? retryState.wantsHeaders(headers) : decision !== 'no'
    if (!retried && !(isBad && this.#othersMayAnswer)) return false
    attempt.countFailure()
    if (retried) this.#requestStats.chargeRetried(headers.status)
    this.#attempts.drop(attempt)
    return true
  }

  get #othersMayAnswer(): boolean {
    return this.#retryState?.isPending === true || this.#attempts.awaitHeaders
  }

  /** True where another try follows one that is over without a response. */
  #retryReset(attempt: UpstreamRequest, reason: StreamResetReason, requestSent: boolean, tookTooLong = false): boolean {
    if (this.#responseStarted || attempt.retried) return false
    if (this.#retryState?.onReset(reason, requestSent, tookTooLong) !== 'yes') return false
    attempt.countFailure()
    this.#attempts.drop(attempt)
    return true
  }

  onRetry(tookTooLong: boolean): void {
    const { streamInfo } = this.#callbacks
    streamInfo.attemptCount++
    if (this.#route.virtualHost.includeIsTimeoutRetryHeader)
      this.#headers.set('x-envoy-is-timeout-retry', String(tookTooLong))
    tellTimeout(this.#headers, this.timeouts, monotonicMs() - this.#requestCompleteMs)
    const endsWithHeaders = this.requestComplete && (this.#body === undefined || this.#body.isEmpty)
    const attempt = this.#startAttempt(this.hostSelection.chooseForRetry(), endsWithHeaders)
    if (!endsWithHeaders && attempt !== undefined) this.#body?.replayTo(attempt)
  }

  // ---- Failures --------------------------------------------------------------------------------------------------

  onUpstreamReset(attempt: UpstreamRequest, reason: StreamResetReason, transportFailureReason: string): void {
    if (this.#destroyed) return
    const details = resetDetails(this.#responseStarted || this.#interimStarted, reason, transportFailureReason)
    const retried = this.#callbacks.streamInfo.attemptCount > 1
    const reply = resetReply(reason, details, retried, this.#settings.suppressEnvoyHeaders)
    // What the client has seen nothing of yet, because a filter holds it, can still be replaced; else this resets.
    if (this.#responseStarted) {
      this.#requestStats.onResponseLost()
      this.#callbacks.sendLocalReply(reply)
    } else if (!this.#retryReset(attempt, reason, attempt.requestSent)) {
      this.#charge(attempt, reply.status)
      if (reason === 'overflow' && !this.#interimStarted) countDropped(this.#cluster, this.#settings)
      this.#attempts.drop(attempt)
      if (!this.#othersMayAnswer) this.#callbacks.sendLocalReply(reply)
    }
  }

  onPerTryTimeout(attempt: UpstreamRequest, isIdle: boolean): void {
    // The attempt goes on, and another is made beside it, if there may be one.
    if (this.timeouts.hedges) {
      attempt.reportTimeout()
      if (!this.#responseStarted) attempt.retried = this.#retryState?.onHedge() === 'yes'
      return
    }
    const { stats } = this.#cluster.info
    if (isIdle) stats.upstreamRqPerTryIdleTimeout.inc()
    else stats.upstreamRqPerTryTimeout.inc()
    const details = isIdle ? 'upstream_per_try_idle_timeout' : 'upstream_per_try_timeout'
    const reply = timeoutReply(this.timeouts, details)
    attempt.onTimeout(reply.status)
    attempt.cancel()
    if (this.#retryReset(attempt, 'localReset', true, true)) return
    this.#charge(attempt, reply.status)
    this.#timeOut(reply)
  }

  #onResponseTimeout(): void {
    const reply = timeoutReply(this.timeouts, 'response_timeout')
    for (const attempt of this.#attempts.underWay) {
      this.#cluster.info.stats.upstreamRqTimeout.inc()
      this.#requestStats.onTimeout()
      attempt.onTimeout(reply.status)
      if (attempt.awaitsHeaders) this.#charge(attempt, reply.status)
      attempt.cancel(!attempt.awaitsHeaders)
    }
    this.#timeOut(reply)
  }

  #timeOut(reply: LocalReply): void {
    const durationMs = monotonicMs() - this.#requestCompleteMs
    this.#cluster.info.budgetStats?.onRequestComplete(durationMs, this.timeouts.globalMs)
    this.#giveUp(reply)
  }

  onMaxDuration(attempt: UpstreamRequest): void {
    this.#cluster.info.stats.upstreamRqMaxDurationReached.inc()
    attempt.cancel()
    if (this.#retryReset(attempt, 'localReset', true)) return
    this.#giveUp(maxDurationReply(this.requestComplete))
  }

  #giveUp(reply: LocalReply): void {
    this.#disarm()
    if (this.#responseStarted) {
      this.#callbacks.streamInfo.setResponseFlag(reply.flag ?? 0)
      this.#callbacks.resetStream('localReset', reply.details)
    } else this.#callbacks.sendLocalReply(reply)
  }

  /** An answer in the upstream's place is counted as the upstream's, but not after one of its own. */
  #charge(attempt: UpstreamRequest, status: number): void {
    if (this.#responseStarted || this.#interimStarted) return
    this.#requestStats.charge(status)
    attempt.countFailure()
  }

  #disarm(): void {
    this.#responseTimer?.disable()
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

  destroy(): void {
    this.#destroyed = true
    this.#disarm()
    this.#callbacks.removeDownstreamWatermarkCallbacks(this.#attempts)
    this.#attempts.cancel()
  }
}
