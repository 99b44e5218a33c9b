// The HTTP connection manager of one downstream connection: owns its codec, its streams, and when it ends.

import { monotonicMs } from '../../common/clock.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { Timer } from '../../common/timer.ts'
import type { Connection } from '../../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent } from '../../network/connection_types.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../network/network_filter.ts'
import { ResponseFlag } from '../../stream_info/response_flags.ts'
import {
  CodecProtocolError,
  type RequestDecoder,
  type ResponseEncoder,
  type ServerCodec,
  type ServerCodecCallbacks,
} from '../codec/codec.ts'
import { Http1ServerCodec } from '../codec/http1/server_codec.ts'
import { Http2ServerCodec } from '../codec/http2/server_codec.ts'
import { ActiveStream } from './active_stream.ts'
import { speaksHttp2 } from './codec_type.ts'
import { PrematureResets } from './premature_resets.ts'
import type { ConnectionManagerSettings } from './settings.ts'

/**
 * Whether the connection takes more requests: `draining` does for as long as `drain_timeout`, though every response asks
 * the client to leave; `closing` ends it with the response in progress.
 */
export type DrainState = 'notDraining' | 'draining' | 'closing'

export class ConnectionManager implements ReadFilter, ServerCodecCallbacks, ConnectionCallbacks {
  readonly settings: ConnectionManagerSettings
  connection!: Connection
  codec: ServerCodec | undefined = undefined
  drainState: DrainState = 'notDraining'
  /** Streams whose access log is not written yet. */
  readonly #streams: ActiveStream[] = []
  #prematureResets: PrematureResets | undefined = undefined
  #requestCount = 0
  #idleTimer: Timer | undefined = undefined
  #durationTimer: Timer | undefined = undefined
  #headersTimer: Timer | undefined = undefined
  #drainTimer: Timer | undefined = undefined
  /** A request was not read to its end, or could not be: the close waits for the client (delayed close). */
  #delayClose = false

  constructor(settings: ConnectionManagerSettings) {
    this.settings = settings
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    const connection = callbacks.connection
    const { stats, delayedCloseTimeoutMs } = this.settings
    this.connection = connection
    connection.delayedCloseTimeoutMs = delayedCloseTimeoutMs
    connection.byteStats = { readTotal: stats.downstreamCxRxBytesTotal, writeTotal: stats.downstreamCxTxBytesTotal }
    connection.addConnectionCallbacks(this)
    stats.downstreamCxTotal.inc()
    stats.downstreamCxActive.inc()
    if (connection.downstream?.isSecure === true) {
      stats.downstreamCxSslTotal.inc()
      stats.downstreamCxSslActive.inc()
    }
  }

  onNewConnection(): FilterStatus {
    const { idleTimeoutMs, maxConnectionDurationMs, overload } = this.settings
    // A filter before this one may keep what it has seen.
    if (this.connection.reader === this) this.connection.reuseReadBuffer(() => this.codec?.retainsData() === true)
    if (idleTimeoutMs > 0) {
      this.#idleTimer = new Timer(() => this.#onIdleTimeout(), overload.timers.connectionIdle)
      this.#idleTimer.enable(idleTimeoutMs)
    }
    if (maxConnectionDurationMs > 0) {
      this.#durationTimer = new Timer(() => this.#onMaxDuration(), overload.timers.connectionMax)
      this.#durationTimer.enable(jittered(maxConnectionDurationMs, this.settings.maxConnectionDurationJitter))
    }
    return FilterStatus.Continue
  }

  onData(data: Buffer, _endStream: boolean): FilterStatus {
    if (this.codec === undefined && this.settings.overload.creatingCodec.isTaken()) {
      this.settings.stats.downstreamRqOverloadClose.inc()
      this.connection.close('noFlush', 'onData_codec_creation_overload')
      return FilterStatus.StopIteration
    }
    const codec = this.codec ?? this.#createCodec(data)
    if (codec.multiplexed && this.#shedHttp2(codec)) return FilterStatus.StopIteration
    try {
      if (!codec.multiplexed && this.settings.overload.http1AbortDispatch.isTaken()) codec.abortDispatch()
      else codec.dispatch(data)
    } catch (error) {
      if (!(error instanceof CodecProtocolError)) throw error
      this.#onCodecError(error)
    }
    if (this.settings.requestHeadersTimeoutMs > 0) this.#watchHead(codec)
    return FilterStatus.StopIteration
  }

  /** Whether the connection ends, and what has come is not looked at. */
  #shedHttp2(codec: ServerCodec): boolean {
    const { http2GoAwayOnDispatch, http2GoAwayAndCloseOnDispatch } = this.settings.overload
    if (http2GoAwayAndCloseOnDispatch.isTaken()) {
      codec.shutdownNotice()
      codec.goAway()
      if (this.#streams.length > 0) this.#countActiveStreams(false)
      this.#endStreams('forced_goaway')
      this.connection.close('flushWriteAndDelay', 'forced_goaway')
      return true
    }
    if (http2GoAwayOnDispatch.isTaken()) this.#startDrainSequence()
    return false
  }

  #createCodec(data: Buffer): ServerCodec {
    const { settings, connection } = this
    const { stats } = settings
    const isHttp2 = speaksHttp2(settings.codecType, connection.nextProtocol, data)
    if (isHttp2) {
      stats.downstreamCxHttp2Total.inc()
      stats.downstreamCxHttp2Active.inc()
      this.#prematureResets = new PrematureResets(settings.prematureResets)
      const codec = new Http2ServerCodec(connection, this, settings.http2, settings.http2Stats)
      settings.overload.accounts?.add(codec)
      this.codec = codec
    } else {
      stats.downstreamCxHttp1Total.inc()
      stats.downstreamCxHttp1Active.inc()
      this.codec = new Http1ServerCodec(connection, this, settings.http1, settings.codecStats)
    }
    return this.codec
  }

  newStream(encoder: ResponseEncoder): RequestDecoder {
    const { stats, maxRequestsPerConnection } = this.settings
    this.#idleTimer?.disable()
    this.#requestCount++
    if (maxRequestsPerConnection > 0 && this.#requestCount >= maxRequestsPerConnection) {
      stats.downstreamCxMaxRequestsReached.inc()
      if (this.drainState === 'notDraining') this.#drain()
    }
    return this.#addStream(encoder)
  }

  /** A stream that starts a request over on the same exchange (internal redirect). */
  recreateStream(encoder: ResponseEncoder): ActiveStream {
    return this.#addStream(encoder)
  }

  #addStream(encoder: ResponseEncoder): ActiveStream {
    const { stats } = this.settings
    stats.downstreamRqTotal.inc()
    if (this.codec?.multiplexed === true) stats.downstreamRqHttp2Total.inc()
    else stats.downstreamRqHttp1Total.inc()
    stats.downstreamRqActive.inc()
    const stream = new ActiveStream(this, encoder)
    this.#streams.push(stream)
    return stream
  }

  /** Before a stream's response head is written: decides whether the connection ends with it, and tells the client. */
  beforeResponse(stream: ActiveStream, headers: HeaderMap): void {
    const { stats, drainDecision, overload } = this.settings
    const multiplexed = this.codec?.multiplexed === true
    if (this.drainState === 'notDraining' && overload.disableKeepalive.isTaken()) {
      stats.downstreamCxOverloadDisableKeepalive.inc()
      stats.downstreamCxDrainClose.inc()
      this.#startDrainSequence()
    }
    if (stream.closeAfter) this.#drain()
    if (this.drainState === 'notDraining' && drainDecision.drainClose()) {
      stats.downstreamCxDrainClose.inc()
      this.#drain()
    }
    if (!stream.remoteComplete) {
      stats.downstreamRqResponseBeforeRqComplete.inc()
      if (!stream.upgraded && !multiplexed) {
        this.drainState = 'closing'
        this.#delayClose = true
      }
    }
    if (multiplexed) return
    // Bodiless ones too: an old client takes every response without a length for one that ends with the connection.
    if (stream.http10 && !headers.has('content-length')) this.drainState = 'closing'
    if (stream.upgraded) return
    if (this.drainState !== 'notDraining') headers.set('connection', 'close')
    else if (stream.http10) headers.set('connection', 'keep-alive')
  }

  /** Called once per stream, when it is over. */
  removeStream(stream: ActiveStream): void {
    const { stats, idleTimeoutMs } = this.settings
    const index = this.#streams.indexOf(stream)
    if (index >= 0) this.#streams.splice(index, 1)
    stats.downstreamRqActive.dec()
    if (stream.recreated) return
    if (stream.streamInfo.healthCheck) stats.tracingHealthCheck.inc()
    if (this.codec?.multiplexed === true) this.#watchResets(stream)
    // Where the next request would begin is not known.
    else if (!stream.remoteComplete) this.drainState = 'closing'
    // As Envoy: the close behind an answer at once waits for the client too, though its request is whole.
    if (!stream.remoteComplete || (!stream.headPassed && this.drainState === 'closing')) this.#delayClose = true
    if (this.#streams.length === 0 && this.drainState !== 'closing') this.codec?.continuePipelined()
    if (this.drainState === 'closing' && this.#streams.length === 0) this.#closeWhenWritten()
    else if (this.#streams.length === 0 && idleTimeoutMs > 0 && this.connection.isOpen)
      this.#idleTimer?.enable(idleTimeoutMs)
  }

  /** A client that does little but open streams and reset them is let go (rapid reset, CVE-2023-44487). */
  #watchResets(stream: ActiveStream): void {
    if (this.#prematureResets?.onStreamEnd(stream) !== true || !this.connection.isOpen) return
    this.settings.stats.downstreamRqTooManyPrematureResets.inc()
    this.connection.close('flushWriteAndDelay', 'too_many_premature_resets')
  }

  /** The client may be sending: the close, when it comes, waits for it. */
  delayClose(): void {
    this.#delayClose = true
  }

  #closeWhenWritten(): void {
    this.codec?.stop()
    this.connection.close(this.#delayClose ? 'flushWriteAndDelay' : 'flushWrite', '')
  }

  /** The client sent what cannot be parsed; its answer, if one was possible, has been written. */
  #onCodecError(error: CodecProtocolError): void {
    if (error.isOverload) this.settings.stats.downstreamRqOverloadClose.inc()
    else if (!error.isFlood) this.settings.stats.downstreamCxProtocolError.inc()
    this.#delayClose = true
    this.drainState = 'closing'
    // HTTP/1 has answered by now.
    if (this.#streams.length > 0 && this.codec?.multiplexed === true) this.#countActiveStreams(false)
    if (error.isOverload) this.#endStreams(error.details, ResponseFlag.OverloadManagerTerminated)
    else for (const stream of this.#streams.slice().reverse()) stream.onCodecError(error)
    this.#closeWhenWritten()
  }

  /** By overload. The newest is told first. */
  #endStreams(details: string, flag?: number): void {
    for (const stream of this.#streams.slice().reverse()) {
      stream.streamInfo.responseCodeDetails = details
      if (flag !== undefined) stream.streamInfo.setResponseFlag(flag)
      stream.onConnectionClosed(false)
    }
  }

  /** request_headers_timeout runs from a request's first byte until its head is whole. */
  #watchHead(codec: ServerCodec): void {
    if (!codec.readingHead) this.#headersTimer?.disable()
    else if (this.#headersTimer?.enabled !== true) {
      this.#headersTimer ??= new Timer(() => this.#onHeadersTimeout())
      this.#headersTimer.enable(this.settings.requestHeadersTimeoutMs)
    }
  }

  #onHeadersTimeout(): void {
    this.settings.stats.downstreamRqHeaderTimeout.inc()
    this.codec?.refuseUnfinishedHead(408, 'request header timeout', 'request_header_timeout')
    if (this.codec?.multiplexed === true) return
    this.#delayClose = true
    this.drainState = 'closing'
    this.#closeWhenWritten()
  }

  #onIdleTimeout(): void {
    this.settings.stats.downstreamCxIdleTimeout.inc()
    if (this.codec === undefined) this.connection.close('flushWrite', 'on_idle_timeout')
    else this.#startDrainSequence()
  }

  #onMaxDuration(): void {
    this.settings.stats.downstreamCxMaxDurationReached.inc()
    if (this.codec === undefined) this.connection.close('flushWrite', 'max_connection_duration')
    else if (this.settings.safeMaxConnectionDuration) this.drainState = 'closing'
    else this.#startDrainSequence()
  }

  /** HTTP/2 clients are told beforehand; HTTP/1 ones with the response that ends the connection. */
  #drain(): void {
    if (this.codec?.multiplexed === true) this.#startDrainSequence()
    else this.drainState = 'closing'
  }

  #startDrainSequence(): void {
    if (this.drainState !== 'notDraining') return
    this.codec?.shutdownNotice()
    const { drainTimeoutMs, drainTimeoutJitter } = this.settings
    this.drainState = 'draining'
    this.#drainTimer = new Timer(() => this.#onDrainTimeout())
    this.#drainTimer.enable(jittered(drainTimeoutMs, drainTimeoutJitter))
  }

  #onDrainTimeout(): void {
    this.drainState = 'closing'
    this.codec?.goAway()
    if (this.#streams.length === 0) this.connection.close('flushWriteAndDelay', '')
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') return
    const { stats } = this.settings
    this.#idleTimer?.disable()
    this.#durationTimer?.disable()
    this.#headersTimer?.disable()
    this.#drainTimer?.disable()
    stats.downstreamCxActive.dec()
    if (this.connection.downstream?.isSecure === true) stats.downstreamCxSslActive.dec()
    stats.downstreamCxDestroy.inc()
    if (this.codec instanceof Http2ServerCodec) this.settings.overload.accounts?.delete(this.codec)
    if (this.codec?.multiplexed === true) stats.downstreamCxHttp2Active.dec()
    else if (this.codec !== undefined) stats.downstreamCxHttp1Active.dec()
    const remote = event === 'remoteClose'
    this.codec?.abandonUnfinishedHead()
    if (remote) stats.downstreamCxDestroyRemote.inc()
    else stats.downstreamCxDestroyLocal.inc()
    if (this.#streams.length > 0) {
      this.#countActiveStreams(remote)
      for (const stream of this.#streams.slice().reverse()) stream.onConnectionClosed(remote)
    }
    if (this.connection.delayedCloseTimedOut) stats.downstreamCxDelayedCloseTimeout.inc()
    const acceptedAtMs = this.connection.downstream?.acceptedAtMs ?? 0
    stats.downstreamCxLengthMs.recordValue(Math.round(monotonicMs() - acceptedAtMs))
  }

  /** The connection ends while streams are active; the newest is told first. */
  #countActiveStreams(remote: boolean): void {
    const { stats } = this.settings
    stats.downstreamCxDestroyActiveRq.inc()
    if (remote) stats.downstreamCxDestroyRemoteActiveRq.inc()
    else stats.downstreamCxDestroyLocalActiveRq.inc()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.codec?.onUnderlyingConnectionAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.codec?.onUnderlyingConnectionBelowWriteBufferLowWatermark()
  }
}

/** Lengthens by chance, by up to the share; in whole milliseconds, so that timers of the same length share a list. */
function jittered(timeoutMs: number, jitter: number): number {
  return jitter === 0 ? timeoutMs : timeoutMs + Math.floor(Math.random() * jitter * timeoutMs)
}
