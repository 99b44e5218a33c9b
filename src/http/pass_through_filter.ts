// A filter that lets everything pass: the base of those that look at only a part of what goes by.

import type { HeaderMap } from '../common/header_map.ts'
import {
  FilterDataStatus,
  FilterHeadersStatus,
  FilterTrailersStatus,
  type StreamDecoderFilter,
  type StreamDecoderFilterCallbacks,
  type StreamEncoderFilter,
  type StreamEncoderFilterCallbacks,
} from './http_filter.ts'

/** Keeps no data. One that does must say so by its own `retainsData`. */
export class PassThroughFilter implements StreamDecoderFilter, StreamEncoderFilter {
  decoderCallbacks!: StreamDecoderFilterCallbacks
  encoderCallbacks!: StreamEncoderFilterCallbacks

  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void {
    this.decoderCallbacks = callbacks
  }

  setEncoderFilterCallbacks(callbacks: StreamEncoderFilterCallbacks): void {
    this.encoderCallbacks = callbacks
  }

  decodeHeaders(_headers: HeaderMap, _endStream: boolean): FilterHeadersStatus {
    return FilterHeadersStatus.Continue
  }

  decodeData(_data: Buffer, _endStream: boolean): FilterDataStatus {
    return FilterDataStatus.Continue
  }

  decodeTrailers(_trailers: HeaderMap): FilterTrailersStatus {
    return FilterTrailersStatus.Continue
  }

  encodeHeaders(_headers: HeaderMap, _endStream: boolean): FilterHeadersStatus {
    return FilterHeadersStatus.Continue
  }

  encodeData(_data: Buffer, _endStream: boolean): FilterDataStatus {
    return FilterDataStatus.Continue
  }

  encodeTrailers(_trailers: HeaderMap): FilterTrailersStatus {
    return FilterTrailersStatus.Continue
  }

  retainsData(): boolean {
    return false
  }

  onDestroy(): void {}
}
