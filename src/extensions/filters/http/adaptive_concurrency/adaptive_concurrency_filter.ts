// Asks the controller whether one request may go on, and tells it how long the response took.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { GradientController } from './gradient_controller.ts'

export interface AdaptiveConcurrencyConfig {
  readonly enabled: () => boolean
  readonly exceededStatus: number
  readonly controller: GradientController
}

export class AdaptiveConcurrencyFilter extends PassThroughFilter {
  readonly #config: AdaptiveConcurrencyConfig
  /** Nanoseconds; undefined where the controller counts no request of this filter (any more). */
  #startNs: bigint | undefined = undefined

  constructor(config: AdaptiveConcurrencyConfig) {
    super()
    this.#config = config
  }

  override decodeHeaders(): FilterHeadersStatus {
    const { enabled, controller, exceededStatus } = this.#config
    // Answers to health checks are too quick to compare with.
    if (!enabled() || this.decoderCallbacks.streamInfo.healthCheck) return FilterHeadersStatus.Continue
    if (controller.tryForward()) {
      this.#startNs = controller.nowNs()
      return FilterHeadersStatus.Continue
    }
    const details = 'reached_concurrency_limit'
    this.decoderCallbacks.sendLocalReply({ status: exceededStatus, body: 'reached concurrency limit', details })
    return FilterHeadersStatus.StopIteration
  }

  override encodeHeaders(_headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (endStream) this.#complete()
    return FilterHeadersStatus.Continue
  }

  override encodeData(_data: Buffer, endStream: boolean): FilterDataStatus {
    if (endStream) this.#complete()
    return FilterDataStatus.Continue
  }

  override encodeTrailers(): FilterTrailersStatus {
    this.#complete()
    return FilterTrailersStatus.Continue
  }

  #complete(): void {
    if (this.#startNs === undefined) return
    const startNs = this.#startNs
    this.#startNs = undefined
    this.#config.controller.onCompleted(startNs)
  }

  override onDestroy(): void {
    if (this.#startNs === undefined) return
    this.#startNs = undefined
    this.#config.controller.onCancelled()
  }
}
