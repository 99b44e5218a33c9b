// Sends gRPC calls to a server that knows nothing of gRPC: another content type, bare messages if asked, and its HTTP status as the call's.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { grpcFrame, grpcFrameHeader, grpcFrameHeaderBytes } from '../../../../http/grpc_frames.ts'
import { grpcStatusOfHttp, isGrpcRequest } from '../../../../http/grpc_status.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'

export interface ReverseBridgeSettings {
  /** Told to the server as content-type and accept, and expected of its answer. */
  readonly contentType: string
  readonly withholdGrpcFrames: boolean
  /** A response header, in lower case, that tells the length of the body beforehand; '' for none. */
  readonly responseSizeHeader: string
}

export interface ReverseBridgeRouteSettings {
  readonly disabled: boolean
}

const none = Buffer.alloc(0)
const unknown = 2
const internal = 13

export class GrpcHttp1ReverseBridgeFilter extends PassThroughFilter {
  readonly #settings: ReverseBridgeSettings
  #bridges = false
  /** The client's own, for the response. */
  #contentType = ''
  /** The start of the request, until it is a whole frame header; undefined from then on. */
  #prefix: Buffer | undefined = none
  #grpcStatus = ''
  /** As the size header says; -1 where the response is held until its length is known. */
  #announcedBytes = -1
  #frameHeaderSent = false
  #responseBytes = 0

  constructor(settings: ReverseBridgeSettings) {
    super()
    this.#settings = settings
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (endStream || !isGrpcRequest(headers)) return FilterHeadersStatus.Continue
    const route = this.decoderCallbacks.perFilterConfig() as ReverseBridgeRouteSettings | undefined
    if (route?.disabled === true) return FilterHeadersStatus.Continue
    const { contentType, withholdGrpcFrames } = this.#settings
    this.#bridges = true
    this.#contentType = headers.get('content-type') ?? ''
    headers.set('content-type', contentType)
    headers.set('accept', contentType)
    if (withholdGrpcFrames) adjustContentLength(headers, -grpcFrameHeaderBytes)
    this.decoderCallbacks.clearRouteCache()
    return FilterHeadersStatus.Continue
  }

  override decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (!this.#bridges || !this.#settings.withholdGrpcFrames || this.#prefix === undefined)
      return FilterDataStatus.Continue
    const start = this.#prefix.length === 0 ? data : Buffer.concat([this.#prefix, data])
    if (start.length >= grpcFrameHeaderBytes) {
      this.#prefix = undefined
      this.decoderCallbacks.injectDecodedDataToFilterChain(start.subarray(grpcFrameHeaderBytes), endStream)
    } else if (endStream) {
      this.#fail('invalid request body', 'grpc_bridge_data_too_small', unknown)
    } else this.#prefix = Buffer.from(start)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (!this.#bridges) return FilterHeadersStatus.Continue
    if (headers.get('content-type') !== this.#settings.contentType) {
      this.#fail(badContentType(headers), 'grpc_bridge_content_type_wrong', unknown)
      return FilterHeadersStatus.StopIteration
    }
    headers.set('content-type', this.#contentType)
    if (this.#settings.withholdGrpcFrames && !this.#setLength(headers)) {
      const message = 'envoy reverse bridge: upstream did not set content length'
      this.#fail(message, 'grpc_bridge_content_length_missing', internal)
      return FilterHeadersStatus.StopIteration
    }
    this.#grpcStatus = headers.status === 200 ? '0' : String(grpcStatusOfHttp(headers.status))
    headers.status = 200
    if (endStream && this.#settings.withholdGrpcFrames) {
      this.encoderCallbacks.addEncodedData(grpcFrameHeader(0))
      headers.set('content-length', String(grpcFrameHeaderBytes))
      this.#addStatus()
    }
    return FilterHeadersStatus.Continue
  }

  /** False where the header that ought to tell the length does not. */
  #setLength(headers: HeaderMap): boolean {
    const name = this.#settings.responseSizeHeader
    if (name === '') {
      adjustContentLength(headers, grpcFrameHeaderBytes)
      return true
    }
    const said = headers.get(name)?.split(',', 1)[0].trim()
    if (said === undefined || !/^\d{1,10}$/.test(said) || Number(said) > 0xffff_ffff) return false
    this.#announcedBytes = Number(said)
    headers.set('content-length', String(this.#announcedBytes + grpcFrameHeaderBytes))
    return true
  }

  override encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (!this.#bridges) return FilterDataStatus.Continue
    if (!this.#settings.withholdGrpcFrames) {
      if (endStream) this.#addStatus()
      return FilterDataStatus.Continue
    }
    return this.#announcedBytes < 0 ? this.#frameWhole(data, endStream) : this.#frameAhead(data, endStream)
  }

  /** The frame's length is known when the whole body is there. */
  #frameWhole(data: Buffer, endStream: boolean): FilterDataStatus {
    if (!endStream) return FilterDataStatus.StopIterationAndBuffer
    const held = this.encoderCallbacks.takeEncodingBuffer() ?? none
    this.#addStatus()
    this.encoderCallbacks.injectEncodedDataToFilterChain(grpcFrame(Buffer.concat([held, data])), true)
    return FilterDataStatus.StopIterationNoBuffer
  }

  #frameAhead(data: Buffer, endStream: boolean): FilterDataStatus {
    this.#responseBytes += data.length
    if (endStream) {
      if (this.#responseBytes !== this.#announcedBytes) {
        const message = 'envoy reverse bridge: upstream set incorrect content length'
        this.#fail(message, 'grpc_bridge_content_length_wrong', internal)
        return FilterDataStatus.StopIterationNoBuffer
      }
      this.#addStatus()
    }
    if (this.#frameHeaderSent) return FilterDataStatus.Continue
    this.#frameHeaderSent = true
    const framed = Buffer.concat([grpcFrameHeader(this.#announcedBytes), data])
    this.encoderCallbacks.injectEncodedDataToFilterChain(framed, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (!this.#bridges) return FilterTrailersStatus.Continue
    trailers.set('grpc-status', this.#grpcStatus)
    if (this.#settings.withholdGrpcFrames && this.#announcedBytes < 0)
      this.encoderCallbacks.addEncodedData(grpcFrame(this.encoderCallbacks.takeEncodingBuffer() ?? none))
    return FilterTrailersStatus.Continue
  }

  #addStatus(): void {
    this.encoderCallbacks.addEncodedTrailers().add('grpc-status', this.#grpcStatus)
  }

  #fail(body: string, details: string, grpcStatus: number): void {
    this.decoderCallbacks.sendLocalReply({ status: 200, body, details, grpcStatus })
  }
}

function adjustContentLength(headers: HeaderMap, bytes: number): void {
  const length = Number(headers.get('content-length') ?? 0)
  if (length > 0) headers.set('content-length', String(length + bytes))
}

function badContentType(headers: HeaderMap): string {
  const type = headers.get('content-type')
  const said = type === undefined ? 'no content-type header' : `unsupported content-type ${type}`
  return `envoy reverse bridge: upstream responded with ${said}, status code ${headers.status}`
}
