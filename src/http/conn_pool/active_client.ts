// One connection of an HTTP pool: connects, carries streams by its codec, rests in between, drains and ends.

import { monotonicMs } from '../../common/clock.ts'
import { Timer } from '../../common/timer.ts'
import { localAddressOf } from '../../network/address.ts'
import type { Connection } from '../../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent, ConnectionReader } from '../../network/connection_types.ts'
import { gatherWrites } from '../../network/write_batch.ts'
import type { Protocol } from '../../stream_info/stream_info.ts'
import { countClosed, countConnect, countConnected, countConnectFailure } from '../../upstream/pooled_connection.ts'
import { CodecProtocolError, type ResponseDecoder } from '../codec/codec.ts'
import { defaultMaxConcurrentStreams } from '../codec/http2/settings_of_config.ts'
import type { CodecClient } from './codec_client.ts'
import type { PoolCallbacks, PoolConnectionInfo, PoolFailureReason } from './connection_pool.ts'
import type { HttpPool } from './http_pool.ts'
import { Http1CodecClient } from './http1_codec_client.ts'
import { Http2CodecClient } from './http2_codec_client.ts'

/** Fields are plain for speed. `place` and `countedCapacity` are the pool's. */
export class ActiveClient implements ConnectionCallbacks, ConnectionReader, PoolConnectionInfo {
  readonly pool: HttpPool
  readonly connection: Connection
  /** Which of the pool's lists it is in. */
  place: 'connecting' | 'ready' | 'busy' | 'gone' = 'connecting'
  /** How much of the pool's unused capacity is this connection's. */
  countedCapacity = 0
  streamCount = 0
  /** Undefined until the connection has agreed on a protocol, where that is open. */
  codec: CodecClient | undefined = undefined
  readonly #startedAtMs = monotonicMs()
  /** Streams that it may still carry (max_requests_per_connection); 0 while it drains. */
  #remainingStreams: number
  #connected = false
  #timedOut = false
  #protocolError = false
  /** The peer has ended a connection on which that may be one end of two: its closing here is that of the peer. */
  #peerEnded = false
  #connectTimer: Timer | undefined
  #idleTimer: Timer | undefined = undefined
  #durationTimer: Timer | undefined = undefined

  constructor(pool: HttpPool) {
    const { cluster } = pool.host
    this.pool = pool
    this.#remainingStreams = cluster.maxRequestsPerConnection || Number.POSITIVE_INFINITY
    const connection = pool.host.connect(pool.transportOptions)
    this.connection = connection
    connection.reader = this
    connection.byteStats = {
      readTotal: cluster.stats.upstreamCxRxBytesTotal,
      writeTotal: cluster.stats.upstreamCxTxBytesTotal,
    }
    connection.addConnectionCallbacks(this)
    countConnect(pool.host)
    if (pool.protocol !== 'auto') this.#speak(pool.protocol)
    this.#connectTimer = new Timer(() => this.#onConnectTimeout())
    this.#connectTimer.enable(cluster.connectTimeoutMs)
  }

  #speak(protocol: 'http1' | 'http2'): void {
    const { stats } = this.pool.host.cluster
    if (protocol === 'http2') {
      stats.upstreamCxHttp2Total.inc()
      this.codec = new Http2CodecClient(this)
    } else {
      stats.upstreamCxHttp1Total.inc()
      this.codec = new Http1CodecClient(this)
    }
  }

  get protocol(): Protocol | '' {
    return this.codec?.protocol ?? ''
  }

  get activeStreams(): number {
    return this.codec?.activeStreams ?? 0
  }

  /**
   * Streams that it can take besides; less than none where the peer has lowered its limit since. A connection that has
   * yet to agree on its protocol is expected to speak HTTP/2.
   */
  get unusedCapacity(): number {
    if (this.#remainingStreams === 0) return 0
    const { codec } = this
    if (codec === undefined) return Math.min(this.#remainingStreams, expectedStreams(this.pool))
    return Math.min(this.#remainingStreams, codec.concurrentStreamLimit - codec.activeStreams)
  }

  /** It can take a stream at once. */
  get hasRoom(): boolean {
    const { codec } = this
    return codec !== undefined && this.unusedCapacity > 0 && codec.activeStreams < codec.admittedStreams
  }

  /** Carries a stream: the caller's encoder is this connection's. */
  begin(decoder: ResponseDecoder, callbacks: PoolCallbacks): void {
    const encoder = this.codec!.newStream(decoder, callbacks)
    this.#idleTimer?.disable()
    this.countStream()
    callbacks.onPoolReady(encoder, this.pool.host, this)
  }

  countStream(): void {
    this.streamCount++
    this.#remainingStreams--
    if (this.#remainingStreams === 0) this.pool.host.cluster.stats.upstreamCxMaxRequests.inc()
    this.pool.onCapacityChange(this)
  }

  /** Told by the codec when a stream has ended in both directions, or was reset. */
  onStreamClosed(): void {
    this.pool.onStreamClosed()
    if (!this.connection.isOpen) return
    if (this.#remainingStreams === 0 && this.activeStreams === 0) this.close()
    else this.pool.onRoom(this)
  }

  /** Takes no more streams, and closes when it carries none. */
  drain(): void {
    if (this.#remainingStreams > 0) {
      this.#remainingStreams = 0
      this.pool.onCapacityChange(this)
    }
    if (this.activeStreams === 0) this.close()
  }

  /** No stream waits for it: the idle timeout runs. */
  rest(): void {
    this.codec?.onIdle()
    const { idleTimeoutMs } = this.pool.host.cluster
    if (idleTimeoutMs <= 0) return
    this.#idleTimer ??= new Timer(() => this.#onIdleTimeout())
    this.#idleTimer.enable(idleTimeoutMs)
  }

  close(): void {
    this.connection.close('noFlush', '')
  }

  onData(data: Buffer, endStream: boolean): void {
    try {
      if (endStream) {
        this.#peerEnded = true
        this.close()
      } else this.codec!.dispatch(data)
    } catch (error) {
      if (!(error instanceof CodecProtocolError)) throw error
      this.pool.host.cluster.stats.upstreamCxProtocolError.inc()
      this.#protocolError = true
      // The peer is told what it broke, where the protocol has words for it.
      this.connection.flush()
      this.close()
    }
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') this.#onConnected()
    else this.#onClosed(event)
  }

  #onConnected(): void {
    const { connection } = this
    const { cluster } = this.pool.host
    connection.localAddress = localAddressOf(connection.socket)
    this.#connected = true
    this.#connectTimer?.disable()
    this.#connectTimer = undefined
    countConnected(this.pool.host, this.#startedAtMs)
    if (cluster.maxConnectionDurationMs > 0) {
      this.#durationTimer = new Timer(() => this.#onMaxDuration())
      this.#durationTimer.enable(cluster.maxConnectionDurationMs)
    }
    if (this.codec === undefined) this.#speak(connection.nextProtocol === 'h2' ? 'http2' : 'http1')
    connection.reuseReadBuffer(() => this.codec!.retainsData())
    this.pool.onConnected(this)
  }

  #onClosed(event: ConnectionEvent): void {
    const { pool, codec } = this
    this.#connectTimer?.disable()
    this.#idleTimer?.disable()
    this.#durationTimer?.disable()
    const cause = this.#peerEnded ? 'remoteClose' : event
    const left = codec?.onConnectionClosed(cause, this.#protocolError) ?? 'none'
    this.#countClose(event, left === 'lost')
    pool.releaseConnection()
    pool.forget(this)
    if (!this.#connected) {
      this.#onConnectFailed(event)
      return
    }
    const moved = left === 'unsent' && this.#moveStream()
    if (left !== 'none' && !moved) codec?.endStreams(cause, this.#protocolError)
    pool.onClosed()
  }

  /** Nothing of its stream has left: another connection carries it. False where none may be opened. */
  #moveStream(): boolean {
    if (!(this.codec instanceof Http1CodecClient)) return false
    const client = this.pool.connectAgain()
    if (!(client?.codec instanceof Http1CodecClient)) return false
    client.codec.takeOver(this.codec)
    return true
  }

  #onConnectFailed(event: ConnectionEvent): void {
    const { pool } = this
    countConnectFailure(pool.host, this.#timedOut)
    const refused = event === 'localClose' ? 'localConnectionFailure' : 'remoteConnectionFailure'
    const reason: PoolFailureReason = this.#timedOut ? 'connectionTimeout' : refused
    const failure = this.#timedOut ? '' : this.connection.connectFailureReason(pool.host.address)
    pool.onConnectFailure(reason, failure)
    this.codec?.failStreams(reason, failure)
  }

  #countClose(event: ConnectionEvent, active: boolean): void {
    const { host } = this.pool
    countClosed(host, event, this.#startedAtMs, active)
    if (this.streamCount > 0) host.cluster.stats.upstreamRqPerCx.recordValue(this.streamCount)
  }

  #onConnectTimeout(): void {
    this.#timedOut = true
    gatherWrites(() => this.close())
  }

  #onIdleTimeout(): void {
    this.pool.host.cluster.stats.upstreamCxIdleTimeout.inc()
    this.close()
  }

  #onMaxDuration(): void {
    this.pool.host.cluster.stats.upstreamCxMaxDurationReached.inc()
    this.drain()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.codec?.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.codec?.onBelowWriteBufferLowWatermark()
  }
}

function expectedStreams(pool: HttpPool): number {
  return pool.host.cluster.http.http2?.maxConcurrentStreams ?? defaultMaxConcurrentStreams
}
