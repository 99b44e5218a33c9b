// HTTP/1 on one pooled connection: one exchange at a time; one that could not leave moves to another connection.

import type { Connection } from '../../network/connection.ts'
import type { ConnectionEvent } from '../../network/connection_types.ts'
import type { DataReceiver, RequestEncoder, ResponseDecoder, StreamResetReason } from '../codec/codec.ts'
import { Http1ClientCodec } from '../codec/http1/client_codec.ts'
import type { Http1ClientStream } from '../codec/http1/client_stream.ts'
import type { ActiveClient } from './active_client.ts'
import type { CodecClient, LeftStreams } from './codec_client.ts'
import { upstreamHttp1Settings } from './codec_settings.ts'
import type { PoolCallbacks } from './connection_pool.ts'

export class Http1CodecClient implements CodecClient {
  readonly protocol = 'HTTP/1.1'
  readonly concurrentStreamLimit = 1
  readonly admittedStreams = 1
  readonly #client: ActiveClient
  readonly #connection: Connection
  readonly #codec: Http1ClientCodec
  #stream: Http1ClientStream | undefined = undefined
  #callbacks: PoolCallbacks | undefined = undefined
  /** It has been idle in the pool: the peer may have given it up. */
  #rested = false
  #spokeUnasked = false
  /** Where the connection's output stood when the exchange began. */
  #flushedBefore = 0
  /** Who gets what is being read. */
  #reading: DataReceiver | undefined = undefined

  constructor(client: ActiveClient) {
    this.#client = client
    this.#connection = client.connection
    const settings = upstreamHttp1Settings(client.pool.host.cluster)
    this.#codec = new Http1ClientCodec(client.connection, settings, () => this.#onExchangeComplete())
  }

  get activeStreams(): number {
    return this.#stream === undefined ? 0 : 1
  }

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): RequestEncoder {
    this.#callbacks = callbacks
    this.#flushedBefore = this.#connection.flushedBytes
    const stream = this.#codec.newStream(decoder)
    this.#stream = stream
    return stream
  }

  /** Carries on, as soon as it is connected, an exchange that `other` has lost before any byte of it left. */
  takeOver(other: Http1CodecClient): void {
    const stream = other.#stream
    const callbacks = other.#callbacks
    if (stream === undefined || callbacks === undefined) return
    other.#stream = undefined
    this.#callbacks = callbacks
    this.#stream = stream
    this.#codec.adopt(stream)
    this.#connection.adoptUnsent(other.#connection)
    this.#client.countStream()
    callbacks.onPoolMoved(this.#client.pool.host, this.#client)
  }

  /** Nothing of the exchange in progress has left: whatever the peer sent was not an answer to it. */
  get #isUnsent(): boolean {
    const stream = this.#stream
    if (stream === undefined || stream.dead || !this.#rested) return false
    const connection = this.#connection
    return connection.flushedBytes === this.#flushedBefore && !connection.aboveHighWatermark && !stream.readDisabled
  }

  onIdle(): void {
    this.#rested = true
  }

  dispatch(data: Buffer): void {
    const stream = this.#stream
    if (stream === undefined || this.#isUnsent) {
      this.#onUnasked(data)
      return
    }
    this.#reading = stream.decoder
    this.#codec.dispatch(data)
  }

  /** Whatever it is, it answers nothing that was sent; the connection cannot be trusted with a request any more. */
  #onUnasked(data: Buffer): void {
    // What servers say before they hang up on an idle connection is no fault.
    const isTimeout = data.length >= 12 && data.toString('latin1', 9, 12) === '408'
    if (!isTimeout) this.#client.pool.host.cluster.stats.upstreamCxProtocolError.inc()
    this.#spokeUnasked = true
    this.#client.close()
  }

  retainsData(): boolean {
    const reading = this.#reading
    this.#reading = undefined
    return reading?.retainsData() === true
  }

  #onExchangeComplete(): void {
    // Reset while its response was being read, which is read to the end of what has come.
    if (this.#stream === undefined) return
    const { extraBytes, closeAfterResponse } = this.#codec
    if (extraBytes && this.#connection.isOpen) this.#client.pool.host.cluster.stats.upstreamCxProtocolError.inc()
    if (closeAfterResponse && this.#connection.isOpen) this.#client.drain()
    this.#stream = undefined
    this.#client.onStreamClosed()
  }

  onConnectionClosed(event: ConnectionEvent): LeftStreams {
    if (this.#codec.peerWantsClose) this.#client.pool.host.cluster.stats.upstreamCxCloseNotify.inc()
    if (this.#stream === undefined) return 'none'
    if ((event === 'remoteClose' || this.#spokeUnasked) && this.#isUnsent) return 'unsent'
    // A response without a length ends here in good order.
    if (event === 'remoteClose' && this.#codec.onConnectionClosed()) return 'none'
    return 'lost'
  }

  endStreams(event: ConnectionEvent, byProtocolError: boolean): void {
    if (event === 'localClose') this.failStreams(byProtocolError ? 'protocolError' : 'localReset', '')
    else if (this.#codec.responseBegun) {
      this.#client.pool.host.cluster.stats.upstreamCxProtocolError.inc()
      this.failStreams('protocolError', '')
    } else this.failStreams('connectionTermination', '')
  }

  failStreams(reason: StreamResetReason, transportFailureReason: string): void {
    const stream = this.#stream
    if (stream === undefined) return
    this.#stream = undefined
    this.#client.onStreamClosed()
    if (stream.dead) return
    stream.dead = true
    stream.callbacks?.onResetStream(reason, transportFailureReason)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#codec.onUnderlyingConnectionAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#codec.onUnderlyingConnectionBelowWriteBufferLowWatermark()
  }
}
