// HTTP/1 towards backends: one request at a time out, its response in.

import { HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { Connection } from '../../../network/connection.ts'
import type { Protocol } from '../../../stream_info/stream_info.ts'
import { type ClientCodec, CodecProtocolError, isForwardedInterim, type ResponseDecoder } from '../codec.ts'
import { Http1ClientStream } from './client_stream.ts'
import { HeadError, parseContentLength, parseHeaderLines } from './head_parser.ts'
import { Framing, type MessageHandler, MessageParser } from './message_parser.ts'
import { checkTransferEncoding, isUpgrade, wantsClose } from './request_head.ts'
import { type Http1Settings, receivedCase } from './settings.ts'

export class Http1ClientCodec implements ClientCodec, MessageHandler {
  readonly protocol: Protocol = 'HTTP/1.1'
  readonly connection: Connection
  readonly settings: Http1Settings
  readonly #parser: MessageParser
  #stream: Http1ClientStream | undefined = undefined
  #interim = false
  /** The other protocol has the connection: it ends without an end of its own. */
  #raw = false
  /** How the response ended, told once the parser has returned: headers alone, data, or trailers. */
  #end: HeaderMap | 'data' | undefined = undefined
  /** This connection will not take another request. */
  closeAfterResponse = false
  /** The backend has asked for that (`Connection: close`, or HTTP/1.0 without `keep-alive`). */
  peerWantsClose = false
  /** The backend sent more than its response. */
  extraBytes = false
  /** Told when the request is written and its response read: the connection is free again. */
  readonly #onStreamComplete: () => void

  constructor(connection: Connection, settings: Http1Settings, onStreamComplete: () => void) {
    this.connection = connection
    this.settings = settings
    this.#onStreamComplete = onStreamComplete
    this.#parser = new MessageParser(this, settings.maxHeadersBytes, false)
  }

  newStream(decoder: ResponseDecoder): Http1ClientStream {
    this.#stream = new Http1ClientStream(this, decoder)
    return this.#stream
  }

  /** Takes over an exchange of which nothing has left on its own connection. */
  adopt(stream: Http1ClientStream): void {
    stream.moveTo(this)
    this.#stream = stream
  }

  dispatch(data: Buffer): void {
    // Nothing was asked: whatever this is, a request sent now could take it for its answer.
    if (this.#stream === undefined) throw new CodecProtocolError('UNEXPECTED_RESPONSE', 'http1.codec_error')
    this.#stream.wireBytesReceived += data.length
    let consumed: number
    try {
      consumed = this.#parser.execute(data)
    } catch (error) {
      if (!(error instanceof HeadError)) throw error
      throw new CodecProtocolError(error.message, error.details)
    }
    // A backend that sends more than it was asked for: nothing that follows may be taken for another answer.
    if (consumed < data.length) {
      this.extraBytes = true
      this.closeAfterResponse = true
    }
    if (this.#end !== undefined) this.#endResponse()
  }

  /** The backend has closed: completes a response that runs until then; false if one was cut off. */
  onConnectionClosed(): boolean {
    const stream = this.#stream
    if (stream === undefined || !this.#parser.readsUntilClose || this.#raw) return stream === undefined
    this.#parser.finish()
    if (this.#end !== undefined) this.#endResponse()
    return true
  }

  /** Some of a response has come. */
  get responseBegun(): boolean {
    if (this.#raw) return false
    return this.#stream?.responseStarted === true || this.#parser.inHead
  }

  onHead(text: string): number {
    const stream = this.#stream
    if (stream === undefined) throw new HeadError('UNEXPECTED_RESPONSE')
    const headers = new HeaderMap()
    headers.receivedCase = receivedCase(this.settings)
    const lineEnd = parseStatusLine(text, headers, this.settings)
    const headerBytes = parseHeaderLines(text, lineEnd, headers, 'response') || emptyHeadBytes
    stream.headerBytesReceived += headerBytes
    stream.decompressedHeaderBytesReceived += headerBytes
    const status = headers.status
    if (headers.names.length > this.settings.maxHeadersCount) throw new HeadError('TOO_MANY_HEADERS')
    if (status < 200 || status === 204) refuseBody(headers)
    if (status < 200 && status !== 101) {
      // Interim responses have no body and are followed by another head. Those that nobody knows are read over.
      this.#interim = true
      if (isForwardedInterim(status)) stream.decoder.decode1xxHeaders(headers)
      return 0
    }
    this.#interim = false
    const http10 = text.charCodeAt(7) === 0x30
    this.#noteKeepAlive(headers, http10)
    const framing = this.#framing(stream, headers)
    this.#raw = framing === Framing.raw
    if (framing === Framing.untilClose) this.closeAfterResponse = true
    stream.responseStarted = true
    if (framing === 0) {
      this.#parser.paused = true
      stream.remoteComplete = true
      this.#end = headers
    } else stream.decoder.decodeHeaders(headers, false)
    return framing
  }

  onBody(data: Buffer): void {
    const stream = this.#stream
    if (stream === undefined) return
    if (!stream.dead) stream.decoder.decodeData(data, false)
  }

  onComplete(trailerLines: string): void {
    const stream = this.#stream
    if (stream === undefined || this.#interim || stream.remoteComplete) return
    this.#parser.paused = true
    stream.remoteComplete = true
    this.#end = 'data'
    if (trailerLines === '') return
    const trailers = new HeaderMap()
    const headerBytes = parseHeaderLines(trailerLines, 0, trailers, 'trailers')
    if (!this.settings.enableTrailers) return
    stream.headerBytesReceived += headerBytes
    this.#end = trailers
  }

  /** Frees the connection first: whoever hears of the response's end may want it for another request. */
  #endResponse(): void {
    const stream = this.#stream
    const end = this.#end
    this.#end = undefined
    if (stream === undefined || end === undefined) return
    if (!stream.localComplete && this.connection.isOpen) {
      // A response before the request was written: the rest of the request has nowhere to go.
      if (!stream.dead) tellEnd(stream, end)
      this.connection.close('noFlush', 'stream_reset')
      return
    }
    this.#release()
    if (!stream.dead) tellEnd(stream, end)
  }

  #release(): void {
    this.#stream?.releaseReads()
    this.#stream = undefined
    this.#parser.paused = false
    this.#onStreamComplete()
  }

  #noteKeepAlive(headers: HeaderMap, http10: boolean): void {
    if (!http10 && (headers.known & (KnownHeader.connection | KnownHeader.hopByHop)) === 0) return
    if (!wantsClose(headers, http10)) return
    this.peerWantsClose = true
    this.closeAfterResponse = true
  }

  /** RFC 9112 section 6.3, in its order. */
  #framing(stream: Http1ClientStream, headers: HeaderMap): number {
    const status = headers.status
    const hasLength = (headers.known & KnownHeader.contentLength) !== 0
    const hasCoding = (headers.known & KnownHeader.transferEncoding) !== 0
    // Checked also where no body follows: the header is passed on.
    const length = hasLength && !hasCoding ? parseContentLength(headers) : -1
    if (status === 101) {
      if (stream.isUpgrade && isUpgrade(headers)) return Framing.raw
      // Nobody asked for it, or it does not say to what: whatever follows is not HTTP.
      this.closeAfterResponse = true
      return 0
    }
    if (stream.method === 'CONNECT' && status >= 200 && status < 300) return Framing.raw
    if (hasCoding) {
      checkTransferEncoding(headers)
      if (hasLength && !this.settings.allowChunkedLength)
        throw new HeadError('CONTENT_LENGTH_AND_TRANSFER_ENCODING', 'http1.content_length_and_chunked_not_allowed')
      headers.remove('content-length')
    }
    if (stream.method === 'HEAD' || status === 204 || status === 304) return 0
    if (hasCoding) return Framing.chunked
    return hasLength ? length : Framing.untilClose
  }

  onUnderlyingConnectionAboveWriteBufferHighWatermark(): void {
    this.#stream?.callbacks?.onAboveWriteBufferHighWatermark()
  }

  onUnderlyingConnectionBelowWriteBufferLowWatermark(): void {
    this.#stream?.callbacks?.onBelowWriteBufferLowWatermark()
  }
}

const noBytes = Buffer.alloc(0)
/** What Envoy counts of a head without any field. */
const emptyHeadBytes = 3

function tellEnd(stream: Http1ClientStream, end: HeaderMap | 'data'): void {
  if (end === 'data') stream.decoder.decodeData(noBytes, true)
  else if (end.status !== 0) stream.decoder.decodeHeaders(end, true)
  else stream.decoder.decodeTrailers(end)
}

/** RFC 9110 8.6 and RFC 9112 6.1: 1xx and 204 have no body and do not speak of one; a length of 0 is forgiven. */
function refuseBody(headers: HeaderMap): void {
  if ((headers.known & KnownHeader.transferEncoding) !== 0) throw new HeadError('TRANSFER_ENCODING_WITHOUT_BODY')
  if ((headers.known & KnownHeader.contentLength) === 0) return
  if (parseContentLength(headers) > 0) throw new HeadError('CONTENT_LENGTH_WITHOUT_BODY')
  headers.remove('content-length')
}

/** RFC 9112 section 4. */
const reasonCharacters = /^[\t\x20-\x7e\x80-\xff]*$/

/** Reads `HTTP/1.x NNN reason`; the reason may be empty, the space before it absent. */
function parseStatusLine(text: string, headers: HeaderMap, settings: Http1Settings): number {
  const end = text.indexOf('\r\n')
  const version = text.slice(0, 9)
  if (version !== 'HTTP/1.1 ' && version !== 'HTTP/1.0 ') throw new HeadError('INVALID_VERSION')
  const status = Number(text.slice(9, 12))
  const after = text.charCodeAt(12)
  if (!(status >= 100 && status <= 999 && Number.isInteger(status)) || (after !== 0x20 && after !== 0x0d))
    throw new HeadError('INVALID_STATUS_LINE')
  headers.status = status
  if (!reasonCharacters.test(text.slice(12, end))) throw new HeadError('INVALID_REASON')
  if (settings.forwardReasonPhrase) headers.reasonPhrase = text.slice(13, end)
  return end + 2
}
