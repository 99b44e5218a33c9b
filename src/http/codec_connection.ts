// One HTTP connection to a host beside its pools, as health checks use it: one request at a time, each when it is asked for.

import type { Connection } from '../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent, ConnectionReader } from '../network/connection_types.ts'
import type { Counter } from '../stats/store.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'
import { type ClientCodec, CodecProtocolError, type RequestEncoder, type ResponseDecoder } from './codec/codec.ts'
import { Http1ClientCodec } from './codec/http1/client_codec.ts'
import { Http2ClientCodec } from './codec/http2/client_codec.ts'
import { ErrorCode } from './codec/http2/constants.ts'
import { upstreamHttp1Settings, upstreamHttp2Settings } from './conn_pool/codec_settings.ts'

export class CodecConnection implements ConnectionCallbacks, ConnectionReader {
  readonly #connection: Connection
  readonly #onLost: () => void
  readonly #http1: Http1ClientCodec | undefined
  readonly #http2: Http2ClientCodec | undefined
  readonly #codec: ClientCodec
  readonly #protocolError: Counter
  #isActive = false
  #isLeaving: boolean
  #isClosed = false

  /**
   * `onLost` is told that a request has no response, or not all of it; nothing any more once the connection was closed from
   * here. Without `isReused` it is for one request.
   */
  constructor(
    connection: Connection,
    { protocol, isReused }: { readonly protocol: 'http1' | 'http2'; readonly isReused: boolean },
    cluster: ClusterInfo,
    onLost: () => void,
  ) {
    this.#connection = connection
    this.#isLeaving = !isReused
    this.#onLost = onLost
    this.#protocolError = cluster.stats.upstreamCxProtocolError
    const onStreamClosed = (): void => {
      this.#isActive = false
    }
    if (protocol === 'http1') {
      this.#http1 = new Http1ClientCodec(connection, upstreamHttp1Settings(cluster), onStreamClosed)
      this.#codec = this.#http1
    } else {
      const { settings, stats } = upstreamHttp2Settings(cluster)
      const told = {
        onGoAway: (errorCode: number) => this.#onGoAway(errorCode),
        onMaxConcurrentStreams: () => {},
        onStreamClosed,
        onStreamReset: () => {},
      }
      this.#http2 = new Http2ClientCodec(connection, told, settings, stats)
      this.#codec = this.#http2
    }
    connection.reader = this
    connection.addConnectionCallbacks(this)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** No other request can follow the one that is under way, or the last. */
  get mustClose(): boolean {
    return this.#isLeaving || this.#http1?.closeAfterResponse === true
  }

  newStream(decoder: ResponseDecoder): RequestEncoder {
    const encoder = this.#codec.newStream(decoder)
    this.#isActive = true
    encoder.setCallbacks({
      onResetStream: () => this.#onReset(),
      onAboveWriteBufferHighWatermark: () => {},
      onBelowWriteBufferLowWatermark: () => {},
    })
    return encoder
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#connection.close('noFlush', '')
  }

  #onReset(): void {
    this.#isActive = false
    if (this.#isClosed) return
    if (this.#isLeaving) this.close()
    this.#onLost()
  }

  #onGoAway(errorCode: number): void {
    if (this.#isActive && errorCode === ErrorCode.noError) {
      // What has begun may still be answered.
      this.#isLeaving = true
      return
    }
    const isLost = this.#isActive
    this.close()
    if (isLost) this.#onLost()
  }

  onData(data: Buffer): void {
    try {
      this.#codec.dispatch(data)
      // Envoy's codec takes it for an error that its connection closes while it reads, and its cluster counts that.
      if (this.#isClosed && this.#http2 !== undefined) this.#protocolError.inc()
    } catch (error) {
      if (!(error instanceof CodecProtocolError)) throw error
      this.#protocolError.inc()
      this.#connection.flush()
      this.#connection.close('noFlush', '')
    }
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') return
    // A response without a length ends here in good order.
    if (event === 'remoteClose') this.#http1?.onConnectionClosed()
    this.#http2?.resetAllStreams('connectionTermination')
    if (this.#isActive) this.#onReset()
    this.#isClosed = true
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#codec.onUnderlyingConnectionAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#codec.onUnderlyingConnectionBelowWriteBufferLowWatermark()
  }
}
