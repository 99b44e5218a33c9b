// HTTP/2 towards backends: many requests at a time out, their responses in.

import type { ByteWriter } from '../../../common/byte_writer.ts'
import { type HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { Connection } from '../../../network/connection.ts'
import type { Protocol } from '../../../stream_info/stream_info.ts'
import {
  type ClientCodec,
  isForwardedInterim,
  type RequestEncoder,
  type ResponseDecoder,
  type StreamResetReason,
} from '../codec.ts'
import { isUpgrade, upgradeType } from '../http1/request_head.ts'
import type { Http2CodecStats } from './codec_stats.ts'
import { clientPreface, ErrorCode, largestStreamId } from './constants.ts'
import { Http2ConnectionError } from './errors.ts'
import type { HpackEncoder } from './hpack/encoder.ts'
import { Http2Connection, type Http2Side } from './http2_connection.ts'
import { Http2Stream } from './http2_stream.ts'
import type { Http2Settings } from './settings.ts'
import { hasHttp1Fields, isLeftOut, upgradeResponseFromExtendedConnect } from './upgrade_headers.ts'

export interface Http2ClientCallbacks {
  /** No new streams; those that the backend has not taken up are reset with `remoteRefusedStreamReset` after this. */
  onGoAway(errorCode: number): void
  /** So many streams the backend takes at a time. */
  onMaxConcurrentStreams(max: number): void
  /** One stream is over in both directions, or reset. */
  onStreamClosed(): void
  /** A stream was reset: by its user, by the backend, or with the connection. */
  onStreamReset(reason: StreamResetReason): void
}

export class Http2ClientCodec implements ClientCodec, Http2Side {
  readonly protocol: Protocol = 'HTTP/2'
  readonly isServer = false
  readonly messagingErrorReason: StreamResetReason = 'protocolError'
  readonly #http2: Http2Connection
  readonly #callbacks: Http2ClientCallbacks
  #maxConcurrentStreams = -1
  #goAwayTold = false

  /** Writes the preface and SETTINGS at once: they go out with the first request, or when the connection is made. */
  constructor(
    connection: Connection,
    callbacks: Http2ClientCallbacks,
    settings: Http2Settings,
    stats: Http2CodecStats,
  ) {
    this.#callbacks = callbacks
    this.#http2 = new Http2Connection(connection, this, settings, stats)
    connection.write(clientPreface)
    this.#http2.sendSettings()
  }

  dispatch(data: Buffer): void {
    this.#http2.dispatch(data)
  }

  retainsData(): boolean {
    return this.#http2.retainsData()
  }

  newStream(decoder: ResponseDecoder): RequestEncoder {
    this.#http2.keepalive?.beforeStream()
    const stream = new Http2Stream(this.#http2, 0)
    stream.responseDecoder = decoder
    return stream
  }

  /** Streams whose request has been sent and that are not over. */
  get activeStreams(): number {
    return this.#http2.streams.size
  }

  /** The backend has offered extended CONNECT (RFC 8441). */
  get peerAllowsConnect(): boolean {
    return this.#http2.peer.enableConnect
  }

  /** The connection is gone, or must go: tells every stream. Whoever owns the connection calls it when it closes. */
  resetAllStreams(reason: StreamResetReason): void {
    const http2 = this.#http2
    for (const stream of [...http2.streams.values()]) {
      http2.abandonStream(stream)
      this.onPeerReset(stream, reason)
    }
  }

  /** Says that this side begins no more streams either. */
  goAway(): void {
    this.#http2.stats.goAwaySent.inc()
    this.#http2.writer.goAway(0, ErrorCode.noError, '')
  }

  onUnderlyingConnectionAboveWriteBufferHighWatermark(): void {
    this.#http2.aboveHighWatermark()
  }

  onUnderlyingConnectionBelowWriteBufferLowWatermark(): void {
    this.#http2.belowLowWatermark()
  }

  // ---- For Http2Connection ---------------------------------------------------------------------------------------

  acceptStream(): Http2Stream {
    throw new Http2ConnectionError('a server begins no streams')
  }

  /** The number of a stream is given with its head, so that they leave in order. */
  #begin(stream: Http2Stream): void {
    const http2 = this.#http2
    stream.id = http2.nextStreamId
    http2.nextStreamId += 2
    http2.addStream(stream)
    if (http2.nextStreamId > largestStreamId) this.#tellGoAway(ErrorCode.noError)
  }

  writeHead(stream: Http2Stream, headers: HeaderMap, encoder: HpackEncoder, out: ByteWriter): void {
    this.#begin(stream)
    const upgrades = (headers.known & KnownHeader.upgrade) !== 0 && isUpgrade(headers)
    stream.method = upgrades ? 'CONNECT' : headers.method
    if (upgrades) stream.upgradeType = upgradeType(headers)
    encoder.writeField(':method', stream.method, out)
    const plainConnect = stream.method === 'CONNECT' && !upgrades && headers.protocol === ''
    if (headers.authority !== '') encoder.writeField(':authority', headers.authority, out)
    if (!plainConnect) {
      encoder.writeField(':scheme', headers.scheme === '' ? 'http' : headers.scheme, out)
      encoder.writeField(':path', headers.path, out)
    }
    const protocol = upgrades ? stream.upgradeType : headers.protocol
    if (protocol !== '') encoder.writeField(':protocol', protocol, out)
    const { names, values } = headers
    if (!hasHttp1Fields(headers)) {
      encoder.writeFields(names, values, out)
      return
    }
    for (let i = 0; i < names.length; i++) {
      if (!isLeftOut(names[i], values[i], true, upgrades)) encoder.writeField(names[i], values[i], out)
    }
  }

  onHead(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void {
    const { status } = headers
    if (status >= 200) {
      if (stream.upgradeType !== '') upgradeResponseFromExtendedConnect(headers, stream.upgradeType)
      stream.responseDecoder?.decodeHeaders(headers, endStream)
    } else if (isForwardedInterim(status)) stream.responseDecoder?.decode1xxHeaders(headers)
  }

  onPeerSettings(): void {
    const max = this.#http2.peer.maxConcurrentStreams
    if (max === this.#maxConcurrentStreams) return
    this.#maxConcurrentStreams = max
    this.#callbacks.onMaxConcurrentStreams(max)
  }

  onGoAway(lastStreamId: number, errorCode: number): void {
    const http2 = this.#http2
    this.#tellGoAway(errorCode)
    for (const stream of [...http2.streams.values()]) {
      if (stream.id > lastStreamId) http2.endStreamByPeer(stream, ErrorCode.refusedStream)
    }
  }

  /** A backend may say it twice, the first time with the highest stream number there is. */
  #tellGoAway(errorCode: number): void {
    if (this.#goAwayTold) return
    this.#goAwayTold = true
    this.#callbacks.onGoAway(errorCode)
  }

  /** As with HTTP/1, whoever resets its request hears no more of it. */
  onLocalReset(_stream: Http2Stream, reason: StreamResetReason): void {
    this.#callbacks.onStreamReset(reason)
  }

  /** The words of a reset's details are for failures of the transport: these have none. */
  onPeerReset(stream: Http2Stream, reason: StreamResetReason): void {
    this.#callbacks.onStreamReset(reason)
    stream.callbacks?.onResetStream(reason, '')
  }

  onStreamClosed(): void {
    this.#callbacks.onStreamClosed()
  }
}
