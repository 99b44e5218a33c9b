// One exchange of an HTTP/1 client connection: encodes the request.

import { type HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { RequestEncoder, ResponseDecoder, StreamCallbacks, StreamResetReason } from '../codec.ts'
import type { Http1ClientCodec } from './client_codec.ts'
import { headerLines, writtenName } from './head_encoder.ts'
import { isUpgrade } from './request_head.ts'

export class Http1ClientStream implements RequestEncoder {
  #codec: Http1ClientCodec
  readonly decoder: ResponseDecoder
  callbacks: StreamCallbacks | undefined = undefined
  method = ''
  isUpgrade = false
  localComplete = false
  remoteComplete = false
  responseStarted = false
  dead = false
  #chunked = false
  #readDisables = 0
  wireBytesReceived = 0
  wireBytesSent = 0
  headerBytesReceived = 0
  headerBytesSent = 0
  decompressedHeaderBytesReceived = 0
  decompressedHeaderBytesSent = 0

  constructor(codec: Http1ClientCodec, decoder: ResponseDecoder) {
    this.#codec = codec
    this.decoder = decoder
  }

  setCallbacks(callbacks: StreamCallbacks): void {
    this.callbacks = callbacks
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { sendFullyQualifiedUrl } = this.#codec.settings
    this.method = headers.method
    this.isUpgrade = (headers.known & KnownHeader.upgrade) !== 0 && isUpgrade(headers)
    const connect = headers.method === 'CONNECT'
    // The other end's FIN is then for this side to act on: Envoy closes, and counts that as its own doing.
    if (connect) this.#codec.connection.halfCloseEnabled = true
    let target = connect ? headers.authority : headers.path
    if (sendFullyQualifiedUrl && !connect) target = `${headers.scheme}://${headers.authority}${headers.path}`
    const line = `${headers.method} ${target} HTTP/1.1\r\n`
    let head = line
    const properCased = this.#properCased
    head += headerLines(headers, properCased)
    if ((headers.known & KnownHeader.contentLength) === 0 || !headers.has('content-length')) {
      if (endStream) {
        if (!isBodiless(headers.method)) head += `${writtenName('content-length', headers, properCased)}: 0\r\n`
      } else if (!connect && !this.isUpgrade) {
        this.#chunked = true
        head += `${writtenName('transfer-encoding', headers, properCased)}: chunked\r\n`
      }
    }
    head += '\r\n'
    // Envoy counts the header lines alone.
    this.headerBytesSent += head.length - line.length - 2
    this.decompressedHeaderBytesSent = this.headerBytesSent
    this.wireBytesSent += head.length
    this.#codec.connection.write(head)
    if (endStream) this.#endRequest()
  }

  encodeData(data: Buffer, endStream: boolean): void {
    if (this.dead) return
    const connection = this.#codec.connection
    if (data.length > 0) {
      if (this.#chunked) {
        const sizeLine = `${data.length.toString(16)}\r\n`
        connection.write(sizeLine)
        connection.write(data)
        connection.write('\r\n')
        this.wireBytesSent += sizeLine.length + 2
      } else connection.write(data)
      this.wireBytesSent += data.length
    }
    if (!endStream) return
    this.#writeLastChunk('')
    this.#endRequest()
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.dead) return
    this.#writeLastChunk(this.#codec.settings.enableTrailers ? headerLines(trailers, this.#properCased) : '')
    this.#endRequest()
  }

  #writeLastChunk(trailerLines: string): void {
    if (!this.#chunked) return
    const text = `0\r\n${trailerLines}\r\n`
    this.wireBytesSent += text.length
    this.#codec.connection.write(text)
  }

  #endRequest(): void {
    this.localComplete = true
  }

  /** HTTP/1 cannot abandon one exchange: the connection goes with it. The pool hears of it by the close. */
  resetStream(_reason: StreamResetReason): void {
    if (this.dead) return
    this.dead = true
    this.#codec.connection.close('noFlush', 'stream_reset')
  }

  get hasBufferedData(): boolean {
    return this.#codec.connection.bufferedBytes > 0
  }

  get aboveHighWatermark(): boolean {
    return this.#codec.connection.aboveHighWatermark
  }

  /** The exchange goes on over another connection: nothing of it has left on the first. */
  moveTo(codec: Http1ClientCodec): void {
    this.#codec = codec
  }

  get readDisabled(): boolean {
    return this.#readDisables > 0
  }

  readDisable(disable: boolean): void {
    if (!disable && this.#readDisables === 0) return
    this.#readDisables += disable ? 1 : -1
    this.#codec.connection.readDisable(disable)
  }

  releaseReads(): void {
    while (this.#readDisables > 0) this.readDisable(false)
  }

  get #properCased(): boolean {
    return this.#codec.settings.headerKeyFormat === 'properCase'
  }
}

/** Methods whose requests have no body unless they say so: an absent Content-Length then means none. */
function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'TRACE' || method === 'CONNECT'
}
