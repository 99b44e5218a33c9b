// CONNECT terminated here (connect_config): the request's payload goes to the upstream as plain TCP.

import { monotonicMs } from '../common/clock.ts'
import { HeaderMap } from '../common/header_map.ts'
import { Timer } from '../common/timer.ts'
import type { RequestEncoder, ResponseDecoder, StreamCallbacks } from '../http/codec/codec.ts'
import type { HttpConnectionPool, PendingStream, PoolCallbacks } from '../http/conn_pool/connection_pool.ts'
import type { Connection } from '../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent, ConnectionReader } from '../network/connection_types.ts'
import type { Host } from '../upstream/host.ts'
import { countClosed, countConnect, countConnected, countConnectFailure } from '../upstream/pooled_connection.ts'
import type { TransportSocketOptions } from '../upstream/transport_socket.ts'

/** A pool of connections that each serve one tunnel. */
export class TcpUpstreamPool implements HttpConnectionPool {
  readonly #host: Host
  readonly #priority: 'DEFAULT' | 'HIGH'
  readonly #options: TransportSocketOptions | undefined
  readonly #header: Buffer | string | undefined

  /** `header` goes before the payload. */
  constructor(
    host: Host,
    priority: 'DEFAULT' | 'HIGH',
    options: TransportSocketOptions | undefined,
    header: Buffer | string | undefined,
  ) {
    this.#host = host
    this.#priority = priority
    this.#options = options
    this.#header = header
  }

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): PendingStream | undefined {
    const resources = this.#host.cluster.resourceManager(this.#priority)
    if (!resources.connections.tryAcquire()) {
      this.#host.cluster.stats.upstreamCxOverflow.inc()
      callbacks.onPoolFailure('overflow', '', this.#host)
      return undefined
    }
    const connection = this.#host.connect(this.#options)
    return new Tunnel(this.#host, connection, resources.connections, this.#header, decoder, callbacks)
  }
}

class Tunnel implements RequestEncoder, PendingStream, ConnectionCallbacks, ConnectionReader {
  readonly #host: Host
  readonly #slot: { release(): void }
  readonly #header: Buffer | string | undefined
  readonly #decoder: ResponseDecoder
  readonly #poolCallbacks: PoolCallbacks
  readonly #connection: Connection
  readonly #startedAtMs = monotonicMs()
  readonly #connectTimer: Timer
  #streamCallbacks: StreamCallbacks | undefined = undefined
  #connected = false
  #timedOut = false
  #done = false
  #requestEnded = false
  /** Both sides have ended: the connection has served its purpose. */
  #complete = false
  wireBytesReceived = 0
  wireBytesSent = 0
  headerBytesReceived = 0
  headerBytesSent = 0
  decompressedHeaderBytesReceived = 0
  decompressedHeaderBytesSent = 0

  constructor(
    host: Host,
    connection: Connection,
    slot: { release(): void },
    header: Buffer | string | undefined,
    decoder: ResponseDecoder,
    callbacks: PoolCallbacks,
  ) {
    this.#host = host
    this.#slot = slot
    this.#header = header
    this.#decoder = decoder
    this.#poolCallbacks = callbacks
    this.#connection = connection
    this.#connection.halfCloseEnabled = true
    this.#connection.reader = this
    this.#connection.addConnectionCallbacks(this)
    const { stats } = host.cluster
    this.#connection.byteStats = { readTotal: stats.upstreamCxRxBytesTotal, writeTotal: stats.upstreamCxTxBytesTotal }
    countConnect(host)
    stats.upstreamRqPendingTotal.inc()
    this.#connectTimer = new Timer(() => {
      this.#timedOut = true
      this.#connection.close('noFlush', '')
    })
    this.#connectTimer.enable(host.cluster.connectTimeoutMs)
  }

  get hasBufferedData(): boolean {
    return this.#connection.bufferedBytes > 0
  }

  get aboveHighWatermark(): boolean {
    return this.#connection.aboveHighWatermark
  }

  cancel(): void {
    this.#done = true
    this.#connection.close('noFlush', '')
  }

  onEvent(event: ConnectionEvent): void {
    this.#connectTimer.disable()
    if (event === 'connected') {
      this.#connected = true
      countConnected(this.#host, this.#startedAtMs)
      this.#host.cluster.stats.upstreamRqTotal.inc()
      const upstream = { connection: this.#connection, streamCount: 1, protocol: '' } as const
      this.#poolCallbacks.onPoolReady(this, this.#host, upstream)
      return
    }
    countClosed(this.#host, event, this.#startedAtMs, this.#connected && !this.#complete)
    this.#slot.release()
    if (this.#connected) this.#onTunnelClosed()
    else if (!this.#done) this.#onConnectFailed()
  }

  #onConnectFailed(): void {
    countConnectFailure(this.#host, this.#timedOut)
    this.#host.cluster.stats.upstreamRqPendingFailureEject.inc()
    const reason = this.#timedOut ? 'connectionTimeout' : 'remoteConnectionFailure'
    const failure = this.#connection.connectFailureReason(this.#host.address)
    this.#poolCallbacks.onPoolFailure(reason, failure, this.#host)
  }

  #onTunnelClosed(): void {
    if (this.#done) return
    this.#done = true
    this.#streamCallbacks?.onResetStream('connectionTermination', '')
  }

  /** The tunnel stands: the client hears 200 before any payload. */
  encodeHeaders(_headers: HeaderMap, endStream: boolean): void {
    this.#requestEnded = endStream
    if (this.#header !== undefined) this.#connection.write(this.#header, false)
    const response = new HeaderMap()
    response.status = 200
    this.#decoder.decodeHeaders(response, false)
    if (endStream) this.#connection.write('', true)
  }

  encodeData(data: Buffer, endStream: boolean): void {
    this.wireBytesSent += data.length
    this.#requestEnded = endStream
    this.#connection.write(data, endStream)
  }

  encodeTrailers(): void {
    this.#requestEnded = true
    this.#connection.write('', true)
  }

  onData(data: Buffer, endStream: boolean): void {
    this.wireBytesReceived += data.length
    if (this.#done) return
    if (endStream) this.#done = true
    this.#complete = endStream && this.#requestEnded
    this.#decoder.decodeData(data, endStream)
    // A connection that both sides have ended closes by itself.
    if (endStream && !this.#complete) this.#connection.close('flushWrite', '')
  }

  setCallbacks(callbacks: StreamCallbacks): void {
    this.#streamCallbacks = callbacks
  }

  resetStream(): void {
    this.#done = true
    this.#connection.close('noFlush', '')
  }

  readDisable(disable: boolean): void {
    if (this.#connection.state !== 'closed') this.#connection.readDisable(disable)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#streamCallbacks?.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#streamCallbacks?.onBelowWriteBufferLowWatermark()
  }
}
