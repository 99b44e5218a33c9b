// What a request's end by its codec is called in logs.

import { ResponseFlag } from '../../stream_info/response_flags.ts'
import type { StreamResetReason } from '../codec/codec.ts'

export function resetFlag(reason: StreamResetReason): number {
  switch (reason) {
    case 'remoteReset':
    case 'remoteRefusedStreamReset':
    case 'connectError':
      return ResponseFlag.DownstreamRemoteReset
    case 'overloadManager':
      return ResponseFlag.OverloadManagerTerminated
    default:
      return ResponseFlag.DownstreamProtocolError
  }
}
