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
  const reason = end === 'remote connection failure' ? connectFailure(status.message, remote) : ''
  const cause = reason === '' ? end : `${end}|${reason}`
  const details = `upstream_reset_${isAnswered ? 'after' : 'before'}_response_started{${cause.replaceAll(' ', '_')}}`
  return isAnswered
    ? { code: grpcInternal, message: details }
    : { code: grpcUnavailable, message: `${resetBefore} ${end}{${details}}` }
}

/** Why there is no connection: the system's reason, or the transport socket's. */
function connectFailure(message: string, remote: AddressInfo): string {
  const [, reason = ''] = /Last error: (?:Error: )?(.*?)(?:\. Resolution note: .*)?$/s.exec(message) ?? []
  const [, errno] = /\b(?:connect|read|write) (E[A-Z]+)\b/.exec(reason) ?? []
  return errno === undefined ? reason : connectErrorWords(errno, remote)
}
