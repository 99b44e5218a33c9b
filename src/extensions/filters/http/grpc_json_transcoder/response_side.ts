// The response of a transcoded stream: gRPC messages become JSON, its trailers the status.

import { type HeaderMap, KnownHeader } from '../../../../common/header_map.ts'
import { PrintError } from '../../../../config/dynamic/well_known_text.ts'
import { WireError } from '../../../../config/dynamic/wire_message.ts'
import { GrpcFrameError, GrpcMessageReader } from '../../../../http/grpc_message_reader.ts'
import { httpStatusOfGrpc, isGrpcContentType } from '../../../../http/grpc_status.ts'
import type { StreamEncoderFilterCallbacks } from '../../../../http/http_filter.ts'
import type { Gauge } from '../../../../stats/store.ts'
import { decodeHttpBody } from './http_body.ts'
import { ResponseTranslator } from './response_translator.ts'
import type { TranscodedMethod } from './settings.ts'
import { statusJson } from './status_json.ts'
import { failed, type TranscodedStream } from './transcoded_stream.ts'

export class ResponseSide {
  readonly #stream: TranscodedStream
  readonly #encoder: StreamEncoderFilterCallbacks
  readonly #bufferBytes: Gauge
  readonly #headers: HeaderMap
  /** One of these reads the messages: the first JSON's, the second HttpBody's. */
  readonly #response: ResponseTranslator | undefined
  readonly #frames: GrpcMessageReader | undefined
  /** What waits for the end of a response that is not streamed. */
  #pending: Buffer[] = []
  #pendingBytes = 0
  #hasBody = false
  #contentTypeKnown = false
  #held = 0

  constructor(stream: TranscodedStream, encoder: StreamEncoderFilterCallbacks, bufferBytes: Gauge, headers: HeaderMap) {
    this.#stream = stream
    this.#encoder = encoder
    this.#bufferBytes = bufferBytes
    this.#headers = headers
    const { output, serverStreaming } = stream.matched.method.descriptor
    const { pool, format } = stream.settings
    const isHttpBody = stream.matched.method.responseIsHttpBody
    this.#frames = isHttpBody ? new GrpcMessageReader() : undefined
    const translation = { pool, message: output, isStreaming: serverStreaming, format }
    this.#response = isHttpBody ? undefined : new ResponseTranslator(translation)
  }

  /** False where they wait for the trailers: those have the status, and an HttpBody the content type. */
  headers(endStream: boolean): boolean {
    const { serverStreaming } = this.#stream.matched.method.descriptor
    const isEvents = serverStreaming && this.#stream.settings.format.streamSseStyleDelimited
    if (serverStreaming || !endStream)
      this.#headers.set('content-type', isEvents ? 'text/event-stream' : 'application/json')
    if (endStream) this.trailers(this.#headers)
    return endStream || (serverStreaming && this.#response !== undefined)
  }

  data(data: Buffer, endStream: boolean): void {
    this.#hasBody = true
    if (this.#frames !== undefined) this.#httpBodyResponse(this.#frames, data, endStream)
    else this.#jsonResponse(this.#response!, data, endStream)
  }

  #jsonResponse(response: ResponseTranslator, data: Buffer, endStream: boolean): void {
    response.push(data)
    if (this.#limitReached(response.buffered + this.#pendingBytes)) return
    let text = ''
    const isAlive = this.#guard(() => {
      text = endStream ? response.end() : response.read()
    })
    if (!isAlive) return
    this.#pend(Buffer.from(text))
    this.#hold(response.buffered + this.#pendingBytes)
    const isStreaming = this.#stream.matched.method.descriptor.serverStreaming
    if (endStream || (isStreaming && this.#pendingBytes > 0))
      this.#encoder.injectEncodedDataToFilterChain(this.#takePending(), endStream)
  }

  #httpBodyResponse(frames: GrpcMessageReader, data: Buffer, endStream: boolean): void {
    const { method } = this.#stream.matched
    frames.push(data)
    let seen = false
    const isAlive = this.#guard(() => {
      for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
        // Without streaming, one message is all that counts.
        if (!method.descriptor.serverStreaming && this.#contentTypeKnown) continue
        seen = true
        if (frame.length > 0) this.#httpBodyFrame(method, frame)
      }
    })
    if (!isAlive) return
    this.#hold(frames.buffered + this.#pendingBytes)
    if (endStream || (method.descriptor.serverStreaming && (seen || this.#contentTypeKnown)))
      this.#encoder.injectEncodedDataToFilterChain(this.#takePending(), endStream)
  }

  #httpBodyFrame(method: TranscodedMethod, frame: Buffer): void {
    const body = decodeHttpBody(method.descriptor.output, method.responseBodyFields, frame)
    this.#pend(body.data)
    if (this.#contentTypeKnown) return
    this.#contentTypeKnown = true
    this.#headers.set('content-type', body.contentType)
    if (!method.descriptor.serverStreaming) this.#headers.set('content-length', String(body.data.length))
  }

  /** `trailers` are the headers themselves where the response has nothing else. */
  trailers(trailers: HeaderMap): void {
    const headers = this.#headers
    const isTrailersOnly = headers === trailers
    const { serverStreaming } = this.#stream.matched.method.descriptor
    const code = grpcStatusOf(trailers)
    if (code !== undefined && this.#convertStatus(code, headers, trailers)) return
    const response = this.#response
    if (response !== undefined) {
      const isAlive = this.#guard(() => this.#pend(Buffer.from(response.end())))
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
    const { pool, format, convertGrpcStatus } = this.#stream.settings
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
    const headersAreOut = headers !== trailers && this.#stream.matched.method.descriptor.serverStreaming
    if (headersAreOut) this.#encoder.injectEncodedDataToFilterChain(body, false)
    else this.#encoder.addEncodedData(body)
    return true
  }

  /** False where the response was replaced by an error. */
  #guard(translate: () => void): boolean {
    try {
      translate()
      return true
    } catch (error) {
      const code = responseErrorCode(error)
      if (code === undefined) throw error
      this.#stream.failed = true
      const body = (error as Error).message
      this.#encoder.sendLocalReply({ status: 502, body, details: `${failed}{${code}}` })
      return false
    }
  }

  #limitReached(bytes: number): boolean {
    const limit = this.#stream.settings.maxResponseBodySize ?? this.#encoder.encoderBufferLimit()
    if (bytes <= limit) return false
    this.#stream.failed = true
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
    this.#hold(0)
    return data
  }

  #hold(bytes: number): void {
    if (bytes !== this.#held) this.#bufferBytes.add(bytes - this.#held)
    this.#held = bytes
  }

  destroy(): void {
    this.#hold(0)
  }
}

/** Whether the upstream has answered as a gRPC server. */
export function isGrpcResponse(headers: HeaderMap, endStream: boolean): boolean {
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
