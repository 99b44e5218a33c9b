// Holds the bodies of one stream to the limit, and tells in trailers of the response how long they took.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import { LimitedDirection } from './limited_direction.ts'
import type { BandwidthLimitSettings, TrailerNames } from './settings.ts'

export class BandwidthLimitFilter extends PassThroughFilter {
  readonly #settings: BandwidthLimitSettings
  #request: LimitedDirection | undefined = undefined
  #response: LimitedDirection | undefined = undefined
  #responseTrailers: HeaderMap | undefined = undefined

  constructor(settings: BandwidthLimitSettings) {
    super()
    this.#settings = settings
  }

  #settingsInForce(): BandwidthLimitSettings {
    return (this.decoderCallbacks.perFilterConfig() as BandwidthLimitSettings | undefined) ?? this.#settings
  }

  override decodeHeaders(): FilterHeadersStatus {
    const settings = this.#settingsInForce()
    if (!settings.limitsRequests || !settings.enabled()) return FilterHeadersStatus.Continue
    const { decoderCallbacks } = this
    this.#request = new LimitedDirection(settings, settings.stats.request, decoderCallbacks.decoderBufferLimit(), {
      inject: (data, endStream) => decoderCallbacks.injectDecodedDataToFilterChain(data, endStream),
      continueIteration: () => decoderCallbacks.continueDecoding(),
      pauseData: () => decoderCallbacks.onDecoderFilterAboveWriteBufferHighWatermark(),
      resumeData: () => decoderCallbacks.onDecoderFilterBelowWriteBufferLowWatermark(),
      onFinished: () => {},
    })
    return FilterHeadersStatus.Continue
  }

  override decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (this.#request === undefined) return FilterDataStatus.Continue
    this.#request.writeData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override decodeTrailers(): FilterTrailersStatus {
    return this.#request?.onTrailers() === true ? FilterTrailersStatus.StopIteration : FilterTrailersStatus.Continue
  }

  override encodeHeaders(): FilterHeadersStatus {
    const settings = this.#settingsInForce()
    if (!settings.limitsResponses || !settings.enabled()) return FilterHeadersStatus.Continue
    const { encoderCallbacks } = this
    this.#response = new LimitedDirection(settings, settings.stats.response, encoderCallbacks.encoderBufferLimit(), {
      inject: (data, endStream) => encoderCallbacks.injectEncodedDataToFilterChain(data, endStream),
      continueIteration: () => encoderCallbacks.continueEncoding(),
      pauseData: () => encoderCallbacks.onEncoderFilterAboveWriteBufferHighWatermark(),
      resumeData: () => encoderCallbacks.onEncoderFilterBelowWriteBufferLowWatermark(),
      onFinished: () => this.#tellDelays(settings),
    })
    return FilterHeadersStatus.Continue
  }

  override encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (this.#response === undefined) return FilterDataStatus.Continue
    this.#response.writeData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    this.#responseTrailers = trailers
    return this.#response?.onTrailers() === true ? FilterTrailersStatus.StopIteration : FilterTrailersStatus.Continue
  }

  #tellDelays({ trailers }: BandwidthLimitSettings): void {
    if (trailers === undefined) return
    const told = this.#responseTrailers ?? this.encoderCallbacks.addEncodedTrailers()
    tellDelays(told, trailers.request, this.#request)
    tellDelays(told, trailers.response, this.#response)
  }

  override retainsData(): boolean {
    return this.#request?.holdsData === true || this.#response?.holdsData === true
  }

  override onDestroy(): void {
    this.#request?.destroy()
    this.#response?.destroy()
  }
}

function tellDelays(told: HeaderMap, names: TrailerNames, direction: LimitedDirection | undefined): void {
  if (direction === undefined) return
  if (direction.durationMs > 0) told.set(names.delay, String(direction.durationMs))
  if (direction.delayMs > 0) told.set(names.filterDelay, String(direction.delayMs))
}
