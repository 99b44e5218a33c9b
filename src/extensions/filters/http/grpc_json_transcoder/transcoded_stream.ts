// What the request and the response of one transcoded stream share.

import type { MatchedMethod } from './method_lookup.ts'
import type { TranscoderSettings } from './settings.ts'

export interface TranscodedStream {
  readonly settings: TranscoderSettings
  readonly matched: MatchedMethod
  /** An error was sent, or the upstream does not speak gRPC: all passes as it is from here on. */
  failed: boolean
}

/** %RESPONSE_CODE_DETAILS% of errors, in front of their kind in braces. */
export const failed = 'grpc_json_transcode_failure'
/** As long as the request has no body. */
export const failedEarly = `early_${failed}`

export const noData: Buffer = Buffer.alloc(0)
