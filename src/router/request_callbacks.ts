// What a request that goes upstream needs of whoever sends it.

import type { StreamDecoderFilterCallbacks } from '../http/http_filter.ts'
import type { Connection } from '../network/connection.ts'

/** A client's stream at the router filter, or a stream of the proxy's own, which has no connection. */
export interface RequestCallbacks
  extends Pick<
    StreamDecoderFilterCallbacks,
    | 'streamInfo'
    | 'route'
    | 'clearRouteCache'
    | 'decoderBufferLimit'
    | 'upstreamOverrideHost'
    | 'sendLocalReply'
    | 'resetStream'
    | 'encode1xxHeaders'
    | 'encodeHeaders'
    | 'encodeData'
    | 'encodeTrailers'
    | 'retainsEncodedData'
    | 'recreateStream'
    | 'addDownstreamWatermarkCallbacks'
    | 'removeDownstreamWatermarkCallbacks'
    | 'onDecoderFilterAboveWriteBufferHighWatermark'
    | 'onDecoderFilterBelowWriteBufferLowWatermark'
  > {
  readonly connection: Connection | undefined
}
