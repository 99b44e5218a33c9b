// One pooled HTTP/1 connection to a host: connects, carries one exchange at a time, rests in between.

import { monotonicMs } from '../../common/clock.ts'
import { Timer } from '../../common/timer.ts'
import { localAddressOf } from '../../network/address.ts'
import type { Connection, ConnectionCallbacks, ConnectionEvent, ConnectionReader } from '../../network/connection.ts'
import { gatherWrites } from '../../network/write_batch.ts'
import { CodecProtocolError, type DataReceiver, type ResponseDecoder, type StreamResetReason } from '../codec/codec.ts'
import { Http1ClientCodec } from '../codec/http1/client_codec.ts'
import type { Http1ClientStream } from '../codec/http1/client_stream.ts'
import type { PoolCallbacks } from './connection_pool.ts'
import type { Http1Pool } from './http1_pool.ts'

export class Http1PoolClient implements ConnectionCallbacks, ConnectionReader {
  readonly #pool: Http1Pool
  readonly #connection: Connection
  readonly #codec: Http1ClientCodec
  readonly #startedAtMs = monotonicMs()
  #stream: Http1ClientStream | undefined = undefined
  #connected = false
  #timedOut = false
  /** Why this side closes a connection with a request on it. */
  #lostBy: StreamResetReason | undefined = undefined
  #streamCount = 0
  #callbacks: PoolCallbacks | undefined = undefined
  /** It has been idle in the pool: the peer may have given it up. */
  #rested = false
  #spokeUnasked = false
  /** Where the connection's output stood when the exchange began. */
  #flushedBefore = 0
  /** Who gets what is being read. */
  #reading: DataReceiver | undefined = undefined
  #connectTimer: Timer | undefined
  #idleTimer: Timer | undefined = undefined
  #durationTimer: Timer | undefined = undefined

  constructor(pool: Http1Pool) {
    this.#pool = pool
    const { cluster, stats } = pool.host
    const connection = pool.host.connect(pool.transportOptions)
    this.#connection = connection
    connection.reader = this
    connection.byteStats = {
      readTotal: cluster.stats.upstreamCxRxBytesTotal,
      writeTotal: cluster.stats.upstreamCxTxBytesTotal,
    }
    connection.addConnectionCallbacks(this)
    this.#codec = new Http1ClientCodec(connection, pool.settings, () => this.#onExchangeComplete())
    cluster.stats.upstreamCxTotal.inc()
    cluster.stats.upstreamCxActive.inc()
    cluster.stats.upstreamCxHttp1Total.inc()
    stats.cxTotal.inc()
    stats.cxActive.inc()
    this.#connectTimer = new Timer(() => this.#onConnectTimeout())
    this.#connectTimer.enable(cluster.connectTimeoutMs)
  }

  /** Starts an exchange: the caller's encoder is this connection's. */
  begin(decoder: ResponseDecoder, callbacks: PoolCallbacks): void {
    this.#idleTimer?.disable()
    this.#streamCount++
    const { maxRequestsPerConnection, stats } = this.#pool.host.cluster
    if (maxRequestsPerConnection > 0 && this.#streamCount >= maxRequestsPerConnection) {
      stats.upstreamCxMaxRequests.inc()
      this.#codec.closeAfterResponse = true
    }
    this.#callbacks = callbacks
    this.#flushedBefore = this.#connection.flushedBytes
    const stream = this.#codec.newStream(decoder)
    this.#stream = stream
    callbacks.onPoolReady(stream, this.#pool.host, this.#connection, this.#streamCount)
  }

  /** Carries on, as soon as it is connected, an exchange that `other` has lost before any byte of it left. */
  takeOver(other: Http1PoolClient): void {
    const stream = other.#stream
    const callbacks = other.#callbacks
    if (stream === undefined || callbacks === undefined) return
    other.#stream = undefined
    this.#streamCount = 1
    this.#callbacks = callbacks
    this.#stream = stream
    this.#codec.adopt(stream)
    this.#connection.adoptUnsent(other.#connection)
    callbacks.onPoolMoved(this.#pool.host, this.#connection, 1)
  }

  /** Nothing of the exchange in progress has left: whatever the peer sent was not an answer to it. */
  get #isUnsent(): boolean {
    const stream = this.#stream
    if (stream === undefined || stream.dead || !this.#rested) return false
    const connection = this.#connection
    return connection.flushedBytes === this.#flushedBefore && !connection.aboveHighWatermark && !stream.readDisabled
  }

  /** No request waits: the idle timeout runs. */
  rest(): void {
    this.#rested = true
    const { idleTimeoutMs } = this.#pool.host.cluster
    if (idleTimeoutMs <= 0) return
    this.#idleTimer ??= new Timer(() => this.#onIdleTimeout())
    this.#idleTimer.enable(idleTimeoutMs)
  }

  close(): void {
    this.#connection.close('noFlush', '')
  }

  closeAfterExchange(): void {
    this.#codec.closeAfterResponse = true
  }

  onData(data: Buffer): void {
    const stream = this.#stream
    if (stream === undefined || this.#isUnsent) {
      this.#onUnasked(data)
      return
    }
    this.#reading = stream.decoder
    try {
      this.#codec.dispatch(data)
    } catch (error) {
      if (!(error instanceof CodecProtocolError)) throw error
      this.#pool.host.cluster.stats.upstreamCxProtocolError.inc()
      this.#lostBy = 'protocolError'
      this.close()
    }
  }

  /** Whatever it is, it answers nothing that was sent; the connection cannot be trusted with a request any more. */
  #onUnasked(data: Buffer): void {
    // What servers say before they hang up on an idle connection is no fault.
    const isTimeout = data.length >= 12 && data.toString('latin1', 9, 12) === '408'
    if (!isTimeout) this.#pool.host.cluster.stats.upstreamCxProtocolError.inc()
    this.#spokeUnasked = true
    this.close()
  }

  #retainsData(): boolean {
    const reading = this.#reading
    this.#reading = undefined
    return reading?.retainsData() === true
  }

  #onExchangeComplete(): void {
    // Reset while its response was being read, which is read to the end of what has come.
    if (this.#stream === undefined) return
    this.#stream = undefined
    const { cluster, stats } = this.#pool.host
    cluster.stats.upstreamRqActive.dec()
    stats.rqActive.dec()
    this.#pool.resources.requests.release()
    if (!this.#connection.isOpen) return
    if (!this.#codec.closeAfterResponse) {
      this.#pool.onFree(this)
      return
    }
    if (this.#codec.extraBytes) cluster.stats.upstreamCxProtocolError.inc()
    this.close()
  }

  /** Ends the exchange in progress by telling its stream. */
  #resetStream(reason: StreamResetReason, transportFailureReason = ''): void {
    const stream = this.#stream
    if (stream === undefined) return
    this.#stream = undefined
    const { cluster, stats } = this.#pool.host
    cluster.stats.upstreamRqActive.dec()
    stats.rqActive.dec()
    this.#pool.resources.requests.release()
    if (stream.dead) return
    stream.dead = true
    stream.callbacks?.onResetStream(reason, transportFailureReason)
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') this.#onConnected()
    else this.#onClosed(event)
  }

  #onConnected(): void {
    this.#connection.localAddress = localAddressOf(this.#connection.socket)
    this.#connected = true
    this.#connectTimer?.disable()
    this.#connectTimer = undefined
    const { cluster } = this.#pool.host
    cluster.stats.upstreamCxConnectMs.recordValue(Math.round(monotonicMs() - this.#startedAtMs))
    if (cluster.maxConnectionDurationMs > 0) {
      this.#durationTimer = new Timer(() => this.#onMaxDuration())
      this.#durationTimer.enable(cluster.maxConnectionDurationMs)
    }
    this.#connection.reuseReadBuffer(() => this.#retainsData())
    if (this.#stream === undefined) this.#pool.onConnected(this)
  }

  #onClosed(event: ConnectionEvent): void {
    this.#connectTimer?.disable()
    this.#idleTimer?.disable()
    this.#durationTimer?.disable()
    const moves = (event === 'remoteClose' || this.#spokeUnasked) && this.#isUnsent
    // A response without a length ends here in good order.
    const active =
      this.#stream !== undefined && !moves && !(event === 'remoteClose' && this.#codec.onConnectionClosed())
    this.#countClose(event, active)
    this.#pool.releaseConnection()
    if (!this.#connected) {
      this.#onConnectFailed(event)
      return
    }
    if (moves && this.#pool.moveExchange(this)) return
    if (active || moves) this.#endStreamByClose(event)
    this.#pool.onClosed(this)
  }

  #endStreamByClose(event: ConnectionEvent): void {
    if (event === 'localClose') {
      this.#resetStream(this.#lostBy ?? 'localReset')
      return
    }
    const cutOff = this.#codec.responseBegun
    if (cutOff) this.#pool.host.cluster.stats.upstreamCxProtocolError.inc()
    this.#resetStream(cutOff ? 'protocolError' : 'connectionTermination')
  }

  #onConnectFailed(event: ConnectionEvent): void {
    const { cluster, stats } = this.#pool.host
    cluster.stats.upstreamCxConnectFail.inc()
    stats.cxConnectFail.inc()
    if (this.#timedOut) cluster.stats.upstreamCxConnectTimeout.inc()
    const refused = event === 'localClose' ? 'localConnectionFailure' : 'remoteConnectionFailure'
    const reason = this.#timedOut ? 'connectionTimeout' : refused
    const failure = this.#timedOut ? '' : this.#connection.connectFailureReason(this.#pool.host.address)
    this.#pool.onConnectFailure(this, reason, failure)
    this.#resetStream(reason, failure)
  }

  #countClose(event: ConnectionEvent, active: boolean): void {
    const { cluster, stats } = this.#pool.host
    const counters = cluster.stats
    counters.upstreamCxActive.dec()
    stats.cxActive.dec()
    counters.upstreamCxDestroy.inc()
    if (this.#codec.peerWantsClose) counters.upstreamCxCloseNotify.inc()
    if (this.#streamCount > 0) counters.upstreamRqPerCx.recordValue(this.#streamCount)
    counters.upstreamCxLengthMs.recordValue(Math.round(monotonicMs() - this.#startedAtMs))
    if (active) counters.upstreamCxDestroyWithActiveRq.inc()
    if (event === 'remoteClose') {
      counters.upstreamCxDestroyRemote.inc()
      if (active) counters.upstreamCxDestroyRemoteWithActiveRq.inc()
    } else {
      counters.upstreamCxDestroyLocal.inc()
      if (active) counters.upstreamCxDestroyLocalWithActiveRq.inc()
    }
  }

  #onConnectTimeout(): void {
    this.#timedOut = true
    gatherWrites(() => this.close())
  }

  #onIdleTimeout(): void {
    this.#pool.host.cluster.stats.upstreamCxIdleTimeout.inc()
    this.close()
  }

  #onMaxDuration(): void {
    this.#pool.host.cluster.stats.upstreamCxMaxDurationReached.inc()
    if (this.#stream === undefined) this.close()
    else this.closeAfterExchange()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#codec.onUnderlyingConnectionAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#codec.onUnderlyingConnectionBelowWriteBufferLowWatermark()
  }
}
