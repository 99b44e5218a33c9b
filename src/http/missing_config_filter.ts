// Answers in the place of a filter whose configuration has not been discovered.

import { ResponseFlag } from '../stream_info/response_flags.ts'
import { FilterHeadersStatus, type HttpFilterFactoryCb } from './http_filter.ts'
import { PassThroughFilter } from './pass_through_filter.ts'

class MissingConfigFilter extends PassThroughFilter {
  override decodeHeaders(): FilterHeadersStatus {
    this.decoderCallbacks.sendLocalReply({
      status: 500,
      body: '',
      details: '',
      flag: ResponseFlag.NoFilterConfigFound,
    })
    return FilterHeadersStatus.StopIteration
  }
}

export const addMissingConfigFilter: HttpFilterFactoryCb = (builder) =>
  builder.addDecoderFilter(new MissingConfigFilter())
