// One exchange of an HTTP/1 server connection: encodes the response and knows when both directions are done.

import { type HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { ResponseEncoder, StreamCallbacks, StreamResetReason } from '../codec.ts'
import { headerLines, statusLine, writtenName } from './head_encoder.ts'
import { Framing } from './message_parser.ts'
import type { Http1ServerCodec } from './server_codec.ts'

export class Http1ServerStream implements ResponseEncoder {
  readonly #codec: Http1ServerCodec
  readonly #method: string
  readonly details = ''
  callbacks: StreamCallbacks | undefined = undefined
  /** How the request's body is framed. */
  framing = 0
  /** The request has been read to its end. */
  remoteComplete = false
  /** The response has been written to its end. */
  localComplete = false
  responseStarted = false
  /** Nobody listens to the request any more (it was answered or reset): the rest of its body is read over. */
  detached = false
  #chunked = false
  /** The response has no body whatever its headers say: HEAD, 204, 304. */
  #bodiless = false
  #readDisables = 0
  wireBytesReceived = 0
  wireBytesSent = 0
  headerBytesReceived = 0
  headerBytesSent = 0
  decompressedHeaderBytesReceived = 0
  decompressedHeaderBytesSent = 0

  constructor(codec: Http1ServerCodec, method: string) {
    this.#codec = codec
    this.#method = method
  }

  setCallbacks(callbacks: StreamCallbacks): void {
    this.callbacks = callbacks
  }

  setFlushTimeout(): void {}

  encode1xxHeaders(headers: HeaderMap): void {
    this.#writeHead(this.#statusLine(headers), this.#lines(headers))
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const status = headers.status
    this.responseStarted = true
    this.#bodiless = this.#method === 'HEAD' || status === 204 || status === 304
    if (status === 204) headers.remove('content-length')
    this.#writeHead(this.#statusLine(headers), this.#lines(headers) + this.#framingLine(headers, endStream))
    if (endStream) this.#endResponse()
  }

  /** An HTTP/1.0 client is answered in its version; one that is refused for it, in ours. */
  #statusLine(headers: HeaderMap): string {
    const line = statusLine(headers.status, headers.reasonPhrase)
    if (this.#codec.protocol !== 'HTTP/1.0' || headers.status === 426) return line
    return line.replace('HTTP/1.1', 'HTTP/1.0')
  }

  /** The header that frames the body, where the response has none yet (RFC 9112 section 6). */
  #framingLine(headers: HeaderMap, endStream: boolean): string {
    const status = headers.status
    const hasLength = (headers.known & KnownHeader.contentLength) !== 0 && headers.has('content-length')
    const switched = status === 101 || (this.#method === 'CONNECT' && status >= 200 && status < 300)
    if (hasLength || switched || status === 204 || status === 304) return ''
    if (endStream && this.#method !== 'HEAD') return this.#line(headers, 'content-length', '0')
    // Towards HTTP/1.0 the body runs until the connection closes, which the connection manager sees to.
    if (this.#codec.protocol === 'HTTP/1.0') return ''
    this.#chunked = true
    return this.#line(headers, 'transfer-encoding', 'chunked')
  }

  encodeData(data: Buffer, endStream: boolean): void {
    if (!this.#bodiless && data.length > 0) {
      const connection = this.#codec.connection
      if (this.#chunked) {
        const sizeLine = `${data.length.toString(16)}\r\n`
        connection.write(sizeLine)
        connection.write(data)
        connection.write('\r\n')
        this.wireBytesSent += sizeLine.length + 2
      } else connection.write(data)
      this.wireBytesSent += data.length
    }
    if (endStream) {
      this.#writeLastChunk('')
      this.#endResponse()
    }
  }

  encodeTrailers(trailers: HeaderMap): void {
    this.#writeLastChunk(this.#codec.settings.enableTrailers ? this.#lines(trailers) : '')
    this.#endResponse()
  }

  #writeLastChunk(trailerLines: string): void {
    if (!this.#chunked || this.#bodiless) return
    const text = `0\r\n${trailerLines}\r\n`
    this.wireBytesSent += text.length
    this.#codec.connection.write(text)
  }

  #endResponse(): void {
    this.localComplete = true
    this.maybeComplete()
  }

  /** Frees the codec for the next request once the request is read and the response written. */
  maybeComplete(): void {
    if (!this.localComplete || !this.remoteComplete || this.framing === Framing.raw) return
    if (this.#codec.stream === this) this.#codec.onStreamComplete()
  }

  resetStream(reason: StreamResetReason): void {
    if (this.detached) return
    this.detached = true
    this.callbacks?.onResetStream(reason, '')
  }

  get hasBufferedData(): boolean {
    return this.#codec.connection.bufferedBytes > 0
  }

  get aboveHighWatermark(): boolean {
    return this.#codec.connection.aboveHighWatermark
  }

  readDisable(disable: boolean): void {
    if (!disable && this.#readDisables === 0) return
    this.#readDisables += disable ? 1 : -1
    this.#codec.connection.readDisable(disable)
  }

  /** The exchange is over: the connection reads on, whoever still wanted it stopped. */
  releaseReads(): void {
    while (this.#readDisables > 0) this.readDisable(false)
  }

  #lines(headers: HeaderMap): string {
    return headerLines(headers, this.#codec.settings.headerKeyFormat === 'properCase')
  }

  #line(headers: HeaderMap, name: string, value: string): string {
    const properCased = this.#codec.settings.headerKeyFormat === 'properCase'
    return `${writtenName(name, headers, properCased)}: ${value}\r\n`
  }

  #writeHead(line: string, headerLines: string): void {
    // Envoy counts the header lines alone.
    this.headerBytesSent += headerLines.length
    this.decompressedHeaderBytesSent = this.headerBytesSent
    this.wireBytesSent += line.length + headerLines.length + 2
    this.#codec.connection.write(`${line}${headerLines}\r\n`)
  }
}
