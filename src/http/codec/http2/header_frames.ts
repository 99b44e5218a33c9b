// HEADERS and CONTINUATION that come in: which stream a header block belongs to, and what it makes of the stream.

import type { HeaderMap } from '../../../common/header_map.ts'
import type { AnsweredStream } from './answered_streams.ts'
import { defaultHeaderTableBytes, ErrorCode, FrameFlag, frameHeaderBytes } from './constants.ts'
import { Http2ConnectionError, Http2FloodError } from './errors.ts'
import { type BlockKind, HeaderBlock } from './header_block.ts'
import { classifyField } from './header_fields.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import { HpackError } from './hpack/hpack_error.ts'
import type { Http2Connection } from './http2_connection.ts'
import type { Http2Stream } from './http2_stream.ts'

/** A header block is held until it is whole: so many times the header limit it may take, and so many frames. */
const heldBlockLimits = 4
const mostContinuations = 64

export class HeaderFrames {
  readonly #http2: Http2Connection
  readonly #block: HeaderBlock
  readonly #decoder: HpackDecoder
  /** Of the block that is being read; undefined where nobody wants it. */
  #blockStream: Http2Stream | undefined = undefined
  /** The same, where its request was answered before it was whole. */
  #blockAnswered: AnsweredStream | undefined = undefined
  #blockKind: BlockKind = 'request'
  #blockEndsStream = false
  #fragments: Buffer[] = []
  #fragmentBytes = 0

  constructor(http2: Http2Connection) {
    this.#http2 = http2
    this.#block = new HeaderBlock(http2.settings, http2.stats)
    this.#decoder = new HpackDecoder(defaultHeaderTableBytes, classifyField)
    if (http2.settings.hpackTableBytes > defaultHeaderTableBytes)
      this.#decoder.setMaxTableSize(http2.settings.hpackTableBytes)
  }

  /** From now on the peer keeps to the table size that we asked for. */
  onSettingsAck(): void {
    this.#decoder.setMaxTableSize(this.#http2.settings.hpackTableBytes)
  }

  onHeaders(flags: number, streamId: number, data: Buffer, start: number, end: number): void {
    const http2 = this.#http2
    if (streamId === 0) throw new Http2ConnectionError('HEADERS on stream 0')
    let from = start
    let to = end
    if ((flags & FrameFlag.padded) !== 0) {
      if (from >= to) throw new Http2ConnectionError('padding without its length')
      to -= data[from++]
    }
    if ((flags & FrameFlag.priority) !== 0) {
      if (to - from < 5) throw new Http2ConnectionError('HEADERS too short for a priority', ErrorCode.frameSizeError)
      checkDependency(streamId, data, from)
      from += 5
    }
    if (from > to) throw new Http2ConnectionError('padding longer than its frame')
    const endStream = (flags & FrameFlag.endStream) !== 0
    this.#blockEndsStream = endStream
    this.#blockStream = this.#streamOfBlock(streamId)
    http2.constraints.onMessageFrame(from === to, endStream, this.#blockStream)
    if (this.#blockStream !== undefined) countHeaderBytes(this.#blockStream, end - start)
    if ((flags & FrameFlag.endHeaders) !== 0) {
      this.#onBlock(data, from, to)
      return
    }
    http2.parser.continuationOf = streamId
    this.#fragments = [Buffer.from(data.subarray(from, to))]
    this.#fragmentBytes = to - from
  }

  onContinuation(flags: number, data: Buffer, start: number, end: number): void {
    const http2 = this.#http2
    const isLast = (flags & FrameFlag.endHeaders) !== 0
    http2.constraints.onMessageFrame(start === end, false, this.#blockStream)
    this.#fragmentBytes += end - start
    const limit = http2.settings.maxHeadersBytes * heldBlockLimits
    const mostFrames = mostContinuations + http2.settings.maxHeadersBytes / 1024
    if (this.#fragmentBytes > limit || this.#fragments.length > mostFrames) {
      http2.stats.headerOverflow.inc()
      throw new Http2FloodError('Header block too long')
    }
    this.#fragments.push(Buffer.from(data.subarray(start, end)))
    if (this.#blockStream !== undefined) countHeaderBytes(this.#blockStream, end - start)
    if (!isLast) return
    const block = Buffer.concat(this.#fragments)
    this.#fragments = []
    http2.parser.continuationOf = 0
    this.#onBlock(block, 0, block.length)
  }

  /** The stream that a block belongs to; undefined where the block is read for the tables' sake only. */
  #streamOfBlock(streamId: number): Http2Stream | undefined {
    const http2 = this.#http2
    const stream = http2.streams.get(streamId)
    this.#blockAnswered = undefined
    if (stream !== undefined) {
      if (stream.remoteEnd) {
        http2.blame(streamId)
        throw new Http2ConnectionError('HEADERS behind the end of its stream', ErrorCode.streamClosed)
      }
      this.#blockKind = stream.headReceived ? 'trailers' : 'response'
      if (stream.headReceived && http2.side.isServer) http2.stats.trailers.inc()
      return stream
    }
    this.#blockAnswered = http2.answeredStreams.get(streamId)
    if (this.#blockAnswered !== undefined) {
      this.#blockKind = 'trailers'
      return undefined
    }
    if (http2.closedStreams.wasReset(streamId)) return undefined
    if (http2.closedStreams.wasOpen(streamId)) {
      // A backend that says too much is not worth the other streams of its connection.
      if (!http2.side.isServer) return undefined
      throw new Http2ConnectionError('HEADERS on a closed stream', ErrorCode.streamClosed)
    }
    const isNew = http2.side.isServer && (streamId & 1) === 1 && streamId > http2.lastPeerStreamId
    if (!isNew) throw new Http2ConnectionError('HEADERS on a stream that may not begin')
    if (streamId > http2.goAwayLimit) return undefined
    http2.lastPeerStreamId = streamId
    if (http2.streams.size >= http2.settings.maxConcurrentStreams) {
      this.#refuseStream(streamId)
      return undefined
    }
    this.#blockKind = 'request'
    return http2.side.acceptStream(streamId)
  }

  /** One more than our SETTINGS allow: forgiven while the peer may not have read them. */
  #refuseStream(streamId: number): void {
    const http2 = this.#http2
    if (http2.unacknowledgedSettings === 0) throw new Http2ConnectionError('too many concurrent streams')
    http2.stats.streamRefusedErrors.inc()
    http2.stats.txReset.inc()
    http2.writer.rstStream(streamId, ErrorCode.refusedStream)
    http2.closedStreams.addReset(streamId)
  }

  #onBlock(data: Buffer, start: number, end: number): void {
    const block = this.#block
    const stream = this.#blockStream
    const answered = this.#blockAnswered
    block.begin(this.#blockKind, answered === undefined && (stream === undefined || stream.closed))
    try {
      this.#decoder.decode(data, block.add, start, end)
    } catch (error) {
      if (!(error instanceof HpackError)) throw error
      throw new Http2ConnectionError(error.message, ErrorCode.compressionError)
    }
    const headers = block.finish()
    if (answered !== undefined)
      this.#http2.answeredStreams.onTrailers(answered, block.error === '' && this.#blockEndsStream)
    if (stream === undefined || stream.closed) return
    stream.decompressedHeaderBytesReceived += block.bytes
    if (block.error !== '') this.#onBadBlock(stream)
    else if (block.kind === 'trailers') this.#onTrailers(stream, headers)
    else this.#onHead(stream, headers)
  }

  #onBadBlock(stream: Http2Stream): void {
    const http2 = this.#http2
    const { error } = this.#block
    if (error === 'header' || error === 'messaging') {
      this.#http2.breakMessage(stream, error)
      return
    }
    let details = 'http2.unexpected_underscore'
    if (error === 'tooMany') {
      http2.stats.headerOverflow.inc()
      details = 'http2.too_many_headers'
    } else if (error === 'tooLarge') {
      http2.stats.headerListSizeTooLarge.inc()
      details = 'http2.header_list_size_too_large'
    }
    http2.failStream(stream, ErrorCode.internalError, 'remoteReset', details)
  }

  #onHead(stream: Http2Stream, headers: HeaderMap): void {
    const { contentLength } = this.#block
    const endStream = this.#blockEndsStream
    const { status } = headers
    if (contentLength > 0 && (status === 204 || (status >= 100 && status < 200))) {
      this.#http2.breakMessage(stream, 'header')
      return
    }
    if (status >= 100 && status < 200) {
      if (endStream) this.#http2.breakMessage(stream, 'messaging')
      else this.#http2.side.onHead(stream, headers, false)
      return
    }
    if (hasNoBody(stream, status)) stream.bodyLeft = 0
    else if (contentLength >= 0 && stream.method !== 'CONNECT') {
      if (endStream && contentLength > 0) {
        this.#http2.breakMessage(stream, 'messaging')
        return
      }
      stream.bodyLeft = contentLength
    }
    stream.headReceived = true
    stream.remoteEnd = endStream
    this.#http2.side.onHead(stream, headers, endStream)
    if (endStream) this.#http2.closeIfDone(stream)
  }

  #onTrailers(stream: Http2Stream, trailers: HeaderMap): void {
    const http2 = this.#http2
    if (!this.#blockEndsStream) {
      http2.breakMessage(stream, 'messaging')
      return
    }
    const { contentLength } = this.#block
    if (stream.bodyLeft > 0 || (contentLength >= 0 && stream.bodyLeft !== -1 - contentLength)) {
      // A length that stands in the trailers must be the body's, and the only one.
      http2.breakMessage(stream, contentLength >= 0 && stream.bodyLeft >= 0 ? 'header' : 'messaging')
      return
    }
    stream.remoteEnd = true
    const decoder = stream.requestDecoder ?? stream.responseDecoder
    if (stream.deferredReset === undefined) decoder?.decodeTrailers(trailers)
    http2.closeIfDone(stream)
  }
}

/** RFC 7540 5.3.1: no stream depends on itself. Priorities mean nothing else here. */
export function checkDependency(streamId: number, data: Buffer, start: number): void {
  if ((data.readUInt32BE(start) & 0x7fffffff) === streamId)
    throw new Http2ConnectionError('a stream that depends on itself')
}

function countHeaderBytes(stream: Http2Stream, length: number): void {
  stream.wireBytesReceived += length + frameHeaderBytes
  stream.headerBytesReceived += length + frameHeaderBytes
}

/** Responses that never have one, whatever length they state (RFC 9110 6.4.1); `status` is 0 for a request. */
function hasNoBody(stream: Http2Stream, status: number): boolean {
  return status !== 0 && (status === 204 || status === 304 || stream.method === 'HEAD')
}
