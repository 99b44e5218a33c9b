// One HTTP/2 connection, of either side: its streams, what they send, both flow control windows, and its end.

import type { ByteWriter } from '../../../common/byte_writer.ts'
import type { HeaderMap } from '../../../common/header_map.ts'
import type { Connection } from '../../../network/connection.ts'
import type { ConnectionEvent } from '../../../network/connection_types.ts'
import { gatherWrites } from '../../../network/write_batch.ts'
import type { DataReceiver, StreamResetReason } from '../codec.ts'
import { AnsweredStreams } from './answered_streams.ts'
import { ClosedStreams } from './closed_streams.ts'
import type { Http2CodecStats } from './codec_stats.ts'
import { defaultWindowBytes, ErrorCode, frameHeaderBytes, largestStreamId, largestWindowBytes } from './constants.ts'
import { Http2ConnectionError } from './errors.ts'
import { FrameParser } from './frame_parser.ts'
import { FrameReader } from './frame_reader.ts'
import { FrameWriter } from './frame_writer.ts'
import { HpackEncoder } from './hpack/encoder.ts'
import type { Http2Stream } from './http2_stream.ts'
import { Keepalive } from './keepalive.ts'
import { ownSettings, PeerSettings } from './peer_settings.ts'
import { ProtocolConstraints } from './protocol_constraints.ts'
import type { Http2Settings } from './settings.ts'

/** What differs between the server and the client side. */
export interface Http2Side {
  readonly isServer: boolean
  /** The peer begins a stream; undefined where it may not. */
  acceptStream(streamId: number): Http2Stream
  /** Appends the head's fields to a header block. */
  writeHead(stream: Http2Stream, headers: HeaderMap, encoder: HpackEncoder, out: ByteWriter): void
  onHead(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void
  onPeerSettings(): void
  onGoAway(lastStreamId: number, errorCode: number): void
  /** A stream's user has reset it. */
  onLocalReset(stream: Http2Stream, reason: StreamResetReason): void
  /** The peer has reset a stream, or broken it: its user is to be told. */
  onPeerReset(stream: Http2Stream, reason: StreamResetReason, details: string): void
  /** The reason of the reset of a stream whose peer broke HTTP. */
  readonly messagingErrorReason: StreamResetReason
  /** The stream is over in both directions, or reset. */
  onStreamClosed(stream: Http2Stream): void
}

/** Of RST_STREAM. */
const resetFrameBytes = frameHeaderBytes + 4

/** Fields without `#` belong to the codec's files: this is the hot path. */
export class Http2Connection {
  readonly connection: Connection
  readonly settings: Http2Settings
  readonly stats: Http2CodecStats
  readonly side: Http2Side
  readonly peer = new PeerSettings()
  readonly streams = new Map<number, Http2Stream>()
  /** Those that have something queued, in the order in which they are served. */
  readonly blocked = new Set<Http2Stream>()
  readonly closedStreams = new ClosedStreams()
  readonly answeredStreams = new AnsweredStreams(this)
  readonly constraints: ProtocolConstraints
  readonly writer: FrameWriter
  readonly encoder: HpackEncoder
  readonly parser: FrameParser
  readonly keepalive: Keepalive | undefined
  /** What one stream may queue before it asks its user to stop. */
  readonly queueLimitBytes: number
  sendWindow = defaultWindowBytes
  receiveWindow: number
  /** Received and used, but not given back to the peer's window yet. */
  unacknowledgedBytes = 0
  /** The highest stream of the peer's that was begun. */
  lastPeerStreamId = 0
  /** Streams above it are not answered any more: we have said so. */
  goAwayLimit = largestStreamId
  nextStreamId = 1
  /** Our SETTINGS that the peer has not acknowledged. */
  unacknowledgedSettings = 1
  /** Who got body data of what was read last. */
  readonly reading: DataReceiver[] = []
  #dispatching = false

  constructor(connection: Connection, side: Http2Side, settings: Http2Settings, stats: Http2CodecStats) {
    this.connection = connection
    this.settings = settings
    this.stats = stats
    this.side = side
    this.constraints = new ProtocolConstraints(connection, settings, stats, this.streams, () => this.#onOutboundFlood())
    this.writer = new FrameWriter(connection, this.constraints)
    this.encoder = new HpackEncoder(settings.hpackTableBytes, settings.huffman)
    this.parser = new FrameParser(new FrameReader(this), side.isServer)
    this.receiveWindow = settings.initialConnectionWindowBytes
    const limit = connection.bufferLimitBytes
    const window = settings.initialStreamWindowBytes
    this.queueLimitBytes = limit === 0 ? window : Math.min(window, limit)
    this.keepalive =
      settings.keepalive &&
      new Keepalive(
        settings.keepalive,
        (payload) => this.writer.ping(payload, 0, false),
        () => this.#onKeepaliveTimeout(),
      )
    if (side.isServer) stats.downstreamConnections.inc()
    else stats.upstreamConnections.inc()
    connection.addConnectionCallbacks(this)
  }

  /** Each side's first frames; the client's follow its preface. */
  sendSettings(): void {
    const { settings, writer } = this
    writer.settings(ownSettings(settings, this.side.isServer))
    const increment = settings.initialConnectionWindowBytes - defaultWindowBytes
    if (increment > 0) writer.windowUpdate(0, increment)
  }

  /** Throws Http2ConnectionError, when the peer has been told, where the connection cannot go on. */
  dispatch(data: Buffer): void {
    this.keepalive?.onRead()
    this.reading.length = 0
    this.#dispatching = true
    try {
      this.parser.execute(data)
      if (this.answeredStreams.someGoOn) this.answeredStreams.tellAll()
      if (this.constraints.violation !== undefined) throw this.constraints.violation
    } catch (error) {
      if (error instanceof Http2ConnectionError)
        this.writer.goAway(this.lastPeerStreamId, error.errorCode, error.message)
      this.answeredStreams.stop()
      throw error
    } finally {
      this.#dispatching = false
    }
  }

  /** What was read last may still be in use. */
  retainsData(): boolean {
    let retains = false
    for (const receiver of this.reading) if (receiver.retainsData()) retains = true
    this.reading.length = 0
    return retains
  }

  /** A peer that does not read what it makes us write: nothing more is tried. */
  #onOutboundFlood(): void {
    if (!this.#dispatching) setImmediate(() => this.connection.close('noFlush', 'http2_outbound_flood'))
  }

  #onKeepaliveTimeout(): void {
    this.stats.keepaliveTimeout.inc()
    this.connection.close('noFlush', 'http2_ping_timeout')
  }

  // ---- Streams ---------------------------------------------------------------------------------------------------

  addStream(stream: Http2Stream): void {
    this.streams.set(stream.id, stream)
    this.stats.streamsActive.inc()
  }

  /** Sends RST_STREAM; the stream's user knows. */
  resetStream(stream: Http2Stream, errorCode: number): void {
    if (stream.closed) return
    const { id, bodyLeft, receiveWindow, sendWindow } = stream
    const isAnswered = stream.localEndSent && stream.headReceived && this.side.isServer
    if (isAnswered && errorCode === ErrorCode.noError) this.answeredStreams.add(id, bodyLeft, receiveWindow, sendWindow)
    else if (id !== 0) {
      this.stats.txReset.inc()
      this.writer.rstStream(id, errorCode)
      stream.wireBytesSent += resetFrameBytes
      this.closedStreams.addReset(id)
    }
    this.#closeStream(stream)
  }

  /** Resets a stream whose peer broke the protocol, and tells its user. */
  failStream(stream: Http2Stream, errorCode: ErrorCode, reason: StreamResetReason, details: string): void {
    if (stream.closed) return
    this.resetStream(stream, errorCode)
    stream.details = details
    this.side.onPeerReset(stream, reason, details)
  }

  /** What came on the stream is no HTTP: ends the stream or, as Envoy does where nothing else is configured, the connection. */
  breakMessage(stream: Http2Stream, kind: 'header' | 'messaging'): void {
    this.stats.rxMessagingError.inc()
    const details = kind === 'header' ? 'http2.invalid.header.field' : 'http2.violation.of.messaging.rule'
    stream.details = details
    if (!this.settings.streamErrorOnInvalidMessage)
      throw new Http2ConnectionError(`stream ${stream.id} breaks HTTP (${details})`)
    this.failStream(stream, ErrorCode.protocolError, this.side.messagingErrorReason, details)
  }

  /** The frame that ends the connection came on this stream: what is logged of it tells it from the others. */
  blame(streamId: number): void {
    const stream = this.streams.get(streamId)
    if (stream !== undefined) stream.details = 'http2.unknown.nghttp2.error'
  }

  /** A body that is not as long as content-length said: ends its stream alone. */
  breakBody(stream: Http2Stream): void {
    this.failStream(stream, ErrorCode.protocolError, 'protocolError', 'http2.remote_reset')
  }

  /** The peer has reset the stream, or refused it. */
  endStreamByPeer(stream: Http2Stream, errorCode: number): void {
    const wasWhole = stream.remoteEnd && stream.localEnd
    this.closedStreams.addEnded(stream.id)
    this.#closeStream(stream)
    if (wasWhole) return
    if (errorCode === ErrorCode.refusedStream)
      this.side.onPeerReset(stream, 'remoteRefusedStreamReset', 'http2.remote_refuse')
    else this.side.onPeerReset(stream, remoteResetReason(errorCode), 'http2.remote_reset')
  }

  /** The connection is gone, and its streams with it. */
  abandonStream(stream: Http2Stream): void {
    if (!stream.closed) this.#closeStream(stream)
  }

  closeIfDone(stream: Http2Stream): void {
    if (!stream.remoteEnd || !stream.localEndSent || stream.closed) return
    this.closedStreams.addEnded(stream.id)
    this.#closeStream(stream)
  }

  #closeStream(stream: Http2Stream): void {
    stream.closed = true
    stream.dropQueue()
    if (stream.id !== 0 && this.streams.delete(stream.id)) this.stats.streamsActive.dec()
    if (stream.heldBytes > 0) this.giveBack(stream.heldBytes)
    stream.heldBytes = 0
    this.side.onStreamClosed(stream)
  }

  onFlushTimeout(stream: Http2Stream): void {
    if (stream.closed) return
    this.stats.txFlushTimeout.inc()
    gatherWrites(() => {
      this.resetStream(stream, ErrorCode.internalError)
      this.side.onLocalReset(stream, 'localReset')
    })
  }

  // ---- Sending ---------------------------------------------------------------------------------------------------

  sendHead(stream: Http2Stream, headers: HeaderMap, endStream: boolean): void {
    const out = this.writer.beginHeaders()
    if (out === undefined) return
    const start = out.length - frameHeaderBytes
    this.encoder.beginBlock(out)
    this.side.writeHead(stream, headers, this.encoder, out)
    this.#sendBlock(stream, out, start, endStream)
  }

  sendTrailers(stream: Http2Stream, trailers: HeaderMap): void {
    const out = this.writer.beginHeaders()
    if (out === undefined) return
    const start = out.length - frameHeaderBytes
    this.encoder.beginBlock(out)
    this.encoder.writeFields(trailers.names, trailers.values, out)
    this.#sendBlock(stream, out, start, true)
  }

  #sendBlock(stream: Http2Stream, out: ByteWriter, start: number, endStream: boolean): void {
    const bytes = this.writer.endHeaders(out, start, stream.id, endStream)
    stream.wireBytesSent += bytes
    stream.headerBytesSent += bytes
    stream.decompressedHeaderBytesSent += this.encoder.blockBytes
    if (endStream) this.#onLocalEndSent(stream)
  }

  /** One frame, which the windows have room for. */
  sendData(stream: Http2Stream, data: Buffer, start: number, end: number, endStream: boolean): void {
    const length = end - start
    stream.sendWindow -= length
    this.sendWindow -= length
    stream.wireBytesSent += length + frameHeaderBytes
    this.writer.data(stream.id, data, start, end, endStream)
    if (endStream) this.#onLocalEndSent(stream)
  }

  #onLocalEndSent(stream: Http2Stream): void {
    stream.localEndSent = true
    if (stream.deferredReset !== undefined) stream.sendDeferredReset(stream.deferredReset)
    else this.closeIfDone(stream)
  }

  /** The connection's window has room again: the streams that wait get it in turn, a frame at a time. */
  sendBlocked(): void {
    while (this.sendWindow > 0 && this.blocked.size > 0) {
      let sent = false
      for (const stream of [...this.blocked]) {
        const before = this.sendWindow
        stream.sendQueued()
        if (this.sendWindow < before || stream.queue === undefined) sent = true
      }
      if (!sent) return
    }
  }

  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE has changed by so much (RFC 9113 6.9.2). */
  moveSendWindows(difference: number): void {
    if (difference === 0) return
    for (const stream of this.streams.values()) {
      if (!stream.widenSendWindow(difference))
        throw new Http2ConnectionError('a window grows beyond its limit', ErrorCode.flowControlError)
    }
    if (difference > 0) this.sendBlocked()
  }

  widenSendWindow(increment: number): void {
    this.sendWindow += increment
    if (this.sendWindow > largestWindowBytes)
      throw new Http2ConnectionError('the connection window grows beyond its limit', ErrorCode.flowControlError)
    this.sendBlocked()
  }

  // ---- Receiving -------------------------------------------------------------------------------------------------

  /** Data of a stream has been taken by its user: both windows move on, in steps of half their size. */
  onBytesUsed(stream: Http2Stream, bytes: number): void {
    this.giveBack(bytes)
    if (stream.closed || stream.remoteEnd) return
    stream.unacknowledgedBytes += bytes
    if (stream.unacknowledgedBytes < this.settings.initialStreamWindowBytes / 2) return
    stream.receiveWindow += stream.unacknowledgedBytes
    this.writer.windowUpdate(stream.id, stream.unacknowledgedBytes)
    stream.unacknowledgedBytes = 0
  }

  giveBack(bytes: number): void {
    this.unacknowledgedBytes += bytes
    if (this.unacknowledgedBytes < this.settings.initialConnectionWindowBytes / 2) return
    this.receiveWindow += this.unacknowledgedBytes
    this.writer.windowUpdate(0, this.unacknowledgedBytes)
    this.unacknowledgedBytes = 0
  }

  // ---- The connection below --------------------------------------------------------------------------------------

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') return
    this.keepalive?.stop()
    this.answeredStreams.stop()
    // The connection manager has told the streams' users. A pool does so by resetAllStreams, now or later.
    if (!this.side.isServer) return
    for (const stream of [...this.streams.values()]) this.abandonStream(stream)
  }

  /** Watermarks come through the codec's owner, which decides on their order. */
  onAboveWriteBufferHighWatermark(): void {}

  onBelowWriteBufferLowWatermark(): void {}

  aboveHighWatermark(): void {
    for (const stream of this.streams.values()) stream.onConnectionAboveHighWatermark()
  }

  belowLowWatermark(): void {
    for (const stream of this.streams.values()) stream.onConnectionBelowLowWatermark()
  }
}

function remoteResetReason(errorCode: number): StreamResetReason {
  if (errorCode === ErrorCode.connectError) return 'connectError'
  return errorCode === ErrorCode.protocolError ? 'protocolError' : 'remoteReset'
}
