// Gives HTTP/1.1 clients the end of a gRPC call in the response's head, and frames protobuf bodies for those who do not.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { grpcFrame, grpcFrameHeaderBytes } from '../../../../http/grpc_frames.ts'
import { isGrpcRequest, isGrpcResponse } from '../../../../http/grpc_status.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'

const none = Buffer.alloc(0)
const protobuf = 'application/x-protobuf'

export class GrpcHttp1BridgeFilter extends PassThroughFilter {
  readonly #upgradesProtobuf: boolean
  readonly #ignoresQuery: boolean
  /** The response is held until its trailers, or its end, are there. */
  #bridges = false
  /** Client and upstream speak of bare messages here and framed ones there. */
  #frames = false
  #stripsResponse = false
  #responseHeaders: HeaderMap | undefined = undefined

  constructor(upgradesProtobuf: boolean, ignoresQuery: boolean) {
    super()
    this.#upgradesProtobuf = upgradesProtobuf
    this.#ignoresQuery = ignoresQuery
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    this.#frames = this.#upgradesProtobuf && headers.get('content-type') === protobuf
    const { protocol } = this.decoderCallbacks.streamInfo
    const isHttp1 = protocol === 'HTTP/1.0' || protocol === 'HTTP/1.1'
    // Whoever speaks of bare messages looks for no trailers, whatever the protocol.
    this.#bridges = this.#frames || (isHttp1 && isGrpcRequest(headers))
    if (this.#frames) {
      headers.set('content-type', 'application/grpc')
      headers.remove('content-length')
    }
    if (this.#bridges && this.#ignoresQuery) headers.path = headers.path.split('?', 1)[0]
    return FilterHeadersStatus.Continue
  }

  override decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (!this.#frames) return FilterDataStatus.Continue
    if (!endStream) return FilterDataStatus.StopIterationAndBuffer
    const held = this.decoderCallbacks.takeDecodingBuffer() ?? none
    this.decoderCallbacks.injectDecodedDataToFilterChain(grpcFrame(Buffer.concat([held, data])), true)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override decodeTrailers(): FilterTrailersStatus {
    if (this.#frames)
      this.decoderCallbacks.addDecodedData(grpcFrame(this.decoderCallbacks.takeDecodingBuffer() ?? none))
    return FilterTrailersStatus.Continue
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (!this.#bridges || endStream) return FilterHeadersStatus.Continue
    this.#responseHeaders = headers
    // Anything else is no frame.
    this.#stripsResponse = this.#frames && isGrpcResponse(headers, false)
    if (this.#stripsResponse) headers.remove('content-length')
    return FilterHeadersStatus.StopIteration
  }

  override encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (!this.#bridges) return FilterDataStatus.Continue
    if (!endStream) return FilterDataStatus.StopIterationAndBuffer
    if (!this.#stripsResponse) return FilterDataStatus.Continue
    const held = this.encoderCallbacks.takeEncodingBuffer() ?? none
    const message = Buffer.concat([held, data]).subarray(grpcFrameHeaderBytes)
    this.encoderCallbacks.injectEncodedDataToFilterChain(message, true)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (this.#responseHeaders !== undefined) this.#endBridged(this.#responseHeaders, trailers)
    return FilterTrailersStatus.Continue
  }

  #endBridged(headers: HeaderMap, trailers: HeaderMap): void {
    const status = trailers.get('grpc-status')
    if (status !== undefined) {
      if (!/^0+$/.test(status)) headers.status = 503
      headers.set('grpc-status', status)
    }
    const message = trailers.get('grpc-message')
    if (message !== undefined) headers.set('grpc-message', message)
    if (this.#stripsResponse) {
      const framed = this.encoderCallbacks.takeEncodingBuffer()
      if (framed !== undefined) this.encoderCallbacks.addEncodedData(framed.subarray(grpcFrameHeaderBytes))
    }
    headers.set('content-length', String(this.encoderCallbacks.encodingBuffer()?.length ?? 0))
  }
}
