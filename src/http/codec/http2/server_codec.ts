// HTTP/2 towards clients: many requests at a time in, their responses out.

import type { ByteWriter } from '../../../common/byte_writer.ts'
import type { HeaderMap } from '../../../common/header_map.ts'
import type { Connection } from '../../../network/connection.ts'
import type { BufferingConnection } from '../../../network/overload/stream_accounts.ts'
import type { Protocol } from '../../../stream_info/stream_info.ts'
import type { ServerCodec, ServerCodecCallbacks, StreamResetReason } from '../codec.ts'
import type { Http2CodecStats } from './codec_stats.ts'
import { ErrorCode, largestStreamId } from './constants.ts'
import type { HpackEncoder } from './hpack/encoder.ts'
import { Http2Connection, type Http2Side } from './http2_connection.ts'
import { Http2Stream } from './http2_stream.ts'
import type { Http2Settings } from './settings.ts'
import { hasHttp1Fields, isLeftOut, upgradeRequestFromExtendedConnect } from './upgrade_headers.ts'

export class Http2ServerCodec implements ServerCodec, Http2Side, BufferingConnection {
  readonly protocol: Protocol = 'HTTP/2'
  readonly isServer = true
  readonly multiplexed = true
  readonly streamBufferLimitBytes: number
  readonly messagingErrorReason: StreamResetReason = 'localReset'
  readonly #http2: Http2Connection
  readonly #callbacks: ServerCodecCallbacks
  #settingsSent = false
  /** The stream whose head is being read. */
  #newest: Http2Stream | undefined = undefined

  constructor(
    connection: Connection,
    callbacks: ServerCodecCallbacks,
    settings: Http2Settings,
    stats: Http2CodecStats,
  ) {
    this.#callbacks = callbacks
    this.streamBufferLimitBytes = settings.initialStreamWindowBytes
    this.#http2 = new Http2Connection(connection, this, settings, stats)
  }

  dispatch(data: Buffer): void {
    this.#sendSettings()
    this.#http2.dispatch(data)
  }

  #sendSettings(): void {
    if (this.#settingsSent) return
    this.#settingsSent = true
    this.#http2.sendSettings()
  }

  retainsData(): boolean {
    return this.#http2.retainsData()
  }

  abortDispatch(): void {}

  // ---- What HTTP/1 has for requests in a row ---------------------------------------------------------------------

  /** A head has begun and is not whole. */
  get readingHead(): boolean {
    return this.#http2.parser.continuationOf !== 0
  }

  continuePipelined(): void {}

  stop(): void {
    this.#http2.answeredStreams.tellAll()
  }

  /** Answers the request whose head has not come in time. */
  refuseUnfinishedHead(status: number, body: string, details: string): void {
    if (this.readingHead) this.#newest?.requestDecoder?.sendLocalReply({ status, body, details })
  }

  /** The stream of an unfinished head is known to the connection manager, which ends it as any other. */
  abandonUnfinishedHead(): void {}

  // ---- The end ---------------------------------------------------------------------------------------------------

  /** The first of two steps: the client is asked to begin no more streams; those on the way are still served. */
  shutdownNotice(): void {
    this.#sendSettings()
    this.#http2.writer.goAway(largestStreamId, ErrorCode.noError, '')
  }

  /** The second: streams that begin from here on are not served. */
  goAway(): void {
    const http2 = this.#http2
    http2.goAwayLimit = http2.lastPeerStreamId
    http2.answeredStreams.tellAll()
    http2.stats.goAwaySent.inc()
    http2.writer.goAway(http2.lastPeerStreamId, ErrorCode.noError, '')
  }

  bufferingStreams(): Iterable<Http2Stream> {
    return this.#http2.streams.values()
  }

  onUnderlyingConnectionAboveWriteBufferHighWatermark(): void {
    this.#http2.aboveHighWatermark()
  }

  onUnderlyingConnectionBelowWriteBufferLowWatermark(): void {
    this.#http2.belowLowWatermark()
  }

  // ---- For Http2Connection ---------------------------------------------------------------------------------------

  acceptStream(streamId: number): Http2Stream {
    const stream = new Http2Stream(this.#http2, streamId)
    this.#http2.addStream(stream)
    this.#newest = stream
    stream.requestDecoder = this.#callbacks.newStream(stream)
    return stream
  }

  onHead(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void {
    stream.method = headers.method
    if (headers.protocol !== '') {
      stream.upgradeType = headers.protocol
      upgradeRequestFromExtendedConnect(headers)
    }
    stream.requestDecoder?.decodeHeaders(headers, endStream)
  }

  writeHead(stream: Http2Stream, headers: HeaderMap, encoder: HpackEncoder, out: ByteWriter): void {
    const isUpgrade = stream.upgradeType !== ''
    encoder.writeStatus(isUpgrade && headers.status === 101 ? 200 : headers.status, out)
    const { names, values } = headers
    if (!hasHttp1Fields(headers) && !isUpgrade) {
      encoder.writeFields(names, values, out)
      return
    }
    for (let i = 0; i < names.length; i++) {
      if (!isLeftOut(names[i], values[i], false, isUpgrade)) encoder.writeField(names[i], values[i], out)
    }
  }

  onLocalReset(stream: Http2Stream, reason: StreamResetReason): void {
    stream.callbacks?.onResetStream(reason, reason === 'overloadManager' ? 'overload' : '')
  }

  onPeerReset(stream: Http2Stream, reason: StreamResetReason, details: string): void {
    stream.callbacks?.onResetStream(reason, details)
  }

  onPeerSettings(): void {}

  /** A client that leaves begins no more streams; what it has begun goes on. */
  onGoAway(): void {}

  onStreamClosed(stream: Http2Stream): void {
    if (this.#newest === stream) this.#newest = undefined
  }
}
