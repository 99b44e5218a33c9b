// Lets clients of HTTP and JSON call gRPC services: requests become gRPC messages, responses become JSON.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { isGrpcRequest } from '../../../../http/grpc_status.ts'
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
import { lookUpMethod, type NoMethod } from './method_lookup.ts'
import { RequestSide } from './request_side.ts'
import { isGrpcResponse, ResponseSide } from './response_side.ts'
import type { TranscoderSettings } from './settings.ts'
import { failedEarly, type TranscodedStream } from './transcoded_stream.ts'

export interface TranscoderStats {
  readonly requestBufferBytes: Gauge
  readonly responseBufferBytes: Gauge
}

export class TranscoderFilter implements StreamDecoderFilter, StreamEncoderFilter {
  readonly #defaults: TranscoderSettings | 'disabled'
  readonly #stats: TranscoderStats
  #decoder!: StreamDecoderFilterCallbacks
  #encoder!: StreamEncoderFilterCallbacks
  /** Undefined for requests that pass as they are. */
  #stream: TranscodedStream | undefined = undefined
  #request: RequestSide | undefined = undefined
  #response: ResponseSide | undefined = undefined

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
    const matched = lookUpMethod(settings, headers)
    if ('code' in matched) return this.#withoutMethod(settings, matched)
    this.#stream = { settings, matched, failed: false }
    this.#expandBufferLimits(settings)
    this.#request = new RequestSide(this.#stream, this.#decoder, this.#stats.requestBufferBytes)
    return this.#request.headers(headers, endStream) ? FilterHeadersStatus.Continue : FilterHeadersStatus.StopIteration
  }

  /** A request that means no method passes, where it is not to be refused. */
  #withoutMethod(settings: TranscoderSettings, { code, message }: NoMethod): FilterHeadersStatus {
    const isRefused = code === 'NOT_FOUND' ? settings.rejectUnknownMethod : settings.rejectUnknownQueryParameters
    if (!isRefused) return FilterHeadersStatus.Continue
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

  decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (this.#request === undefined || this.#stream?.failed === true) return FilterDataStatus.Continue
    this.#request.data(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  decodeTrailers(): FilterTrailersStatus {
    if (this.#stream?.failed === false) this.#request?.trailers()
    return FilterTrailersStatus.Continue
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    const stream = this.#stream
    if (stream === undefined || stream.failed) return FilterHeadersStatus.Continue
    if (!isGrpcResponse(headers, endStream)) {
      stream.failed = true
      return FilterHeadersStatus.Continue
    }
    this.#response = new ResponseSide(stream, this.#encoder, this.#stats.responseBufferBytes, headers)
    return this.#response.headers(endStream) ? FilterHeadersStatus.Continue : FilterHeadersStatus.StopIteration
  }

  encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (this.#response === undefined || this.#stream?.failed === true) return FilterDataStatus.Continue
    this.#response.data(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (this.#stream?.failed === false) this.#response?.trailers(trailers)
    return FilterTrailersStatus.Continue
  }

  retainsData(): boolean {
    return this.#stream?.failed === false
  }

  onDestroy(): void {
    this.#request?.destroy()
    this.#response?.destroy()
  }
}
