// The HTTP connection manager of one downstream connection: owns its codec, its streams, and when it ends.

import { monotonicMs } from '../../common/clock.ts'
import { Timer } from '../../common/timer.ts'
import type { Connection, ConnectionCallbacks, ConnectionEvent } from '../../network/connection.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../network/network_filter.ts'
import {
  CodecProtocolError,
  type RequestDecoder,
  type ResponseEncoder,
  type ServerCodecCallbacks,
} from '../codec/codec.ts'
import { Http1ServerCodec } from '../codec/http1/server_codec.ts'
import { ActiveStream } from './active_stream.ts'
import type { ConnectionManagerSettings } from './settings.ts'

/**
 * Whether the connection takes more requests: `draining` does for as long as `drain_timeout`, though every response asks
 * the client to leave; `closing` ends it with the response in progress.
 */
export type DrainState = 'notDraining' | 'draining' | 'closing'

export class ConnectionManager implements ReadFilter, ServerCodecCallbacks, ConnectionCallbacks {
  readonly settings: ConnectionManagerSettings
  connection!: Connection
  codec: Http1ServerCodec | undefined = undefined
  drainState: DrainState = 'notDraining'
  /** Streams whose access log is not written yet. HTTP/1 has one at most, but for internal redirects. */
  readonly #streams: ActiveStream[] = []
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
    const { idleTimeoutMs, maxConnectionDurationMs } = this.settings
    // A filter before this one may keep what it has seen.
    if (this.connection.reader === this) this.connection.reuseReadBuffer(() => this.codec?.retainsData() === true)
    if (idleTimeoutMs > 0) {
      this.#idleTimer = new Timer(() => this.#onIdleTimeout())
      this.#idleTimer.enable(idleTimeoutMs)
    }
    if (maxConnectionDurationMs > 0) {
      this.#durationTimer = new Timer(() => this.#onMaxDuration())
      this.#durationTimer.enable(jittered(maxConnectionDurationMs, this.settings.maxConnectionDurationJitter))
    }
    return FilterStatus.Continue
  }

  onData(data: Buffer, _endStream: boolean): FilterStatus {
    const codec = this.codec ?? this.#createCodec()
    try {
      codec.dispatch(data)
    } catch (error) {
      if (!(error instanceof CodecProtocolError)) throw error
      this.#onCodecError()
    }
    if (this.settings.requestHeadersTimeoutMs > 0) this.#watchHead(codec)
    return FilterStatus.StopIteration
  }

  #createCodec(): Http1ServerCodec {
    const { stats, http1, codecStats } = this.settings
    stats.downstreamCxHttp1Total.inc()
    stats.downstreamCxHttp1Active.inc()
    this.codec = new Http1ServerCodec(this.connection, this, http1, codecStats)
    return this.codec
  }

  newStream(encoder: ResponseEncoder): RequestDecoder {
    const { stats, maxRequestsPerConnection } = this.settings
    this.#idleTimer?.disable()
    this.#requestCount++
    if (
      maxRequestsPerConnection > 0 &&
      this.#requestCount >= maxRequestsPerConnection &&
      this.drainState !== 'closing'
    ) {
      stats.downstreamCxMaxRequestsReached.inc()
      this.drainState = 'closing'
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
    stats.downstreamRqHttp1Total.inc()
    stats.downstreamRqActive.inc()
    const stream = new ActiveStream(this, encoder)
    this.#streams.push(stream)
    return stream
  }

  /** Called once per stream, when it is over. */
  removeStream(stream: ActiveStream): void {
    const { stats, idleTimeoutMs } = this.settings
    const index = this.#streams.indexOf(stream)
    if (index >= 0) this.#streams.splice(index, 1)
    stats.downstreamRqActive.dec()
    if (stream.recreated) return
    // As Envoy: the close behind an answer at once waits for the client too, though its request is whole.
    if (!stream.remoteComplete || (!stream.headPassed && this.drainState === 'closing')) this.#delayClose = true
    if (this.#streams.length === 0 && this.drainState !== 'closing') this.codec?.continuePipelined()
    if (this.drainState === 'closing' && this.#streams.length === 0) this.#closeWhenWritten()
    else if (this.#streams.length === 0 && idleTimeoutMs > 0 && this.connection.isOpen)
      this.#idleTimer?.enable(idleTimeoutMs)
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
  #onCodecError(): void {
    this.settings.stats.downstreamCxProtocolError.inc()
    this.#delayClose = true
    this.drainState = 'closing'
    for (const stream of this.#streams.slice()) stream.onCodecError()
    this.#closeWhenWritten()
  }

  /** request_headers_timeout runs from a request's first byte until its head is whole. */
  #watchHead(codec: Http1ServerCodec): void {
    if (!codec.readingHead) this.#headersTimer?.disable()
    else if (this.#headersTimer?.enabled !== true) {
      this.#headersTimer ??= new Timer(() => this.#onHeadersTimeout())
      this.#headersTimer.enable(this.settings.requestHeadersTimeoutMs)
    }
  }

  #onHeadersTimeout(): void {
    this.settings.stats.downstreamRqHeaderTimeout.inc()
    this.codec?.refuseUnfinishedHead(408, 'request header timeout', 'request_header_timeout')
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

  #startDrainSequence(): void {
    if (this.drainState !== 'notDraining') return
    const { drainTimeoutMs, drainTimeoutJitter } = this.settings
    this.drainState = 'draining'
    this.#drainTimer = new Timer(() => this.#onDrainTimeout())
    this.#drainTimer.enable(jittered(drainTimeoutMs, drainTimeoutJitter))
  }

  #onDrainTimeout(): void {
    this.drainState = 'closing'
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
    if (this.codec !== undefined) stats.downstreamCxHttp1Active.dec()
    const remote = event === 'remoteClose'
    this.codec?.abandonUnfinishedHead()
    if (remote) stats.downstreamCxDestroyRemote.inc()
    else stats.downstreamCxDestroyLocal.inc()
    if (this.#streams.length > 0) {
      stats.downstreamCxDestroyActiveRq.inc()
      if (remote) stats.downstreamCxDestroyRemoteActiveRq.inc()
      else stats.downstreamCxDestroyLocalActiveRq.inc()
      for (const stream of this.#streams.slice()) stream.onConnectionClosed(remote)
    }
    if (this.connection.delayedCloseTimedOut) stats.downstreamCxDelayedCloseTimeout.inc()
    const acceptedAtMs = this.connection.downstream?.acceptedAtMs ?? 0
    stats.downstreamCxLengthMs.recordValue(Math.round(monotonicMs() - acceptedAtMs))
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
