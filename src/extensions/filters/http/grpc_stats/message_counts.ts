// What grpc_stats leaves in the filter state, for %FILTER_STATE(envoy.filters.http.grpc_stats)%.

import type { FilterStateMessage, FilterStateObject } from '../../../../stream_info/filter_state.ts'

/** Logs as the message envoy.extensions.filters.http.grpc_stats.v3.FilterObject does. */
export class MessageCounts implements FilterStateObject {
  requestMessages = 0
  responseMessages = 0

  serializeAsString(): string {
    return `${this.requestMessages},${this.responseMessages}`
  }

  /** 64-bit numbers are strings in JSON, and zeros left out. */
  serializeAsJson(): Record<string, unknown> {
    const json: Record<string, unknown> = {}
    if (this.requestMessages > 0) json['requestMessageCount'] = String(this.requestMessages)
    if (this.responseMessages > 0) json['responseMessageCount'] = String(this.responseMessages)
    return json
  }

  serializeAsProto(): FilterStateMessage {
    const { requestMessages: requestMessageCount, responseMessages: responseMessageCount } = this
    return {
      typeUrl: 'envoy.extensions.filters.http.grpc_stats.v3.FilterObject',
      value: { requestMessageCount, responseMessageCount },
    }
  }
}
