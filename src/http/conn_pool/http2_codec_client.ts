// HTTP/2 on one pooled connection: streams side by side, as many as both sides allow, until the peer says GOAWAY.

import type { ConnectionEvent } from '../../network/connection_types.ts'
import type { RequestEncoder, ResponseDecoder, StreamResetReason } from '../codec/codec.ts'
import { type Http2ClientCallbacks, Http2ClientCodec } from '../codec/http2/client_codec.ts'
import type { ActiveClient } from './active_client.ts'
import type { CodecClient, LeftStreams } from './codec_client.ts'
import { upstreamHttp2Settings } from './codec_settings.ts'

/** What peers take before their SETTINGS say so: they are told to set no limit below it (RFC 9113 section 6.5.2). */
const leastStreamLimit = 100

export class Http2CodecClient implements CodecClient, Http2ClientCallbacks {
  readonly protocol = 'HTTP/2'
  activeStreams = 0
  concurrentStreamLimit: number
  admittedStreams: number
  readonly #client: ActiveClient
  readonly #codec: Http2ClientCodec
  /** max_concurrent_streams: more than the peer allows, or it would not be known before its SETTINGS. */
  readonly #configuredStreamLimit: number
  /** Its last stream was answered to the end, and with that the connection, which drained, closed. */
  #closedByAnswer = false

  constructor(client: ActiveClient) {
    this.#client = client
    const { settings, stats } = upstreamHttp2Settings(client.pool.host.cluster)
    this.#configuredStreamLimit = settings.maxConcurrentStreams
    this.concurrentStreamLimit = settings.maxConcurrentStreams
    this.admittedStreams = Math.min(settings.maxConcurrentStreams, leastStreamLimit)
    this.#codec = new Http2ClientCodec(client.connection, this, settings, stats)
  }

  newStream(decoder: ResponseDecoder): RequestEncoder {
    this.activeStreams++
    return this.#codec.newStream(decoder)
  }

  dispatch(data: Buffer): void {
    this.#codec.dispatch(data)
    // Envoy's codec takes it for an error that its connection closes while it reads, and its cluster counts that.
    if (this.#closedByAnswer) this.#client.pool.host.cluster.stats.upstreamCxProtocolError.inc()
  }

  retainsData(): boolean {
    return this.#codec.retainsData()
  }

  onIdle(): void {}

  onGoAway(): void {
    this.#client.pool.host.cluster.stats.upstreamCxCloseNotify.inc()
    this.#client.drain()
  }

  onMaxConcurrentStreams(max: number): void {
    this.concurrentStreamLimit = Math.min(max, this.#configuredStreamLimit)
    this.admittedStreams = this.concurrentStreamLimit
    this.#client.pool.onRoom(this.#client)
  }

  onStreamClosed(): void {
    this.activeStreams--
    const wasOpen = this.#client.connection.isOpen
    this.#client.onStreamClosed()
    this.#closedByAnswer = wasOpen && !this.#client.connection.isOpen
  }

  onStreamReset(reason: StreamResetReason): void {
    this.#closedByAnswer = false
    const { stats } = this.#client.pool.host.cluster
    if (reason === 'localReset' || reason === 'protocolError') stats.upstreamRqTxReset.inc()
    else if (reason === 'remoteReset') stats.upstreamRqRxReset.inc()
    else if (reason === 'connectionTermination') stats.upstreamRqPendingFailureEject.inc()
  }

  onConnectionClosed(_event: ConnectionEvent, byProtocolError: boolean): LeftStreams {
    if (this.activeStreams === 0) return 'none'
    return byProtocolError ? 'broken' : 'lost'
  }

  endStreams(_event: ConnectionEvent, byProtocolError: boolean): void {
    this.#codec.resetAllStreams(byProtocolError ? 'protocolError' : 'connectionTermination')
  }

  /** It gets its first stream when it stands. */
  failStreams(): void {}

  onAboveWriteBufferHighWatermark(): void {
    this.#codec.onUnderlyingConnectionAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#codec.onUnderlyingConnectionBelowWriteBufferLowWatermark()
  }
}
