// One exchange of an HTTP/1 client connection: encodes the request.

import { type HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { RequestEncoder, ResponseDecoder, StreamCallbacks, StreamResetReason } from '../codec.ts'
import type { Http1ClientCodec } from './client_codec.ts'
import { headerLines, properCase } from './head_encoder.ts'
import { isUpgradeRequest } from './request_head.ts'

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

  constructor(codec: Http1ClientCodec, decoder: ResponseDecoder) {
    this.#codec = codec
    this.decoder = decoder
  }

  setCallbacks(callbacks: StreamCallbacks): void {
    this.callbacks = callbacks
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { headerKeyFormat, properCaseForAdded, sendFullyQualifiedUrl } = this.#codec.settings
    this.method = headers.method
    this.isUpgrade = (headers.known & KnownHeader.upgrade) !== 0 && isUpgradeRequest(headers)
    const connect = headers.method === 'CONNECT'
    let target = connect ? headers.authority : headers.path
    if (sendFullyQualifiedUrl && !connect) target = `${headers.scheme}://${headers.authority}${headers.path}`
    let head = `${headers.method} ${target} HTTP/1.1\r\n`
    head += headerLines(headers, headerKeyFormat, properCaseForAdded)
    if ((headers.known & KnownHeader.contentLength) === 0 || !headers.has('content-length')) {
      if (endStream) {
        if (!isBodiless(headers.method)) head += `${this.#name('content-length')}: 0\r\n`
      } else if (!connect && !this.isUpgrade) {
        this.#chunked = true
        head += `${this.#name('transfer-encoding')}: chunked\r\n`
      }
    }
    head += '\r\n'
    // Envoy counts the header lines alone.
    this.headerBytesSent += head.length - head.indexOf('\n') - 3
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
    const { enableTrailers, headerKeyFormat, properCaseForAdded } = this.#codec.settings
    this.#writeLastChunk(enableTrailers ? headerLines(trailers, headerKeyFormat, properCaseForAdded) : '')
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

  #name(name: string): string {
    const { headerKeyFormat, properCaseForAdded } = this.#codec.settings
    const proper = headerKeyFormat === 'properCase' || (headerKeyFormat === 'preserveCase' && properCaseForAdded)
    return proper ? properCase(name) : name
  }
}

/** Methods whose requests have no body unless they say so: an absent Content-Length then means none. */
function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'TRACE' || method === 'CONNECT'
}
