// One attempt at an upstream: takes a stream from the pool, writes the request, and hands the response to the router.

import { monotonicMs } from '../common/clock.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { RequestEncoder, ResponseDecoder, StreamCallbacks, StreamResetReason } from '../http/codec/codec.ts'
import type {
  HttpConnectionPool,
  PendingStream,
  PoolCallbacks,
  PoolConnectionInfo,
  PoolFailureReason,
} from '../http/conn_pool/connection_pool.ts'
import { type StreamInfo, UpstreamInfo } from '../stream_info/stream_info.ts'
import type { Host } from '../upstream/host.ts'
import { parseLoadReport } from '../upstream/orca/load_report.ts'
import { type AttemptTimerCallbacks, AttemptTimers } from './attempt_timers.ts'
import { reportResponse } from './outlier_reports.ts'
import type { RequestTimeouts } from './timeouts.ts'

/** What the router filter is told of its attempts. */
export interface UpstreamRequestParent {
  readonly bufferLimitBytes: number
  /** The client has sent all of it. */
  readonly requestComplete: boolean
  /** A connection is there: the request's head for this host. */
  headersFor(host: Host): HeaderMap
  /** The host has given a connection, or could not. */
  onHostAttempted(host: Host): void
  onUpstream1xxHeaders(request: UpstreamRequest, headers: HeaderMap): void
  onUpstreamHeaders(request: UpstreamRequest, headers: HeaderMap, endStream: boolean): void
  onUpstreamData(request: UpstreamRequest, data: Buffer, endStream: boolean): void
  onUpstreamTrailers(request: UpstreamRequest, trailers: HeaderMap): void
  onUpstreamReset(request: UpstreamRequest, reason: StreamResetReason, transportFailureReason: string): void
  /** It has taken too long, or `isIdle`: nothing has come for too long. */
  onPerTryTimeout(request: UpstreamRequest, isIdle: boolean): void
  onMaxDuration(request: UpstreamRequest): void
  /** Response data may still be in use. */
  retainsResponseData(): boolean
  /** Counted: the upstream cannot take more of the request. */
  requestReadDisable(disable: boolean): void
}

export class UpstreamRequest implements PoolCallbacks, ResponseDecoder, StreamCallbacks, AttemptTimerCallbacks {
  readonly #parent: UpstreamRequestParent
  readonly #endsWithHeaders: boolean
  readonly #perTryTimeoutMs: number
  readonly #timers: AttemptTimers | undefined
  readonly #streamInfo: StreamInfo
  /** What is known of it: shown while it is the last attempt, and when it answers. */
  readonly info = new UpstreamInfo()
  host: Host
  /** That has given a connection, or could not. */
  #attemptedHost: Host | undefined = undefined
  #pending: PendingStream | undefined = undefined
  #encoder: RequestEncoder | undefined = undefined
  /** Body that came before the pool had a connection. */
  #held: Buffer[] | undefined = undefined
  #heldBytes = 0
  #heldEnd = false
  #heldTrailers: HeaderMap | undefined = undefined
  #readDisables = 0
  #responseReadDisables = 0
  #loadReported = false
  #isTimeoutReported = false
  #headers: HeaderMap | undefined = undefined
  /** All of the request has been given to the encoder. */
  #requestComplete = false
  #bodyBytesSent = 0
  #bodyBytesReceived = 0
  readonly startedAtMs = monotonicMs()
  responseStarted = false
  /** The attempt is over: complete, reset or given up. */
  done = false
  /** It has taken so long that another was begun beside it (hedging): there is no further one for it. */
  retried = false

  constructor(
    parent: UpstreamRequestParent,
    host: Host,
    streamInfo: StreamInfo,
    timeouts: RequestTimeouts,
    endsWithHeaders: boolean,
  ) {
    this.#parent = parent
    this.host = host
    this.#streamInfo = streamInfo
    // Known from now on, though there may never be a connection.
    this.info.host = host
    streamInfo.setUpstreamInfo(this.info)
    this.#perTryTimeoutMs = timeouts.perTryMs
    this.#timers = timeouts.limitsAttempts ? new AttemptTimers(timeouts, this) : undefined
    this.#endsWithHeaders = endsWithHeaders
  }

  get awaitsHeaders(): boolean {
    return !this.responseStarted && !this.done
  }

  start(pool: HttpConnectionPool): void {
    const pending = pool.newStream(this, this)
    if (this.#encoder === undefined && !this.done) this.#pending = pending
  }

  // ---- The request -----------------------------------------------------------------------------------------------

  onPoolReady(encoder: RequestEncoder, host: Host, upstream: PoolConnectionInfo): void {
    this.#pending = undefined
    this.#encoder = encoder
    this.host = host
    this.#attemptedHost = host
    host.outlierMonitor?.putResult('connectSuccess')
    encoder.setCallbacks(this)
    if (encoder.aboveHighWatermark) this.#readDisable(true)
    this.#describe(host, upstream)
    this.#parent.onHostAttempted(host)
    const { info } = this
    this.#timers?.onConnected()
    if (this.#parent.requestComplete) this.#timers?.onRequestComplete()
    const held = this.#held
    const nothingHeld = held === undefined && this.#heldTrailers === undefined && !this.#heldEnd
    this.#headers = this.#parent.headersFor(host)
    this.#requestComplete = this.#endsWithHeaders || this.#heldEnd || this.#heldTrailers !== undefined
    encoder.encodeHeaders(this.#headers, this.#endsWithHeaders)
    info.firstTxByteSentMs = monotonicMs()
    if (this.#endsWithHeaders) info.lastTxByteSentMs = info.firstTxByteSentMs
    if (nothingHeld || this.done) return
    this.#held = undefined
    if (this.#heldTrailers !== undefined) {
      for (const data of held ?? []) encoder.encodeData(data, false)
      encoder.encodeTrailers(this.#heldTrailers)
    } else if (held === undefined) encoder.encodeData(noBytes, true)
    else for (let i = 0; i < held.length; i++) encoder.encodeData(held[i], this.#heldEnd && i === held.length - 1)
    if (this.#heldEnd || this.#heldTrailers !== undefined) info.lastTxByteSentMs = monotonicMs()
    if (this.#heldBytes > this.#parent.bufferLimitBytes && this.#parent.bufferLimitBytes > 0) this.#readDisable(false)
  }

  #describe(host: Host, { connection, streamCount, protocol }: PoolConnectionInfo): void {
    const { info } = this
    info.host = host
    info.connectionId = connection.id
    info.streamCount = streamCount
    info.protocol = protocol
    info.localAddress = connection.localAddress
    info.tls = connection.tls
    info.remoteAddress = host.address
    // That of a try before.
    info.transportFailureReason = ''
    info.connectionPoolReadyMs = monotonicMs()
    // What kept the try before from a connection is over.
    info.transportFailureReason = ''
    info.hostsAttempted.push(host)
    info.connectionIdsAttempted.push(connection.id)
  }

  encodeData(data: Buffer, endStream: boolean): void {
    if (this.done) return
    this.#bodyBytesSent += data.length
    if (this.#encoder !== undefined) {
      this.#requestComplete = endStream
      this.#encoder.encodeData(data, endStream)
      if (endStream) this.info.lastTxByteSentMs = monotonicMs()
      return
    }
    this.#heldEnd = endStream
    if (data.length === 0) return
    this.#held ??= []
    this.#held.push(data)
    const limit = this.#parent.bufferLimitBytes
    const before = this.#heldBytes
    this.#heldBytes += data.length
    if (limit > 0 && before <= limit && this.#heldBytes > limit) this.#readDisable(true)
  }

  /** Request data may still be in use. */
  retainsRequestData(): boolean {
    return this.#encoder === undefined ? this.#held !== undefined : this.#encoder.hasBufferedData
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.done) return
    if (this.#encoder === undefined) this.#heldTrailers = trailers
    else {
      this.#requestComplete = true
      this.#encoder.encodeTrailers(trailers)
      this.info.lastTxByteSentMs = monotonicMs()
    }
  }

  /** The client has sent all of the request. */
  onRequestComplete(): void {
    if (this.#encoder !== undefined && !this.done) this.#timers?.onRequestComplete()
  }

  /** The head has been written: the upstream may have seen it. */
  get requestSent(): boolean {
    return this.#encoder !== undefined
  }

  /** Gives the attempt up; nothing more is told of it. Without `countsTime` its share of its timeout is no matter. */
  cancel(countsTime = true): void {
    if (this.done) return
    this.#finish(countsTime)
    if (this.#encoder !== undefined) this.#encoder.resetStream('localReset')
    else this.#pending?.cancel()
  }

  /** The router waits no longer; `status` is what it makes of that. Before there is a connection no host is to blame. */
  onTimeout(status: number): void {
    if (this.#encoder === undefined) return
    this.host.stats.rqTimeout.inc()
    this.reportTimeout(status)
  }

  /** It had no response, or one that was dropped. Who has only waited for a connection has failed at no host. */
  countFailure(): void {
    this.#attemptedHost?.onFailure()
  }

  /** Once, whether the router goes on waiting or not. */
  reportTimeout(status?: number): void {
    if (!this.awaitsHeaders || this.#isTimeoutReported) return
    this.#isTimeoutReported = true
    this.host.outlierMonitor?.putResult('timeout', status)
  }

  #finish(countsTime = true): void {
    this.done = true
    this.#timers?.disarm()
    this.#addByteCounts()
    this.#recordTracked(countsTime)
    while (this.#readDisables > 0) this.#readDisable(false)
  }

  /** track_cluster_stats */
  #recordTracked(countsTime = true): void {
    const { sizeStats, budgetStats } = this.host.cluster
    if (countsTime) budgetStats?.onTryComplete(monotonicMs() - this.startedAtMs, this.#perTryTimeoutMs)
    if (sizeStats === undefined || this.#headers === undefined) return
    sizeStats.onRequest(this.#headers, this.#bodyBytesSent)
    if (this.responseStarted) sizeStats.onResponseEnd(this.#bodyBytesReceived)
  }

  /** The bytes of all attempts add up. */
  #addByteCounts(): void {
    const encoder = this.#encoder
    if (encoder === undefined) return
    const info = this.#streamInfo.upstreamInfo()
    info.wireBytesSent += encoder.wireBytesSent
    info.wireBytesReceived += encoder.wireBytesReceived
    info.headerBytesSent += encoder.headerBytesSent
    info.headerBytesReceived += encoder.headerBytesReceived
    info.decompressedHeaderBytesSent += encoder.decompressedHeaderBytesSent
    info.decompressedHeaderBytesReceived += encoder.decompressedHeaderBytesReceived
  }

  // ---- The response ----------------------------------------------------------------------------------------------

  decode1xxHeaders(headers: HeaderMap): void {
    if (this.done) return
    this.#timers?.onHeaders()
    this.#parent.onUpstream1xxHeaders(this, headers)
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.done) return
    this.info.firstRxByteReceivedMs = monotonicMs()
    this.responseStarted = true
    this.#timers?.onHeaders()
    this.host.cluster.sizeStats?.onResponseHeaders(headers)
    if (this.host.wantsLoadReports) this.#readLoadReport(headers)
    const { onUnhealthyHost } = this.host.cluster
    if (onUnhealthyHost !== undefined && headers.has('x-envoy-immediate-health-check-fail')) onUnhealthyHost(this.host)
    const { outlierMonitor } = this.host
    if (outlierMonitor !== undefined) reportResponse(outlierMonitor, this.#headers, headers)
    if (endStream) this.#complete()
    this.#parent.onUpstreamHeaders(this, headers, endStream)
    if (endStream) this.#dropRest()
  }

  decodeData(data: Buffer, endStream: boolean): void {
    if (this.done) return
    this.#bodyBytesReceived += data.length
    this.#timers?.onProgress()
    if (endStream) this.#complete()
    this.#parent.onUpstreamData(this, data, endStream)
    if (endStream) this.#dropRest()
  }

  retainsData(): boolean {
    return this.#parent.retainsResponseData()
  }

  decodeTrailers(trailers: HeaderMap): void {
    if (this.done) return
    if (this.host.wantsLoadReports) this.#readLoadReport(trailers)
    this.#complete()
    this.#parent.onUpstreamTrailers(this, trailers)
    this.#dropRest()
  }

  /** One report for each response: headers go before trailers. */
  #readLoadReport(headersOrTrailers: HeaderMap): void {
    if (this.#loadReported) return
    const report = parseLoadReport(headersOrTrailers)
    if (report === undefined) return
    this.#loadReported = true
    this.host.onLoadReport(report)
  }

  #complete(): void {
    this.info.lastRxByteReceivedMs = monotonicMs()
    this.#finish()
  }

  /** A response that came whole before the request: the rest of that has nowhere to go. */
  #dropRest(): void {
    if (!this.#requestComplete) this.#encoder?.resetStream('localReset')
  }

  onPoolMoved(host: Host, upstream: PoolConnectionInfo): void {
    this.#describe(host, upstream)
  }

  onPoolFailure(reason: PoolFailureReason, transportFailureReason: string, host: Host | undefined): void {
    this.#pending = undefined
    const { info } = this
    info.host = host
    this.#attemptedHost = host
    this.#parent.onHostAttempted(this.host)
    info.transportFailureReason = transportFailureReason
    if (reason !== 'overflow') info.connectionPoolReadyMs = monotonicMs()
    this.done = true
    this.#recordTracked()
    if (reason !== 'overflow') this.host.outlierMonitor?.putResult('connectFailed')
    this.#parent.onUpstreamReset(this, reason, transportFailureReason)
  }

  onResetStream(reason: StreamResetReason, details: string): void {
    if (this.done) return
    this.#finish()
    if (details !== '') this.info.transportFailureReason = details
    // As in Envoy, whoever has reset it.
    this.host.outlierMonitor?.putResult('connectFailed')
    this.#parent.onUpstreamReset(this, reason, details)
  }

  onPerTryTimeout(): void {
    this.#parent.onPerTryTimeout(this, false)
  }

  onPerTryIdleTimeout(): void {
    this.#parent.onPerTryTimeout(this, true)
  }

  onMaxDuration(): void {
    this.#parent.onMaxDuration(this)
  }

  // ---- Flow control: the upstream's write side holds the client back, the client's write side the upstream ---------

  onAboveWriteBufferHighWatermark(): void {
    if (!this.done) this.#readDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    if (!this.done && this.#readDisables > 0) this.#readDisable(false)
  }

  #readDisable(disable: boolean): void {
    this.#readDisables += disable ? 1 : -1
    this.#parent.requestReadDisable(disable)
  }

  /**
   * The client's connection is full (or no longer): counted by the codec. A response that has come whole stops nothing: its
   * connection is for others now.
   */
  downstreamReadDisable(disable: boolean): void {
    const encoder = this.#encoder
    if (encoder === undefined || (disable ? this.done : this.#responseReadDisables === 0)) return
    this.#responseReadDisables += disable ? 1 : -1
    encoder.readDisable(disable)
  }
}

const noBytes = Buffer.alloc(0)
