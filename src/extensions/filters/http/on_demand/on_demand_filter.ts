// Holds a request that has no route back, until discovery has brought one or has said that there is none.

import { HeaderMap } from '../../../../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
} from '../../../../http/http_filter.ts'
import { runWrites } from '../../../../network/write_batch.ts'

export class OnDemandFilter implements StreamDecoderFilter {
  #callbacks!: StreamDecoderFilterCallbacks
  #giveUp: (() => void) | undefined = undefined
  #hasBody = false

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  decodeHeaders(_headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (this.#callbacks.route() !== undefined) return FilterHeadersStatus.Continue
    this.#hasBody = !endStream
    const { connection } = this.#callbacks
    this.#giveUp = this.#callbacks.requestRouteUpdate(() => runWrites(connection, () => this.#onUpdate()))
    return this.#giveUp === undefined ? FilterHeadersStatus.Continue : FilterHeadersStatus.StopAllIterationAndWatermark
  }

  decodeData(): FilterDataStatus {
    return FilterDataStatus.Continue
  }

  decodeTrailers(): FilterTrailersStatus {
    return FilterTrailersStatus.Continue
  }

  onDestroy(): void {
    this.#giveUp?.()
    this.#giveUp = undefined
  }

  /** The route may have filters of its own: the request passes them all, unless its body is under way already. */
  #onUpdate(): void {
    this.#giveUp = undefined
    this.#callbacks.clearRouteCache()
    if (!this.#hasBody && this.#callbacks.route() !== undefined)
      this.#callbacks.recreateStream(new HeaderMap(), undefined)
    else this.#callbacks.continueDecoding()
  }
}
