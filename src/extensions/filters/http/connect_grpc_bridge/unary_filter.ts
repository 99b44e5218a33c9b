// Connect's unary calls as gRPC ones: bare messages there, one frame here, and the call's end in status, headers and JSON.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { grpcFrame, grpcFrameHeaderBytes } from '../../../../http/grpc_frames.ts'
import { isGrpcResponse } from '../../../../http/grpc_status.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import { errorJson, grpcEnd, httpStatusOf } from './connect_errors.ts'
import { convertTimeout, grpcCodec, removeGrpcHeaders, renameHeader } from './connect_headers.ts'
import { connectGetCall, type GetCall } from './get_request.ts'

const none = Buffer.alloc(0)
const compressedFlag = 1
const application = 'application/'

export class ConnectUnaryFilter extends PassThroughFilter {
  #isConnect = false
  #requestBytes = 0
  #requestFlags = 0
  /** Of a GET. */
  #queryMessage: Buffer = none
  #responseBytes = 0
  /** Those of a gRPC response, until its end is known. */
  #responseHeaders: HeaderMap | undefined = undefined

  override decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    const call = connectGetCall(headers)
    if (call !== undefined) this.#startGet(headers, call)
    else this.#startPost(headers)
    if (this.#isConnect && endStream) this.decoderCallbacks.addDecodedData(this.#framed(none))
    return FilterHeadersStatus.Continue
  }

  #startPost(headers: HeaderMap): void {
    const contentType = headers.get('content-type') ?? ''
    const isUnary = contentType.startsWith(application) && !contentType.startsWith('application/connect+')
    if (!isUnary || !headers.has('connect-protocol-version')) return
    const encoding = headers.get('content-encoding') ?? 'identity'
    if (encoding !== 'identity') this.#requestFlags = compressedFlag
    this.#convertRequest(headers, contentType.slice(application.length))
    renameHeader(headers, 'content-encoding', 'grpc-encoding')
    renameHeader(headers, 'accept-encoding', 'grpc-accept-encoding')
  }

  #startGet(headers: HeaderMap, call: GetCall): void {
    headers.method = 'POST'
    headers.path = call.path
    if (call.compression !== 'identity') this.#requestFlags = compressedFlag
    this.#convertRequest(headers, call.codec)
    headers.set('grpc-encoding', call.compression)
    renameHeader(headers, 'accept-encoding', 'grpc-accept-encoding')
    this.#queryMessage = call.message
  }

  #convertRequest(headers: HeaderMap, codec: string): void {
    this.#isConnect = true
    headers.set('content-type', `application/grpc+${codec}`)
    headers.remove('content-length')
    headers.remove('connect-protocol-version')
    convertTimeout(headers)
    headers.set('te', 'trailers')
  }

  #framed(...body: Buffer[]): Buffer {
    return grpcFrame(Buffer.concat([this.#queryMessage, ...body]), this.#requestFlags)
  }

  override decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (!this.#isConnect) return FilterDataStatus.Continue
    this.#requestBytes += data.length
    const limit = this.decoderCallbacks.decoderBufferLimit()
    if (limit > 0 && this.#requestBytes > limit) {
      const body = "Request rejected because the filter's internal buffer size exceeds the configured limit."
      this.decoderCallbacks.sendLocalReply({ status: 413, body, details: 'connect_bridge_unary_request_too_large' })
      return FilterDataStatus.StopIterationNoBuffer
    }
    if (!endStream) return FilterDataStatus.StopIterationAndBuffer
    const held = this.decoderCallbacks.takeDecodingBuffer() ?? none
    this.decoderCallbacks.injectDecodedDataToFilterChain(this.#framed(held, data), true)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override decodeTrailers(): FilterTrailersStatus {
    if (this.#isConnect) {
      const message = this.decoderCallbacks.takeDecodingBuffer() ?? none
      this.decoderCallbacks.addDecodedData(this.#framed(message))
    }
    return FilterTrailersStatus.Continue
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (!this.#isConnect || !isGrpcResponse(headers, endStream)) return FilterHeadersStatus.Continue
    this.#responseHeaders = headers
    headers.set('content-type', application + grpcCodec(headers))
    headers.remove('content-length')
    headers.remove('trailer')
    if (!endStream) return FilterHeadersStatus.StopIteration
    const error = convertEnd(headers, headers)
    removeGrpcHeaders(headers)
    if (error !== undefined) this.encoderCallbacks.addEncodedData(error)
    return FilterHeadersStatus.Continue
  }

  override encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (this.#responseHeaders === undefined) return FilterDataStatus.Continue
    this.#responseBytes += data.length
    const limit = this.encoderCallbacks.encoderBufferLimit()
    if (limit > 0 && this.#responseBytes - grpcFrameHeaderBytes > limit) {
      const body = "Response discarded because the filter's internal buffer size exceeds the configured limit."
      this.encoderCallbacks.sendLocalReply({ status: 500, body, details: 'connect_bridge_unary_response_too_large' })
      return FilterDataStatus.StopIterationNoBuffer
    }
    if (!endStream) return FilterDataStatus.StopIterationAndBuffer
    this.encoderCallbacks.injectEncodedDataToFilterChain(this.#takeMessage(this.#responseHeaders, data), true)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    const headers = this.#responseHeaders
    if (headers === undefined) return FilterTrailersStatus.Continue
    const message = this.#takeMessage(headers, none)
    const error = convertEnd(headers, trailers)
    this.encoderCallbacks.addEncodedData(error ?? message)
    removeGrpcHeaders(trailers)
    for (let i = 0; i < trailers.length; i++) headers.add(`trailer-${trailers.names[i]}`, trailers.values[i])
    trailers.clear()
    return FilterTrailersStatus.Continue
  }

  /** The response's message without its frame, and the encoding in the headers as the frame says. */
  #takeMessage(headers: HeaderMap, last: Buffer): Buffer {
    const body = Buffer.concat([this.encoderCallbacks.takeEncodingBuffer() ?? none, last])
    if (body.length > 0 && (body[0] & compressedFlag) !== 0) renameHeader(headers, 'grpc-encoding', 'content-encoding')
    else headers.remove('grpc-encoding')
    return body.subarray(grpcFrameHeaderBytes)
  }
}

/** Puts the call's end into the response's headers; returns the body of an error, undefined for a success. */
function convertEnd(headers: HeaderMap, last: HeaderMap): Buffer | undefined {
  const end = grpcEnd(last)
  if (end === undefined || end.code === 0) return undefined
  headers.status = httpStatusOf(end)
  headers.set('content-type', 'application/json')
  headers.remove('content-encoding')
  return Buffer.from(errorJson(end), 'latin1')
}
