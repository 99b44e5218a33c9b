// The request of a transcoded stream: its head, its body and what its URL binds become gRPC messages.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { EncodeError } from '../../../../config/dynamic/json_encoder.ts'
import { JsonSyntaxError } from '../../../../config/dynamic/json_scanner.ts'
import type { StreamDecoderFilterCallbacks } from '../../../../http/http_filter.ts'
import type { Gauge } from '../../../../stats/store.ts'
import { grpcFrame } from './grpc_frames.ts'
import { encodeHttpBody } from './http_body.ts'
import { encodeBindings, type RequestTranslation, RequestTranslator } from './request_translator.ts'
import type { TranscodedMethod } from './settings.ts'
import { failed, failedEarly, noData, type TranscodedStream } from './transcoded_stream.ts'

/** HttpBody requests of streaming methods are cut into messages that servers take (4 MiB is gRPC's usual limit). */
const maxPieceBytes = 1024 * 1024

export class RequestSide {
  readonly #stream: TranscodedStream
  readonly #decoder: StreamDecoderFilterCallbacks
  readonly #bufferBytes: Gauge
  /** Undefined where the request is an HttpBody. */
  readonly #request: RequestTranslator | undefined

  // An HttpBody request: what the URL has bound, and the body as far as it has come.
  #boundFields: Buffer = noData
  #contentType = ''
  #body: Buffer[] = []
  #bodyBytes = 0
  #hasSentBody = false
  /** JSON that has come since the last complete message. */
  #waitingBytes = 0
  #held = 0

  constructor(stream: TranscodedStream, decoder: StreamDecoderFilterCallbacks, bufferBytes: Gauge) {
    this.#stream = stream
    this.#decoder = decoder
    this.#bufferBytes = bufferBytes
    const isHttpBody = stream.matched.method.requestIsHttpBody
    this.#request = isHttpBody ? undefined : new RequestTranslator(requestTranslation(stream))
  }

  /** False where the request was refused. */
  headers(headers: HeaderMap, endStream: boolean): boolean {
    const { settings, matched } = this.#stream
    if (this.#request === undefined) {
      this.#contentType = headers.get('content-type') ?? ''
      if (!this.#guard(failed, () => this.#bindHttpBody())) return false
    }
    rewriteHeaders(headers, matched.method)
    if (!settings.matchIncomingRequestRoute) this.#decoder.clearRouteCache()
    if (!endStream) return true
    return this.#guard(failedEarly, () => {
      const message = this.#end()
      if (message.length > 0) this.#decoder.addDecodedData(message)
    })
  }

  #bindHttpBody(): void {
    this.#boundFields = encodeBindings(requestTranslation(this.#stream))
  }

  data(data: Buffer, endStream: boolean): void {
    if (this.#request === undefined) this.#httpBodyData(data, endStream)
    else this.#jsonData(this.#request, data, endStream)
  }

  #jsonData(request: RequestTranslator, data: Buffer, endStream: boolean): void {
    this.#waitingBytes += data.length
    if (this.#limitReached(this.#waitingBytes)) return
    let out = noData
    const isAlive = this.#guard(failed, () => {
      const messages = request.write(data)
      out = Buffer.concat(endStream ? [...messages, ...request.end()] : messages)
    })
    // The refused stream is over: nothing may be counted for it any more.
    if (!isAlive) return
    if (out.length > 0) this.#waitingBytes = 0
    this.#hold(this.#waitingBytes)
    if (out.length > 0 || endStream) this.#decoder.injectDecodedDataToFilterChain(out, endStream)
  }

  #httpBodyData(data: Buffer, endStream: boolean): void {
    this.#body.push(data)
    this.#bodyBytes += data.length
    if (!this.#stream.matched.method.descriptor.clientStreaming) {
      this.#hold(this.#bodyBytes)
      if (this.#limitReached(this.#bodyBytes) || !endStream) return
      this.#decoder.injectDecodedDataToFilterChain(this.#httpBodyMessage(), true)
      return
    }
    const all = Buffer.concat(this.#body)
    const pieces: Buffer[] = []
    for (let at = 0; at < all.length || !this.#hasSentBody; at += maxPieceBytes) {
      this.#body = [all.subarray(at, at + maxPieceBytes)]
      pieces.push(this.#httpBodyMessage())
    }
    if (pieces.length > 0 || endStream) this.#decoder.injectDecodedDataToFilterChain(Buffer.concat(pieces), endStream)
  }

  /** The message of the body that has come. The first one has the content type and what the URL binds. */
  #httpBodyMessage(): Buffer {
    const { method, unknownParams } = this.#stream.matched
    const body = Buffer.concat(this.#body)
    const envelope = encodeHttpBody(method.requestBodyFields, this.#contentType, body, unknownParams)
    const message = grpcFrame(this.#boundFields, envelope)
    this.#boundFields = noData
    this.#contentType = ''
    this.#body = []
    this.#bodyBytes = 0
    this.#hasSentBody = true
    this.#hold(0)
    return message
  }

  trailers(): void {
    this.#guard(failed, () => {
      const message = this.#end()
      if (message.length > 0) this.#decoder.injectDecodedDataToFilterChain(message, false)
    })
  }

  /** What is left to send when the request is complete. */
  #end(): Buffer {
    if (this.#request !== undefined) return Buffer.concat(this.#request.end())
    return this.#hasSentBody && this.#bodyBytes === 0 ? noData : this.#httpBodyMessage()
  }

  /** False where the request was refused. */
  #guard(details: string, translate: () => void): boolean {
    try {
      translate()
      return true
    } catch (error) {
      if (!(error instanceof JsonSyntaxError || error instanceof EncodeError)) throw error
      this.#stream.failed = true
      this.#decoder.sendLocalReply({ status: 400, body: error.message, details: `${details}{INVALID_ARGUMENT}` })
      return false
    }
  }

  #limitReached(bytes: number): boolean {
    const limit = this.#stream.settings.maxRequestBodySize ?? this.#decoder.decoderBufferLimit()
    if (bytes <= limit) return false
    this.#stream.failed = true
    this.#decoder.sendLocalReply({
      status: 413,
      body: "Request rejected because the transcoder's internal buffer size exceeds the configured limit.",
      details: `${failed}{request_buffer_size_limit_reached}`,
    })
    return true
  }

  #hold(bytes: number): void {
    if (bytes !== this.#held) this.#bufferBytes.add(bytes - this.#held)
    this.#held = bytes
  }

  destroy(): void {
    this.#hold(0)
  }
}

function requestTranslation({ settings, matched: { method, bindings } }: TranscodedStream): RequestTranslation {
  return {
    pool: settings.pool,
    message: method.descriptor.input,
    isStreaming: method.descriptor.clientStreaming,
    bodyPath: method.bodyPath,
    bindings,
    caseInsensitiveEnums: settings.caseInsensitiveEnums,
    rejectCollisions: settings.rejectCollisions,
  }
}

/** The request as gRPC wants it. */
function rewriteHeaders(headers: HeaderMap, method: TranscodedMethod): void {
  headers.remove('content-length')
  headers.set('content-type', 'application/grpc')
  headers.set('x-envoy-original-path', headers.path)
  headers.add('x-envoy-original-method', headers.method)
  headers.path = method.grpcPath
  headers.method = 'POST'
  headers.set('te', 'trailers')
}
