// Acts on the frames that come in (RFC 9113 section 6), up to the streams' users.

import type { DataReceiver } from '../codec.ts'
import { ErrorCode, FrameFlag, FrameType, frameHeaderBytes } from './constants.ts'
import { Http2ConnectionError } from './errors.ts'
import type { FrameHandler } from './frame_parser.ts'
import { checkDependency, HeaderFrames } from './header_frames.ts'
import type { Http2Connection } from './http2_connection.ts'
import type { Http2Stream } from './http2_stream.ts'

export class FrameReader implements FrameHandler {
  readonly #http2: Http2Connection
  readonly #headers: HeaderFrames
  /** Of the DATA frame that is being read; undefined where nobody wants its data. */
  #dataStream: Http2Stream | undefined = undefined
  #dataEndsStream = false
  constructor(http2: Http2Connection) {
    this.#http2 = http2
    this.#headers = new HeaderFrames(http2)
  }

  get readsFrames(): boolean {
    return this.#http2.connection.isOpen && this.#http2.constraints.violation === undefined
  }

  onFrame(type: number, flags: number, streamId: number, data: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.headers:
        this.#headers.onHeaders(flags, streamId, data, start, end)
        break
      case FrameType.continuation:
        this.#headers.onContinuation(flags, data, start, end)
        break
      case FrameType.rstStream:
        this.#onRstStream(streamId, data, start, end)
        break
      case FrameType.windowUpdate:
        this.#onWindowUpdate(streamId, data, start, end)
        break
      case FrameType.settings:
        this.#onSettings(flags, streamId, data, start, end)
        break
      case FrameType.ping:
        this.#onPing(flags, streamId, data, start, end)
        break
      case FrameType.priority:
        this.#onPriority(streamId, data, start, end)
        break
      case FrameType.goAway:
        this.#onGoAway(streamId, data, start, end)
        break
      case FrameType.pushPromise:
        this.#http2.blame(streamId)
        throw new Http2ConnectionError('PUSH_PROMISE is not allowed')
      case FrameType.metadata:
        if (start === end && this.#http2.settings.allowMetadata) this.#http2.stats.metadataEmptyFrames.inc()
        break
    }
  }

  // ---- DATA ------------------------------------------------------------------------------------------------------

  onDataBegin(flags: number, streamId: number, length: number, dataLength: number): void {
    const http2 = this.#http2
    const endsStream = (flags & FrameFlag.endStream) !== 0
    if (streamId === 0) throw new Http2ConnectionError('DATA on stream 0')
    http2.receiveWindow -= length
    if (http2.receiveWindow < 0)
      throw new Http2ConnectionError('more DATA than the connection window has', ErrorCode.flowControlError)
    const stream = http2.streams.get(streamId)
    http2.constraints.onMessageFrame(dataLength === 0, endsStream, stream)
    this.#dataStream = stream
    this.#dataEndsStream = endsStream
    if (stream === undefined) {
      const answered = http2.answeredStreams.get(streamId)
      if (answered === undefined) this.#refuseData(streamId)
      else http2.answeredStreams.onData(answered, length, dataLength, endsStream)
      if (length > dataLength) http2.giveBack(length - dataLength)
      return
    }
    if (stream.remoteEnd) throw new Http2ConnectionError('DATA: stream in half-closed(remote)', ErrorCode.streamClosed)
    stream.receiveWindow -= length
    if (stream.receiveWindow < 0)
      throw new Http2ConnectionError('more DATA than the stream window has', ErrorCode.flowControlError)
    stream.wireBytesReceived += length + frameHeaderBytes
    if (length > dataLength) http2.onBytesUsed(stream, length - dataLength)
    if (!stream.headReceived) this.#refuseEarlyData(stream)
    else if (stream.bodyLeft >= 0) {
      stream.bodyLeft -= dataLength
      if (stream.bodyLeft < 0 || (endsStream && stream.bodyLeft > 0)) http2.breakBody(stream)
    } else stream.bodyLeft -= dataLength
  }

  /** A backend's body without a head, or behind one that only announces another. */
  #refuseEarlyData(stream: Http2Stream): void {
    if (stream.headerBytesReceived === 0) throw new Http2ConnectionError('DATA: stream not opened')
    this.#http2.breakBody(stream)
  }

  /** A stream that we do not have: one of before, or one that never was. */
  #refuseData(streamId: number): void {
    const http2 = this.#http2
    this.#refuseIdle(streamId, 'DATA')
    if (!http2.side.isServer || http2.closedStreams.wasReset(streamId) || streamId > http2.goAwayLimit) return
    http2.stats.txReset.inc()
    http2.writer.rstStream(streamId, ErrorCode.streamClosed)
    http2.closedStreams.addReset(streamId)
  }

  onDataChunk(chunk: Buffer, isLast: boolean): void {
    const http2 = this.#http2
    const stream = this.#dataStream
    if (stream === undefined || stream.closed) {
      if (chunk.length > 0) http2.giveBack(chunk.length)
      if (stream !== undefined && isLast && this.#dataEndsStream) http2.answeredStreams.onEnd(stream.id)
      return
    }
    const endStream = isLast && this.#dataEndsStream
    if (endStream) stream.remoteEnd = true
    else if (chunk.length === 0) return
    const decoder = stream.requestDecoder ?? stream.responseDecoder
    if (decoder !== undefined && stream.deferredReset === undefined) {
      if (chunk.length > 0) this.#noteReading(decoder)
      decoder.decodeData(chunk, endStream)
    }
    if (chunk.length > 0) {
      if (stream.readEnabled || stream.closed) http2.onBytesUsed(stream, chunk.length)
      else stream.heldBytes += chunk.length
    }
    if (endStream) http2.closeIfDone(stream)
  }

  #noteReading(decoder: DataReceiver): void {
    const { reading } = this.#http2
    if (reading[reading.length - 1] !== decoder) reading.push(decoder)
  }

  // ---- The other frames of a stream ------------------------------------------------------------------------------

  #onRstStream(streamId: number, data: Buffer, start: number, end: number): void {
    const http2 = this.#http2
    if (end - start !== 4) throw new Http2ConnectionError('RST_STREAM of a wrong length', ErrorCode.frameSizeError)
    const stream = http2.streams.get(streamId)
    if (stream === undefined) {
      this.#refuseIdle(streamId, 'RST_STREAM')
      http2.answeredStreams.onEnd(streamId)
      return
    }
    http2.stats.rxReset.inc()
    stream.wireBytesReceived += end - start + frameHeaderBytes
    http2.endStreamByPeer(stream, data.readUInt32BE(start))
    http2.constraints.onRstStreamFrame()
  }

  #onWindowUpdate(streamId: number, data: Buffer, start: number, end: number): void {
    const http2 = this.#http2
    if (end - start !== 4) throw new Http2ConnectionError('WINDOW_UPDATE of a wrong length', ErrorCode.frameSizeError)
    http2.constraints.onWindowUpdateFrame()
    const increment = data.readUInt32BE(start) & 0x7fffffff
    if (increment === 0) {
      http2.blame(streamId)
      throw new Http2ConnectionError('WINDOW_UPDATE by nothing')
    }
    if (streamId === 0) {
      http2.widenSendWindow(increment)
      return
    }
    const stream = http2.streams.get(streamId)
    if (stream === undefined) {
      this.#refuseIdle(streamId, 'WINDOW_UPDATE')
      const answered = http2.answeredStreams.get(streamId)
      if (answered !== undefined) http2.answeredStreams.onWindowUpdate(answered, increment)
      return
    }
    if (stream.widenSendWindow(increment)) while (stream.sendQueued());
    else http2.failStream(stream, ErrorCode.flowControlError, 'localReset', 'http2.flow_control')
  }

  #onPriority(streamId: number, data: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new Http2ConnectionError('PRIORITY on stream 0')
    if (end - start !== 5) throw new Http2ConnectionError('PRIORITY of a wrong length', ErrorCode.frameSizeError)
    checkDependency(streamId, data, start)
    this.#http2.constraints.onPriorityFrame()
  }

  /** RFC 9113 5.1: nothing but HEADERS and PRIORITY comes on a stream that has not begun. */
  #refuseIdle(streamId: number, frame: string): void {
    const http2 = this.#http2
    const isOwn = (streamId & 1) === (http2.side.isServer ? 0 : 1)
    const begun = isOwn ? streamId < http2.nextStreamId : streamId <= http2.lastPeerStreamId
    if (streamId === 0 || (!begun && streamId <= http2.goAwayLimit))
      throw new Http2ConnectionError(`${frame} on an idle stream`)
  }

  // ---- The frames of the connection ------------------------------------------------------------------------------

  #onSettings(flags: number, streamId: number, data: Buffer, start: number, end: number): void {
    const http2 = this.#http2
    if (streamId !== 0) throw new Http2ConnectionError('SETTINGS on a stream')
    if ((flags & FrameFlag.ack) !== 0) {
      if (start !== end) throw new Http2ConnectionError('an acknowledgement with SETTINGS', ErrorCode.frameSizeError)
      this.#onSettingsAck()
      return
    }
    const { peer } = http2
    const before = peer.initialWindowBytes
    peer.read(data, start, end, !http2.side.isServer)
    http2.encoder.setMaxTableSize(peer.headerTableBytes)
    http2.writer.maxFrameBytes = peer.maxFrameBytes
    http2.writer.settingsAck()
    http2.moveSendWindows(peer.initialWindowBytes - before)
    http2.side.onPeerSettings()
  }

  #onSettingsAck(): void {
    const http2 = this.#http2
    if (http2.unacknowledgedSettings === 0)
      throw new Http2ConnectionError('an acknowledgement of SETTINGS that were not sent')
    http2.unacknowledgedSettings--
    this.#headers.onSettingsAck()
  }

  #onPing(flags: number, streamId: number, data: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new Http2ConnectionError('PING on a stream')
    if (end - start !== 8) throw new Http2ConnectionError('PING of a wrong length', ErrorCode.frameSizeError)
    if ((flags & FrameFlag.ack) !== 0) this.#http2.keepalive?.onPingAck()
    else this.#http2.writer.ping(data, start, true)
  }

  #onGoAway(streamId: number, data: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new Http2ConnectionError('GOAWAY on a stream')
    if (end - start < 8) throw new Http2ConnectionError('GOAWAY of a wrong length', ErrorCode.frameSizeError)
    this.#http2.side.onGoAway(data.readUInt32BE(start) & 0x7fffffff, data.readUInt32BE(start + 4))
  }
}
