// The router: the terminal HTTP filter. Picks cluster and host, runs the upstream attempt, and answers when it fails.

import { monotonicMs } from '../common/clock.ts'
import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { Timer } from '../common/timer.ts'
import type { StreamResetReason } from '../http/codec/codec.ts'
import { isUpgradeRequest } from '../http/codec/http1/request_head.ts'
import {
  type DownstreamWatermarkCallbacks,
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../http/http_filter.ts'
import type { DirectResponseRoute, ForwardRoute, Route } from '../http/route.ts'
import { gatherWrites } from '../network/write_batch.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import type { UpstreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import { chargeUpstreamCode } from './code_stats.ts'
import { internalRedirectTarget } from './internal_redirect.ts'
import { isConnectFailure, resetDetails, resetReasonFlag, resetReasonStatus, resetReasonWords } from './reset_reasons.ts'
import type { RouterSettings } from './router_settings.ts'
import { TcpUpstreamPool } from './tcp_upstream.ts'
import { type RequestTimeouts, requestTimeouts } from './timeouts.ts'
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
  #requestCompleteMs = Number.NaN
  #responseStarted = false
  #hasBody = false
  /** The request asks to change protocols; CONNECT has rules of its own. */
  #upgrade = false
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
    this.#timeouts = requestTimeouts(route, headers, suppress)
    route.finalizeRequestHeaders(headers, info, !suppress)
    if (route.virtualHost.includeRequestAttemptCount) headers.set('x-envoy-attempt-count', '1')
  }

  #sendUpstream(route: ForwardRoute, cluster: Cluster, endStream: boolean): FilterHeadersStatus {
    const host = cluster.chooseHost({
      hash: route.hash(this.#headers, this.#callbacks.streamInfo),
      metadataMatch: route.metadataMatch,
      downstreamConnection: this.#callbacks.connection,
    })
    if (host === undefined) {
      cluster.info.stats.upstreamCxNoneHealthy.inc()
      chargeUpstreamCode(cluster.info, 503, false)
      return this.#reply(503, 'no_healthy_upstream', ResponseFlag.NoHealthyUpstream, 'no healthy upstream')
    }
    const attempt = new UpstreamRequest(this, host, endStream)
    this.#attempt = attempt
    this.#upgrade = (this.#headers.known & KnownHeader.upgrade) !== 0 && isUpgradeRequest(this.#headers)
    this.#callbacks.addDownstreamWatermarkCallbacks(this)
    if (endStream) this.#onRequestComplete()
    else this.#hasBody = true
    if (this.#timeouts.maxDurationMs > 0) this.#armMaxDuration(this.#timeouts.maxDurationMs)
    const terminates = this.#headers.method === 'CONNECT' && route.upgrades.get('connect')?.terminateConnect === true
    attempt.start(terminates ? new TcpUpstreamPool(host, route.priority) : this.#settings.pools.get(host, route.priority))
    return FilterHeadersStatus.StopIteration
  }

  decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (endStream) this.#onRequestComplete()
    this.#attempt?.encodeData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  decodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    this.#onRequestComplete()
    this.#attempt?.encodeTrailers(trailers)
    return FilterTrailersStatus.StopIteration
  }

  /** The route's timeout covers the time from here to the end of the response. */
  #onRequestComplete(): void {
    if (this.#requestComplete) return
    this.#requestComplete = true
    this.#requestCompleteMs = monotonicMs()
    if (this.#timeouts.globalMs <= 0 || this.#responseEnded) return
    this.#timeoutTimer = new Timer(() => gatherWrites(() => this.#onTimeout()))
    this.#timeoutTimer.enable(this.#timeouts.globalMs)
  }

  #armMaxDuration(milliseconds: number): void {
    this.#maxDurationTimer = new Timer(() => gatherWrites(() => this.#onMaxDuration()))
    this.#maxDurationTimer.enable(milliseconds)
  }

  get #responseEnded(): boolean {
    return this.#responseStarted && this.#attempt?.done === true
  }

  // ---- Answers without an upstream -------------------------------------------------------------------------------

  #reply(status: number, details: string, flag: number, body = ''): FilterHeadersStatus {
    this.#callbacks.sendLocalReply({ status, body, details, flag })
    return FilterHeadersStatus.StopIteration
  }

  #answerDirectly(route: Exclude<Route, ForwardRoute>, headers: HeaderMap): FilterHeadersStatus {
    if (route.kind === 'nonForwarding') return this.#reply(404, 'route_not_found', ResponseFlag.NoRouteFound)
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
    chargeUpstreamCode(cluster.info, headers.status, false)
    attempt.host.onResponse(headers.status)
    if (this.#startOver(route, headers)) return
    if (this.#upgrade && headers.status >= 200 && headers.status < 300) {
      this.#refuseUpgradeAnswer(attempt, headers.status)
      return
    }
    this.#responseStarted = true
    if (!this.#settings.suppressEnvoyHeaders) {
      const sentAtMs = Number.isNaN(this.#requestCompleteMs) ? attempt.startedAtMs : this.#requestCompleteMs
      headers.set('x-envoy-upstream-service-time', String(Math.round(monotonicMs() - sentAtMs)))
    }
    if (route.virtualHost.includeAttemptCountInResponse) headers.set('x-envoy-attempt-count', String(info.attemptCount))
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
      cluster.info.stats.upstreamRqTime.recordValue(duration)
      const virtualCluster = this.#route?.virtualHost.virtualCluster(this.#headers)
      virtualCluster?.onRequestComplete(this.#callbacks.streamInfo.responseCode, duration)
    }
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
    if (!this.#requestComplete || this.#hasBody || attempt === undefined) return false
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
    this.#disarm()
    const info = this.#callbacks.streamInfo
    const flag = resetReasonFlag(reason)
    const details = resetDetails(this.#responseStarted, reason, transportFailureReason)
    if (transportFailureReason !== '') info.upstreamInfo().transportFailureReason = transportFailureReason
    if (this.#responseStarted) {
      info.setResponseFlag(flag)
      attempt.host.onReset()
      this.#callbacks.resetStream('remoteReset', details)
      return
    }
    const status = resetReasonStatus(reason)
    chargeUpstreamCode(cluster.info, status, false)
    if (!isConnectFailure(reason) && reason !== 'overflow') attempt.host.onReset()
    const overloaded = reason === 'overflow' && !this.#settings.suppressEnvoyHeaders
    this.#callbacks.sendLocalReply({
      status,
      body: `upstream connect error or disconnect/reset before headers. reset reason: ${resetReasonWords(reason)}`,
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
    this.#attempt?.host.stats.rqTimeout.inc()
    this.#route?.virtualHost.virtualCluster(this.#headers)?.onTimeout()
    this.#giveUp(cluster, 504, 'response_timeout', ResponseFlag.UpstreamRequestTimeout, 'upstream request timeout')
  }

  #onMaxDuration(): void {
    const cluster = this.#cluster
    if (this.#destroyed || cluster === undefined) return
    cluster.info.stats.upstreamRqMaxDurationReached.inc()
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
    chargeUpstreamCode(cluster.info, status, false)
    this.#callbacks.sendLocalReply({ status, body, details, flag })
  }

  #disarm(): void {
    this.#timeoutTimer?.disable()
    this.#maxDurationTimer?.disable()
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
