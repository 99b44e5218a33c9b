// How a lost upstream stream is told: the words of bodies and details, the response flag, the status.

import type { StreamResetReason } from '../http/codec/codec.ts'
import type { LocalReply } from '../http/http_filter.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'

const words: Readonly<Record<StreamResetReason, string>> = {
  localConnectionFailure: 'local connection failure',
  remoteConnectionFailure: 'remote connection failure',
  connectionTimeout: 'connection timeout',
  localReset: 'local reset',
  localRefusedStreamReset: 'local refused stream reset',
  overflow: 'overflow',
  remoteReset: 'remote reset',
  remoteRefusedStreamReset: 'remote refused stream reset',
  connectionTermination: 'connection termination',
  connectError: 'remote error with CONNECT request',
  protocolError: 'protocol error',
  overloadManager: 'overload manager reset',
  httpOneHundredContinueUnsupported: 'HTTP/1 does not support 100-continue',
}

const flags: Readonly<Record<StreamResetReason, number>> = {
  localConnectionFailure: ResponseFlag.UpstreamConnectionFailure,
  remoteConnectionFailure: ResponseFlag.UpstreamConnectionFailure,
  connectionTimeout: ResponseFlag.UpstreamConnectionFailure,
  localReset: ResponseFlag.LocalReset,
  localRefusedStreamReset: ResponseFlag.LocalReset,
  overflow: ResponseFlag.UpstreamOverflow,
  remoteReset: ResponseFlag.UpstreamRemoteReset,
  remoteRefusedStreamReset: ResponseFlag.UpstreamRemoteReset,
  connectionTermination: ResponseFlag.UpstreamConnectionTermination,
  connectError: ResponseFlag.UpstreamRemoteReset,
  protocolError: ResponseFlag.UpstreamProtocolError,
  overloadManager: ResponseFlag.OverloadManagerTerminated,
  httpOneHundredContinueUnsupported: ResponseFlag.UpstreamProtocolError,
}

/** 502 where the upstream broke the protocol, 503 for all else. */
function resetReasonStatus(reason: StreamResetReason): number {
  return reason === 'protocolError' ? 502 : 503
}

export function isConnectFailure(reason: StreamResetReason): boolean {
  return reason === 'localConnectionFailure' || reason === 'remoteConnectionFailure' || reason === 'connectionTimeout'
}

/** `upstream_reset_before_response_started{connection_termination|...}`; details hold no spaces. */
export function resetDetails(started: boolean, reason: StreamResetReason, transportFailureReason: string): string {
  const cause = words[reason] + (transportFailureReason === '' ? '' : `|${transportFailureReason}`)
  return `upstream_reset_${started ? 'after' : 'before'}_response_started{${cause.replaceAll(' ', '_')}}`
}

/** The answer to a client whose upstream was lost before it answered. */
export function resetReply(
  reason: StreamResetReason,
  details: string,
  retried: boolean,
  suppressEnvoyHeaders: boolean,
): LocalReply {
  const latest = retried ? 'retried and the latest ' : ''
  const overloaded = reason === 'overflow' && !suppressEnvoyHeaders
  return {
    status: resetReasonStatus(reason),
    body: `upstream connect error or disconnect/reset before headers. ${latest}reset reason: ${words[reason]}`,
    details,
    flag: flags[reason],
    modifyHeaders: overloaded ? (headers) => headers.add('x-envoy-overloaded', 'true') : undefined,
  }
}
