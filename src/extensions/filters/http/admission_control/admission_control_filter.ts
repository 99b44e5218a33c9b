// Turns a request away, or notes whether it succeeded. A stream that is reset without a response is neither.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { isGrpcResponse } from '../../../../http/grpc_status.ts'
import { FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { AdmissionControlSettings } from './settings.ts'

/** Draws are of that many. */
const accuracy = 10_000

export class AdmissionControlFilter extends PassThroughFilter {
  readonly #settings: AdmissionControlSettings
  /** Not for what is turned away: that would keep the success rate down for ever. */
  #records = true
  #expectsGrpcStatus = false

  constructor(settings: AdmissionControlSettings) {
    super()
    this.#settings = settings
  }

  override decodeHeaders(): FilterHeadersStatus {
    const { enabled, history, rpsThreshold, rejectionProbability, stats } = this.#settings
    if (!enabled() || this.decoderCallbacks.streamInfo.healthCheck) {
      this.#records = false
      return FilterHeadersStatus.Continue
    }
    if (history.averageRps() < rpsThreshold()) return FilterHeadersStatus.Continue
    const draw = Math.floor(Math.random() * accuracy)
    if (!(accuracy * rejectionProbability(history.counts()) > draw)) return FilterHeadersStatus.Continue
    this.#records = false
    stats.rejected.inc()
    this.decoderCallbacks.sendLocalReply({ status: 503, body: '', details: 'denied_by_admission_control' })
    return FilterHeadersStatus.StopIteration
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (!this.#records) return FilterHeadersStatus.Continue
    const { isHttpSuccess } = this.#settings
    if (!isGrpcResponse(headers, endStream)) this.#record(isHttpSuccess(headers.status))
    else if (headers.has('grpc-status')) this.#recordGrpc(headers)
    else this.#expectsGrpcStatus = true
    return FilterHeadersStatus.Continue
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (this.#expectsGrpcStatus) this.#recordGrpc(trailers)
    return FilterTrailersStatus.Continue
  }

  #recordGrpc(fields: HeaderMap): void {
    const text = fields.get('grpc-status') ?? ''
    this.#record(/^\d+$/.test(text) && this.#settings.isGrpcSuccess(Number(text)))
  }

  #record(isSuccess: boolean): void {
    const { history, stats } = this.#settings
    history.record(isSuccess)
    if (isSuccess) stats.success.inc()
    else stats.failure.inc()
  }
}
