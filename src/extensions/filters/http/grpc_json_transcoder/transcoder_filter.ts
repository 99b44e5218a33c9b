// Lets clients of HTTP and JSON call gRPC services: requests become gRPC messages, responses become JSON.

import { type HeaderMap, KnownHeader } from '../../../../common/header_map.ts'
import { EncodeError } from '../../../../config/dynamic/json_encoder.ts'
import { JsonSyntaxError } from '../../../../config/dynamic/json_scanner.ts'
import { PrintError } from '../../../../config/dynamic/well_known_text.ts'
import { WireError } from '../../../../config/dynamic/wire_message.ts'
import { httpStatusOfGrpc, isGrpcContentType, isGrpcRequest } from '../../../../http/grpc_status.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
  type StreamEncoderFilter,
  type StreamEncoderFilterCallbacks,
} from '../../../../http/http_filter.ts'
import type { Gauge } from '../../../../stats/store.ts'
import { GrpcFrameError, GrpcFrameReader, grpcFrame } from './grpc_frames.ts'
import { decodeHttpBody, encodeHttpBody } from './http_body.ts'
import { lookUpMethod, type MatchedMethod, type NoMethod } from './method_lookup.ts'
import { encodeBindings, type RequestTranslation, RequestTranslator } from './request_translator.ts'
import { ResponseTranslator } from './response_translator.ts'
import type { TranscodedMethod, TranscoderSettings } from './settings.ts'
import { statusJson } from './status_json.ts'

export interface TranscoderStats {
  readonly requestBufferBytes: Gauge
  readonly responseBufferBytes: Gauge
}

const failed = 'grpc_json_transcode_failure'
const failedEarly = `early_${failed}`
/** HttpBody requests of streaming methods are cut into messages that servers take (4 MiB is gRPC's usual limit). */
const maxPieceBytes = 1024 * 1024
const noData: Buffer = Buffer.alloc(0)

export class TranscoderFilter implements StreamDecoderFilter, StreamEncoderFilter {
  readonly #defaults: TranscoderSettings | 'disabled'
  readonly #stats: TranscoderStats
  #settings: TranscoderSettings | undefined = undefined
  #decoder!: StreamDecoderFilterCallbacks
  #encoder!: StreamEncoderFilterCallbacks
  /** Undefined for requests that pass as they are. */
  #matched: MatchedMethod | undefined = undefined
  #request: RequestTranslator | undefined = undefined
  #response: ResponseTranslator | undefined = undefined
  /** The response is not (or no longer) transcoded. */
  #failed = false

  // An HttpBody request: what the URL has bound, and the body as far as it has come.
  #boundFields: Buffer = noData
  #contentType = ''
  #body: Buffer[] = []
  #bodyBytes = 0
  #hasSentBody = false

  #responseHeaders: HeaderMap | undefined = undefined
  #responseFrames: GrpcFrameReader | undefined = undefined
  /** What waits for the end of a response that is not streamed. */
  #pending: Buffer[] = []
  #pendingBytes = 0
  #hasBody = false
  #contentTypeKnown = false
  #requestHeld = 0
  #responseHeld = 0

  constructor(defaults: TranscoderSettings | 'disabled', stats: TranscoderStats) {
    this.#defaults = defaults
    this.#stats = stats
  }

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.#decoder = callbacks
  }

  setEncoderFilterCallbacks(callbacks: StreamEncoderFilterCallbacks): void {
    this.#encoder = callbacks
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    const settings = (this.#decoder.perFilterConfig() as TranscoderSettings | 'disabled' | undefined) ?? this.#defaults
    if (settings === 'disabled' || isGrpcRequest(headers)) return FilterHeadersStatus.Continue
    const found = lookUpMethod(settings, headers)
    if ('code' in found) return this.#withoutMethod(settings, found)
    this.#settings = settings
    this.#matched = found
    this.#expandBufferLimits(settings)
    const { method } = found
    const translation = this.#requestTranslation(settings, found)
    if (method.requestIsHttpBody) {
      this.#contentType = headers.get('content-type') ?? ''
      if (!this.#guardRequest(failed, () => this.#bindHttpBody(translation))) return FilterHeadersStatus.StopIteration
    } else this.#request = new RequestTranslator(translation)
    rewriteHeaders(headers, method)
    if (!settings.matchIncomingRequestRoute) this.#decoder.clearRouteCache()
    if (!endStream) return FilterHeadersStatus.Continue
    const isAlive = this.#guardRequest(failedEarly, () => {
      const message = this.#endRequest()
      if (message.length > 0) this.#decoder.addDecodedData(message)
    })
    return isAlive ? FilterHeadersStatus.Continue : FilterHeadersStatus.StopIteration
  }

  /** A request that means no method passes, where it is not to be refused. */
  #withoutMethod(settings: TranscoderSettings, { code, message }: NoMethod): FilterHeadersStatus {
    const isRefused = code === 'NOT_FOUND' ? settings.rejectUnknownMethod : settings.rejectUnknownQueryParameters
    if (!isRefused) return FilterHeadersStatus.Continue
    this.#failed = true
    const status = code === 'NOT_FOUND' ? 404 : 400
    this.#decoder.sendLocalReply({ status, body: message, details: `${failedEarly}{${code}}` })
    return FilterHeadersStatus.StopIteration
  }

  #expandBufferLimits({ maxRequestBodySize, maxResponseBodySize }: TranscoderSettings): void {
    if (maxRequestBodySize !== undefined && maxRequestBodySize > this.#decoder.decoderBufferLimit())
      this.#decoder.setDecoderBufferLimit(maxRequestBodySize)
    if (maxResponseBodySize !== undefined && maxResponseBodySize > this.#encoder.encoderBufferLimit())
      this.#encoder.setEncoderBufferLimit(maxResponseBodySize)
  }

  #requestTranslation(settings: TranscoderSettings, { method, bindings }: MatchedMethod): RequestTranslation {
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

  #bindHttpBody(translation: RequestTranslation): void {
    this.#boundFields = encodeBindings(translation)
  }

  decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    const matched = this.#matched
    if (matched === undefined || this.#failed) return FilterDataStatus.Continue
    if (matched.method.requestIsHttpBody) this.#httpBodyData(data, endStream)
    else this.#jsonData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  #jsonData(data: Buffer, endStream: boolean): void {
    if (this.#requestLimitReached(data.length)) return
    const request = this.#request!
    let out = noData
    const isAlive = this.#guardRequest(failed, () => {
      const messages = request.write(data)
      out = Buffer.concat(endStream ? [...messages, ...request.end()] : messages)
    })
    if (isAlive && (out.length > 0 || endStream)) this.#decoder.injectDecodedDataToFilterChain(out, endStream)
  }

  #httpBodyData(data: Buffer, endStream: boolean): void {
    this.#body.push(data)
    this.#bodyBytes += data.length
    if (!this.#matched!.method.descriptor.clientStreaming) {
      this.#holdRequest(this.#bodyBytes)
      if (this.#requestLimitReached(this.#bodyBytes) || !endStream) return
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
    const { method, unknownParams } = this.#matched!
    const body = Buffer.concat(this.#body)
    const envelope = encodeHttpBody(method.requestBodyFields, this.#contentType, body, unknownParams)
    const message = grpcFrame(this.#boundFields, envelope)
    this.#boundFields = noData
    this.#contentType = ''
    this.#body = []
    this.#bodyBytes = 0
    this.#hasSentBody = true
    this.#holdRequest(0)
    return message
  }

  decodeTrailers(): FilterTrailersStatus {
    if (this.#matched === undefined || this.#failed) return FilterTrailersStatus.Continue
    this.#guardRequest(failed, () => {
      const message = this.#endRequest()
      if (message.length > 0) this.#decoder.injectDecodedDataToFilterChain(message, false)
    })
    return FilterTrailersStatus.Continue
  }

  /** What is left to send when the request is complete. */
  #endRequest(): Buffer {
    if (this.#request !== undefined) return Buffer.concat(this.#request.end())
    return this.#hasSentBody && this.#bodyBytes === 0 ? noData : this.#httpBodyMessage()
  }

  /** False where the request was refused. */
  #guardRequest(details: string, translate: () => void): boolean {
    try {
      translate()
      return true
    } catch (error) {
      if (!(error instanceof JsonSyntaxError || error instanceof EncodeError)) throw error
      this.#failed = true
      this.#decoder.sendLocalReply({ status: 400, body: error.message, details: `${details}{INVALID_ARGUMENT}` })
      return false
    }
  }

  #requestLimitReached(bytes: number): boolean {
    const limit = this.#settings!.maxRequestBodySize ?? this.#decoder.decoderBufferLimit()
    if (bytes <= limit) return false
    this.#failed = true
    this.#decoder.sendLocalReply({
      status: 413,
      body: "Request rejected because the transcoder's internal buffer size exceeds the configured limit.",
      details: `${failed}{request_buffer_size_limit_reached}`,
    })
    return true
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    const matched = this.#matched
    if (matched === undefined || this.#failed) return FilterHeadersStatus.Continue
    if (!isGrpcResponse(headers, endStream)) {
      this.#failed = true
      return FilterHeadersStatus.Continue
    }
    const { method } = matched
    const { serverStreaming } = method.descriptor
    const settings = this.#settings!
    this.#responseHeaders = headers
    if (!method.responseIsHttpBody) {
      const { output } = method.descriptor
      const { pool, format } = settings
      this.#response = new ResponseTranslator({ pool, message: output, isStreaming: serverStreaming, format })
    } else this.#responseFrames = new GrpcFrameReader()
    const isEvents = serverStreaming && settings.format.streamSseStyleDelimited
    if (serverStreaming || !endStream) headers.set('content-type', isEvents ? 'text/event-stream' : 'application/json')
    if (endStream) {
      this.#finishResponse(headers)
      return FilterHeadersStatus.Continue
    }
    // The status of other responses is that of the trailers, and an HttpBody has the content type.
    return serverStreaming && !method.responseIsHttpBody
      ? FilterHeadersStatus.Continue
      : FilterHeadersStatus.StopIteration
  }

  encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    const matched = this.#matched
    if (matched === undefined || this.#failed) return FilterDataStatus.Continue
    this.#hasBody = true
    if (this.#responseFrames !== undefined) this.#httpBodyResponse(this.#responseFrames, data, endStream)
    else this.#jsonResponse(this.#response!, data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  #jsonResponse(response: ResponseTranslator, data: Buffer, endStream: boolean): void {
    response.push(data)
    if (this.#responseLimitReached(response.buffered + this.#pendingBytes)) return
    let text = ''
    const isAlive = this.#guardResponse(() => {
      text = endStream ? response.end() : response.read()
    })
    if (!isAlive) return
    this.#pend(Buffer.from(text))
    this.#holdResponse(response.buffered + this.#pendingBytes)
    const isStreaming = this.#matched!.method.descriptor.serverStreaming
    if (endStream || (isStreaming && this.#pendingBytes > 0))
      this.#encoder.injectEncodedDataToFilterChain(this.#takePending(), endStream)
  }

  #httpBodyResponse(frames: GrpcFrameReader, data: Buffer, endStream: boolean): void {
    const { method } = this.#matched!
    frames.push(data)
    let seen = false
    const isAlive = this.#guardResponse(() => {
      for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
        // Without streaming, one message is all that counts.
        if (!method.descriptor.serverStreaming && this.#contentTypeKnown) continue
        seen = true
        if (frame.length > 0) this.#httpBodyFrame(method, frame)
      }
    })
    if (!isAlive) return
    this.#holdResponse(frames.buffered + this.#pendingBytes)
    if (endStream || (method.descriptor.serverStreaming && (seen || this.#contentTypeKnown)))
      this.#encoder.injectEncodedDataToFilterChain(this.#takePending(), endStream)
  }

  #httpBodyFrame(method: TranscodedMethod, frame: Buffer): void {
    const body = decodeHttpBody(method.descriptor.output, method.responseBodyFields, frame)
    this.#pend(body.data)
    if (this.#contentTypeKnown) return
    this.#contentTypeKnown = true
    this.#responseHeaders!.set('content-type', body.contentType)
    if (!method.descriptor.serverStreaming) this.#responseHeaders!.set('content-length', String(body.data.length))
  }

  encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (this.#matched !== undefined && !this.#failed) this.#finishResponse(trailers)
    return FilterTrailersStatus.Continue
  }

  /** `trailers` are the headers themselves where the response has nothing else. */
  #finishResponse(trailers: HeaderMap): void {
    const headers = this.#responseHeaders!
    const isTrailersOnly = headers === trailers
    const { serverStreaming } = this.#matched!.method.descriptor
    const code = grpcStatusOf(trailers)
    if (code !== undefined && this.#convertStatus(code, headers, trailers)) return
    const response = this.#response
    if (response !== undefined) {
      const isAlive = this.#guardResponse(() => this.#pend(Buffer.from(response.end())))
      if (!isAlive) return
    }
    const body = this.#takePending()
    if (serverStreaming && !isTrailersOnly) {
      // The headers are out.
      if (body.length > 0) this.#encoder.injectEncodedDataToFilterChain(body, false)
      return
    }
    headers.status = code === undefined || code < 0 ? 503 : httpStatusOfGrpc(code)
    if (!isTrailersOnly) {
      if (code !== undefined && code >= 0) headers.set('grpc-status', String(code))
      const message = trailers.get('grpc-message')
      if (message !== undefined) headers.set('grpc-message', message)
    }
    headers.remove('trailer')
    if (!serverStreaming) headers.set('content-length', String(body.length))
    if (body.length > 0) this.#encoder.addEncodedData(body)
  }

  /** `convert_grpc_status`: an error without a body gets one. False where the response is to stay as it is. */
  #convertStatus(code: number, headers: HeaderMap, trailers: HeaderMap): boolean {
    const { pool, format, convertGrpcStatus } = this.#settings!
    if (!convertGrpcStatus || this.#hasBody || code <= 0) return false
    const json = statusJson(pool, format, code, trailers)
    if (json === undefined) return false
    headers.status = httpStatusOfGrpc(code)
    if (headers === trailers) {
      for (const name of ['grpc-status', 'grpc-message', 'grpc-status-details-bin']) headers.remove(name)
    }
    headers.remove('trailer')
    headers.set('content-type', 'application/json')
    const body = Buffer.from(json)
    headers.set('content-length', String(body.length))
    const headersAreOut = headers !== trailers && this.#matched!.method.descriptor.serverStreaming
    if (headersAreOut) this.#encoder.injectEncodedDataToFilterChain(body, false)
    else this.#encoder.addEncodedData(body)
    return true
  }

  /** False where the response was replaced by an error. */
  #guardResponse(translate: () => void): boolean {
    try {
      translate()
      return true
    } catch (error) {
      const code = responseErrorCode(error)
      if (code === undefined) throw error
      this.#failed = true
      const body = (error as Error).message
      this.#encoder.sendLocalReply({ status: 502, body, details: `${failed}{${code}}` })
      return false
    }
  }

  #responseLimitReached(bytes: number): boolean {
    const limit = this.#settings!.maxResponseBodySize ?? this.#encoder.encoderBufferLimit()
    if (bytes <= limit) return false
    this.#failed = true
    this.#encoder.sendLocalReply({
      status: 500,
      body: "Response not transcoded because the transcoder's internal buffer size exceeds the configured limit.",
      details: `${failed}{response_buffer_size_limit_reached}`,
    })
    return true
  }

  #pend(data: Buffer): void {
    if (data.length === 0) return
    this.#pending.push(data)
    this.#pendingBytes += data.length
  }

  #takePending(): Buffer {
    const data = Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    this.#holdResponse(0)
    return data
  }

  #holdRequest(bytes: number): void {
    if (bytes !== this.#requestHeld) this.#stats.requestBufferBytes.add(bytes - this.#requestHeld)
    this.#requestHeld = bytes
  }

  #holdResponse(bytes: number): void {
    if (bytes !== this.#responseHeld) this.#stats.responseBufferBytes.add(bytes - this.#responseHeld)
    this.#responseHeld = bytes
  }

  retainsData(): boolean {
    return this.#matched !== undefined && !this.#failed
  }

  onDestroy(): void {
    this.#holdRequest(0)
    this.#holdResponse(0)
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

function isGrpcResponse(headers: HeaderMap, endStream: boolean): boolean {
  if (endStream) return headers.has('grpc-status')
  return headers.status === 200 && isGrpcContentType(headers.get('content-type'))
}

/** `grpc-status`; undefined where there is none, -1 where it is no number. */
function grpcStatusOf(headers: HeaderMap): number | undefined {
  if ((headers.known & KnownHeader.grpcStatus) === 0) return undefined
  const text = headers.get('grpc-status')
  if (text === undefined || text === '') return undefined
  return /^\d{1,9}$/.test(text) ? Number(text) : -1
}

/** The status that an error of a response's translation has; undefined for errors of the program. */
function responseErrorCode(error: unknown): string | undefined {
  if (error instanceof GrpcFrameError) return 'INTERNAL'
  if (error instanceof PrintError && error.isUnknownType) return 'NOT_FOUND'
  return error instanceof WireError || error instanceof PrintError ? 'INVALID_ARGUMENT' : undefined
}
