// How calls over a cluster end, told in Envoy's words where grpc-js has others.

import { connectErrorWords } from '../network/connect_errors.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { type GrpcStatus, grpcInternal, grpcUnavailable } from './grpc_client.ts'

/** `endedByServer`: this side had more to say. The others have no status of the server's. */
export type CallEnd =
  | 'endedByServer'
  | 'endedByBoth'
  | 'connection timeout'
  | 'remote connection failure'
  | 'connection termination'
  | 'remote reset'

const resetBefore = 'upstream connect error or disconnect/reset before headers. reset reason:'

/** How far a call had come. */
export interface CallProgress {
  readonly isWaiting: boolean
  readonly isAnswered: boolean
  /** On this side. */
  readonly isEnded: boolean
}

export function callEnd({ code, message }: GrpcStatus, { isWaiting, isEnded }: CallProgress): CallEnd {
  if (isWaiting) return 'remote connection failure'
  if (message.startsWith('Received RST_STREAM with code')) return 'remote reset'
  const isGone = message === 'Connection dropped' || /\bE(?:CONNRESET|TIMEDOUT|PIPE)\b/.test(message)
  if (code === grpcUnavailable && isGone) return 'connection termination'
  return isEnded ? 'endedByBoth' : 'endedByServer'
}

/** The status as Envoy would tell it. */
export function endStatus(status: GrpcStatus, end: CallEnd, isAnswered: boolean, remote: AddressInfo): GrpcStatus {
  if (end === 'endedByBoth' || end === 'endedByServer') return status
  const [errno = ''] = end === 'remote connection failure' ? (/\bE[A-Z]{3,}\b/.exec(status.message) ?? []) : []
  const cause = [end, connectErrorWords(errno, remote)].filter((text) => text !== '').join('|')
  const details = `upstream_reset_${isAnswered ? 'after' : 'before'}_response_started{${cause.replaceAll(' ', '_')}}`
  return isAnswered
    ? { code: grpcInternal, message: details }
    : { code: grpcUnavailable, message: `${resetBefore} ${end}{${details}}` }
}
