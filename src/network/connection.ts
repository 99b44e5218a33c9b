// One TCP or pipe connection, downstream or upstream: bytes in to its filters, bytes out with watermarks, and its end.

import type { Socket } from 'node:net'
import type { ByteWriter } from '../common/byte_writer.ts'
import { getLogger } from '../common/log.ts'
import { Timer } from '../common/timer.ts'
import { measurements } from '../stream_info/measurements.ts'
import type { AddressInfo, DownstreamInfo, StreamInfo, TlsInfo } from '../stream_info/stream_info.ts'
import { connectErrorWords } from './connect_errors.ts'
import { takeConnectionId } from './connection_id.ts'
import type {
  ConnectionByteStats,
  ConnectionCallbacks,
  ConnectionCloseType,
  ConnectionEvent,
  ConnectionReader,
} from './connection_types.ts'
import { reuseReadBuffer } from './read_buffer.ts'
import type { TransportSocket, TransportSocketCallbacks } from './transport_socket.ts'
import { runWrites, WriteBatch } from './write_batch.ts'

const log = getLogger('connection')
const noReader: ConnectionReader = { onData() {} }
const emptyBuffer = Buffer.alloc(0)

export class Connection implements TransportSocketCallbacks {
  readonly id: number
  /** Whose bytes are the connection's: with TLS not the TCP socket itself. */
  socket: Socket
  /** The connection's facts; undefined upstream. */
  readonly downstream: DownstreamInfo | undefined
  /** The connection-level stream info that TCP access logs read; HTTP streams have their own. */
  streamInfo: StreamInfo | undefined = undefined
  readonly bufferLimitBytes: number
  reader: ConnectionReader = noReader
  byteStats: ConnectionByteStats | undefined = undefined
  /** With half-close, a peer's FIN is delivered as endStream; without, it closes the connection, as Envoy's default. */
  halfCloseEnabled = false
  delayedCloseTimeoutMs = 1000
  state: 'connecting' | 'open' | 'closing' | 'closed'
  bytesReceived = 0
  bytesSent = 0
  /** Errno of the socket error that ended the connection, '' otherwise. */
  socketErrorCode = ''
  /** Why this side closed it: %CONNECTION_TERMINATION_DETAILS% and the close reason operators. */
  localCloseReason = ''
  /** 'remote_reset' | 'local_reset' | 'normal' | '' (open). */
  detectedCloseType: '' | 'normal' | 'local_reset' | 'remote_reset' = ''
  /** Output gathered during the current event, written at its end: see write_batch.ts. */
  readonly pending = new WriteBatch()
  /** The peer did not close in time after our FIN. */
  delayedCloseTimedOut = false
  /** Where an upstream connection starts from; set when it is connected. */
  localAddress: AddressInfo | undefined = undefined
  /** Undefined where the connection's bytes are those of the TCP socket. */
  readonly #transport: TransportSocket | undefined
  readonly #tcpSocket: Socket
  #callbacks: ConnectionCallbacks[] = []
  #readDisableCount = 0
  #aboveHighWatermark = false
  #writeEnded = false
  #readEnded = false
  #closeTimer: Timer | undefined = undefined
  /** Why there was no connecting at all, as its source address or an option cannot be had; '' of an option. */
  #localFailure: string | undefined = undefined

  constructor(
    socket: Socket,
    downstream: DownstreamInfo | undefined,
    bufferLimitBytes: number,
    connected: boolean,
    transport?: TransportSocket,
  ) {
    this.id = downstream?.connectionId ?? takeConnectionId()
    this.socket = socket
    this.#tcpSocket = socket
    this.#transport = transport
    this.downstream = downstream
    this.bufferLimitBytes = bufferLimitBytes
    this.state = connected ? 'open' : 'connecting'
    if (!connected) socket.once('connect', () => this.#onTcpConnect())
    this.#listenTo(socket)
  }

  #listenTo(socket: Socket): void {
    socket.on('data', (data: Buffer) => this.#onData(data))
    socket.on('end', () => this.#onEnd())
    // A socket that has another above it ends with that one, which knows why.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.socket === socket) this.#onError(error)
    })
    socket.on('close', () => {
      if (this.socket === socket) this.#onClose()
    })
  }

  replaceSocket(socket: Socket): void {
    this.socket = socket
    this.#listenTo(socket)
    if (this.#readDisableCount > 0) socket.pause()
  }

  /** Undefined on a plain connection, and until the handshake is over. */
  get tls(): TlsInfo | undefined {
    return (this.#transport ?? this.downstream)?.tls
  }

  /** The protocol that ALPN agreed on; '' for none. */
  get nextProtocol(): string {
    return this.#transport?.nextProtocol ?? this.downstream?.tls?.alpn ?? ''
  }

  /** What the transport socket has failed by, in Envoy's words; '' for nothing. */
  get transportFailureReason(): string {
    return this.#transport?.failureReason ?? this.downstream?.transportFailureReason ?? ''
  }

  /** Secures a connection that began in plain text (starttls): false where it is no such connection. */
  startSecureTransport(): boolean {
    this.flush()
    return this.#transport?.startSecureTransport() ?? false
  }

  addConnectionCallbacks(callbacks: ConnectionCallbacks): void {
    this.#callbacks.push(callbacks)
  }

  removeConnectionCallbacks(callbacks: ConnectionCallbacks): void {
    const index = this.#callbacks.indexOf(callbacks)
    if (index >= 0) this.#callbacks.splice(index, 1)
  }

  /** Why connecting failed, in Envoy's words for %UPSTREAM_TRANSPORT_FAILURE_REASON%. */
  connectFailureReason(remote: AddressInfo): string {
    return this.#localFailure ?? (this.transportFailureReason || connectErrorWords(this.socketErrorCode, remote))
  }

  get isOpen(): boolean {
    return this.state === 'open'
  }

  /** Bytes accepted by write() that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.pending.bytes + this.socket.writableLength
  }

  get aboveHighWatermark(): boolean {
    return this.#aboveHighWatermark
  }

  /**
   * Queues bytes; a string is Latin-1. What one event produces goes out in one system call. `endStream` sends FIN after
   * it. Ignored once the connection is closing.
   */
  write(data: Buffer | string, endStream = false): void {
    if (this.state !== 'open' && this.state !== 'connecting') return
    if (data.length > 0) {
      this.pending.add(this, data)
      this.#noteWritten(data.length)
    }
    if (endStream && !this.#writeEnded) {
      this.#writeEnded = true
      if (this.state === 'connecting') return
      this.flush()
      this.socket.end()
      if (this.#readEnded) this.close('flushWrite', '')
    }
  }

  /**
   * Memory to append a few bytes to, where a string or a buffer for each would cost more than the bytes do; undefined
   * where write() would drop them. Say how many they were by wrote(), before anything else is written.
   */
  writer(): ByteWriter | undefined {
    if (this.state !== 'open' && this.state !== 'connecting') return undefined
    return this.pending.writer(this.socket)
  }

  wrote(byteCount: number): void {
    this.pending.wrote(this, byteCount)
    this.#noteWritten(byteCount)
  }

  #noteWritten(byteCount: number): void {
    this.bytesSent += byteCount
    this.byteStats?.writeTotal.add(byteCount)
    if (this.#aboveHighWatermark || this.bufferLimitBytes === 0 || this.bufferedBytes <= this.bufferLimitBytes) return
    this.#aboveHighWatermark = true
    for (const callbacks of this.#callbacks) callbacks.onAboveWriteBufferHighWatermark()
  }

  /** Writes what a closed connection was to write and did not; its bytes were counted there. */
  adoptUnsent(other: Connection): void {
    this.bytesSent += other.pending.bytes
    other.pending.moveTo(this)
  }

  /** Bytes that have been handed to the socket, and may have left. */
  get flushedBytes(): number {
    return this.bytesSent - this.pending.bytes
  }

  /** Hands what was gathered to the socket, once that is connected: at the end of each event, or earlier. */
  flush(): void {
    if (this.pending.bytes === 0 || this.state === 'closed' || this.state === 'connecting') return
    this.pending.writeTo(this.socket, this.#aboveHighWatermark ? () => this.#onFlushed() : undefined)
  }

  /** Stops (or, called as often with false, resumes) reading: the kernel's buffer then pushes back on the peer. */
  readDisable(disable: boolean): void {
    if (disable) {
      this.#readDisableCount++
      if (this.#readDisableCount === 1) this.socket.pause()
    } else {
      this.#readDisableCount--
      if (this.#readDisableCount === 0 && this.state !== 'closed') this.socket.resume()
    }
  }

  /** Of a socket that was accepted without being read: begins, unless a filter has asked for nothing yet. */
  startReading(): void {
    if (this.#readDisableCount === 0 && this.state !== 'closed') this.socket.resume()
  }

  /**
   * For a reader that is done with each chunk when its event ends, or has `isRetained` say, when asked right after it,
   * that the chunk is still in use: bytes are read into memory that is used again.
   */
  reuseReadBuffer(isRetained: () => boolean): void {
    reuseReadBuffer(this.socket, this.bufferLimitBytes, (data) => this.#onData(data), isRetained)
  }

  get readEnabled(): boolean {
    return this.#readDisableCount === 0
  }

  close(type: ConnectionCloseType, reason: string): void {
    if (this.state === 'closed') return
    if (this.state !== 'closing') this.localCloseReason = reason
    // A flushing close is under way already.
    if (this.state === 'closing' && type !== 'noFlush' && type !== 'abortReset') return
    const flushable = this.state === 'open' && (type === 'flushWrite' || type === 'flushWriteAndDelay')
    if (flushable) {
      this.flush()
      const delay = type === 'flushWriteAndDelay' && this.delayedCloseTimeoutMs > 0
      if (!delay && this.socket.writableLength === 0) {
        this.#destroy('localClose', false)
        return
      }
      this.state = 'closing'
      this.#beginFlushingClose(delay)
      return
    }
    this.#destroy('localClose', type === 'abortReset')
  }

  #beginFlushingClose(delay: boolean): void {
    // Whatever still arrives is read and dropped, so that the peer's FIN is seen.
    while (this.#readDisableCount > 0) this.readDisable(false)
    if (delay) {
      this.#closeTimer = new Timer(() => this.#onDelayedCloseTimeout())
      this.#closeTimer.enable(this.delayedCloseTimeoutMs)
      return
    }
    // Our FIN may have been queued before: the end of writing is told all the same.
    this.socket.once('finish', () => this.#destroy('localClose', false))
    if (this.#writeEnded) return
    this.#writeEnded = true
    this.socket.end()
  }

  #onDelayedCloseTimeout(): void {
    this.delayedCloseTimedOut = true
    this.#destroy('localClose', false)
  }

  /** Ends the connection whose event has met an error that nobody expects; its requests end with it. */
  abandon(error: unknown): void {
    const facts = `${this.state}, ${this.bytesReceived} in, ${this.bytesSent} out`
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log.critical(`connection ${this.id} ends by an unexpected error (${facts}): ${reason}`)
    this.localCloseReason = 'internal_error'
    this.#destroy('localClose', false)
  }

  #onTcpConnect(): void {
    if (this.state !== 'connecting') return
    if (this.#transport === undefined) this.onTransportReady()
    else this.#transport.onConnected(this.#tcpSocket, this)
  }

  onTransportReady(): void {
    if (this.state !== 'connecting') return
    this.state = 'open'
    runWrites(this, Connection.#connected)
  }

  static #connected(connection: Connection): void {
    connection.flush()
    if (connection.#writeEnded) connection.socket.end()
    connection.#raise('connected')
  }

  #onData(data: Buffer): void {
    if (this.state !== 'open') {
      this.#closeTimer?.enable(this.delayedCloseTimeoutMs)
      return
    }
    this.bytesReceived += data.length
    this.byteStats?.readTotal.add(data.length)
    runWrites(this, Connection.#deliver, data)
  }

  static #deliver(connection: Connection, data: Buffer): void {
    connection.reader.onData(data, false)
  }

  #onEnd(): void {
    this.#readEnded = true
    if (this.state === 'connecting') this.#destroy('remoteClose', false)
    if (measurements.roundTrip) this.downstream?.roundTripTimeMs()
    if (this.state === 'closing' && this.socket.writableLength === 0) {
      // Who ends first during the delay has closed the connection.
      this.#destroy(this.#closeTimer === undefined ? 'localClose' : 'remoteClose', false)
    }
    if (this.state !== 'open') return
    if (!this.halfCloseEnabled) {
      this.#destroy('remoteClose', false)
      return
    }
    runWrites(this, Connection.#deliverEnd)
    if (!this.#writeEnded || this.state !== 'open') return
    // Both sides have ended, the peer last: its close, unless something is still to be written.
    if (this.bufferedBytes === 0) this.#destroy('remoteClose', false)
    else this.close('flushWrite', '')
  }

  static #deliverEnd(connection: Connection): void {
    connection.reader.onData(emptyBuffer, true)
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.socketErrorCode = error.code ?? 'UNKNOWN'
    if (this.state === 'closed') return
    if (error.syscall === 'bind' || error.syscall === 'setsockopt') {
      this.#localFailure = error.syscall === 'bind' ? error.message : ''
      this.#destroy('localClose', false)
      return
    }
    if (this.socketErrorCode === 'ECONNRESET') this.detectedCloseType = 'remote_reset'
    this.#destroy(this.state === 'closing' ? 'localClose' : 'remoteClose', false)
  }

  #onClose(): void {
    this.#destroy(this.state === 'closing' ? 'localClose' : 'remoteClose', false)
  }

  #onFlushed(): void {
    if (!this.#aboveHighWatermark || this.state === 'closed') return
    if (this.bufferedBytes > this.bufferLimitBytes / 2) {
      // More was queued behind the write that has just finished: its own callback follows.
      return
    }
    this.#aboveHighWatermark = false
    runWrites(this, Connection.#belowLowWatermark)
  }

  static #belowLowWatermark(connection: Connection): void {
    for (const callbacks of connection.#callbacks) callbacks.onBelowWriteBufferLowWatermark()
  }

  #destroy(event: ConnectionEvent, reset: boolean): void {
    if (this.state === 'closed') return
    if (measurements.roundTrip) this.downstream?.roundTripTimeMs()
    const tellsEnd = this.state !== 'connecting' && event === 'localClose' && this.socket !== this.#tcpSocket
    this.state = 'closed'
    this.#closeTimer?.disable()
    if (this.detectedCloseType === '') this.detectedCloseType = reset ? 'local_reset' : 'normal'
    // Bytes that a listener filter has read and given back count as unread: closing then is a reset to the peer.
    if (reset || this.#tcpSocket.readableLength > 0) this.#tcpSocket.resetAndDestroy()
    else {
      // As far as it can be written at once, the peer is told, once, that TLS has come to its end and was not cut off.
      if (tellsEnd && !this.socket.writableEnded) this.socket.end()
      this.socket.destroy()
    }
    // What is pending still stands for whoever hears of the end: it may be written elsewhere.
    runWrites(this, Connection.#raiseEvent, event)
    this.pending.clear()
  }

  static #raiseEvent(connection: Connection, event: ConnectionEvent): void {
    connection.#raise(event)
  }

  #raise(event: ConnectionEvent): void {
    // A copy: callbacks add and remove themselves while the event is raised.
    for (const callbacks of this.#callbacks.slice()) callbacks.onEvent(event)
  }
}
