// Turns gRPC-Web calls into gRPC ones and their responses back: trailers in the body, base64 where a client asks for text.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { type GrpcCallStats, grpcCallStats, grpcMethodOf } from '../../../../http/grpc_call_stats.ts'
import { grpcFrame, grpcWebTrailersFlag } from '../../../../http/grpc_frames.ts'
import { encodeGrpcMessage, grpcStatusOfHttp, isGrpcResponse } from '../../../../http/grpc_status.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { ClusterManager } from '../../../../upstream/cluster_manager.ts'
import { Base64FrameEncoder, Base64GroupDecoder } from './base64.ts'

const binary = 'application/grpc-web'
const binaryProto = 'application/grpc-web+proto'
const text = 'application/grpc-web-text'
const textProto = 'application/grpc-web-text+proto'

const none = Buffer.alloc(0)
const badBase64 = 'Bad gRPC-web request, invalid base64 data.'
/** Of a response that is no gRPC at all and came in several pieces, so much becomes the grpc-message. */
const messageLimitBytes = 16_384

export class GrpcWebFilter extends PassThroughFilter {
  readonly #clusterManager: ClusterManager
  #isGrpcWeb = false
  #stats: GrpcCallStats | undefined = undefined
  #requestText: Base64GroupDecoder | undefined = undefined
  #responseText: Base64FrameEncoder | undefined = undefined
  #asksForText = false
  /** Headers of a response that is not gRPC: they wait for its body, which becomes the message. */
  #foreignHeaders: HeaderMap | undefined = undefined

  constructor(clusterManager: ClusterManager) {
    super()
    this.#clusterManager = clusterManager
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const contentType = headers.get('content-type')
    const isText = contentType === text || contentType === textProto
    if (!isText && contentType !== binary && contentType !== binaryProto) return FilterHeadersStatus.Continue
    this.#isGrpcWeb = true
    const route = this.decoderCallbacks.route()
    const cluster = route?.kind === 'forward' ? this.#clusterManager.get(route.clusterName) : undefined
    const method = grpcMethodOf(headers.path)
    if (cluster !== undefined && method !== undefined) this.#stats = grpcCallStats(cluster.info, 'grpc-web', method)
    if (isText) this.#requestText = new Base64GroupDecoder()
    const accept = headers.get('accept')
    this.#asksForText = accept === text || accept === textProto
    headers.remove('content-length')
    headers.set('content-type', 'application/grpc')
    headers.set('te', 'trailers')
    if (!headers.has('grpc-accept-encoding')) headers.add('grpc-accept-encoding', 'identity')
    return FilterHeadersStatus.Continue
  }

  override decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    const decoder = this.#requestText
    if (decoder === undefined || (endStream && decoder.isEmpty && data.length === 0)) return FilterDataStatus.Continue
    const decoded = decoder.push(data)
    if (endStream && !decoder.isEmpty) return this.#refuse('grpc_base_64_decode_failed_bad_size')
    if (decoded === undefined) return this.#refuse('grpc_base_64_decode_failed')
    if (decoded.length > 0 || endStream) this.decoderCallbacks.injectDecodedDataToFilterChain(decoded, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  #refuse(details: string): FilterDataStatus {
    this.decoderCallbacks.sendLocalReply({ status: 400, body: badBase64, details })
    return FilterDataStatus.StopIterationNoBuffer
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (!this.#isGrpcWeb) return FilterHeadersStatus.Continue
    this.#stats?.chargeStatus(headers.get('grpc-status'))
    const understood = isGrpcResponse(headers, endStream) || isGrpcWebResponse(headers)
    headers.remove('content-length')
    headers.set('content-type', this.#asksForText ? textProto : binaryProto)
    if (this.#asksForText) this.#responseText = new Base64FrameEncoder()
    if (endStream || understood) return FilterHeadersStatus.Continue
    this.#foreignHeaders = headers
    return FilterHeadersStatus.StopIteration
  }

  override encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (this.#foreignHeaders !== undefined) return this.#takeForeignData(this.#foreignHeaders, data, endStream)
    if (this.#responseText === undefined) return FilterDataStatus.Continue
    const encoded = this.#responseText.push(data)
    if (encoded.length > 0 || endStream) this.encoderCallbacks.injectEncodedDataToFilterChain(encoded, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  #takeForeignData(headers: HeaderMap, data: Buffer, endStream: boolean): FilterDataStatus {
    if (!endStream) {
      const isFull = (this.encoderCallbacks.encodingBuffer()?.length ?? 0) >= messageLimitBytes
      return isFull ? FilterDataStatus.StopIterationNoBuffer : FilterDataStatus.StopIterationAndBuffer
    }
    this.#describeForeignResponse(headers, data)
    this.encoderCallbacks.continueEncoding()
    return FilterDataStatus.StopIterationNoBuffer
  }

  /** What came in one piece is told whole. */
  #describeForeignResponse(headers: HeaderMap, last: Buffer): void {
    this.#foreignHeaders = undefined
    const held = this.encoderCallbacks.takeEncodingBuffer()
    const body = held === undefined ? last : Buffer.concat([held, last]).subarray(0, messageLimitBytes)
    headers.set('grpc-message', encodeGrpcMessage(body.toString('latin1')))
    headers.set('grpc-status', String(grpcStatusOfHttp(headers.status)))
    headers.set('content-length', '0')
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (!this.#isGrpcWeb) return FilterTrailersStatus.Continue
    this.#stats?.chargeStatus(trailers.get('grpc-status'))
    if (this.#foreignHeaders !== undefined) {
      this.#describeForeignResponse(this.#foreignHeaders, none)
      return FilterTrailersStatus.Continue
    }
    const frame = grpcFrame(trailerLines(trailers), grpcWebTrailersFlag)
    trailers.clear()
    this.encoderCallbacks.addEncodedData(this.#asksForText ? Buffer.from(frame.toString('base64'), 'latin1') : frame)
    return FilterTrailersStatus.Continue
  }
}

/** As HTTP/1 writes them, without spaces. */
function trailerLines(trailers: HeaderMap): Buffer {
  let lines = ''
  for (let i = 0; i < trailers.length; i++) lines += `${trailers.names[i]}:${trailers.values[i]}\r\n`
  return Buffer.from(lines, 'latin1')
}

/** What a gRPC-Web server answers by itself: it is passed on. */
function isGrpcWebResponse(headers: HeaderMap): boolean {
  if (headers.status !== 200) return false
  const type = (headers.get('content-type') ?? '').split(';')[0].trimEnd().toLowerCase()
  return type === binary || type === binaryProto
}
