// ResponseFlags of a log entry.

import type { ResponseFlags, Sparse } from '../../config/access_log_messages.ts'
import { ResponseFlag } from '../../stream_info/response_flags.ts'

/** Those that the message has a plain field for; it has none for the two kinds of drop overload. */
const fieldOfFlag: readonly (readonly [flag: number, field: Exclude<keyof ResponseFlags, 'unauthorizedDetails'>])[] = [
  [ResponseFlag.FailedLocalHealthCheck, 'failedLocalHealthcheck'],
  [ResponseFlag.NoHealthyUpstream, 'noHealthyUpstream'],
  [ResponseFlag.UpstreamRequestTimeout, 'upstreamRequestTimeout'],
  [ResponseFlag.LocalReset, 'localReset'],
  [ResponseFlag.UpstreamRemoteReset, 'upstreamRemoteReset'],
  [ResponseFlag.UpstreamConnectionFailure, 'upstreamConnectionFailure'],
  [ResponseFlag.UpstreamConnectionTermination, 'upstreamConnectionTermination'],
  [ResponseFlag.UpstreamOverflow, 'upstreamOverflow'],
  [ResponseFlag.NoRouteFound, 'noRouteFound'],
  [ResponseFlag.DelayInjected, 'delayInjected'],
  [ResponseFlag.FaultInjected, 'faultInjected'],
  [ResponseFlag.RateLimited, 'rateLimited'],
  [ResponseFlag.RateLimitServiceError, 'rateLimitServiceError'],
  [ResponseFlag.DownstreamConnectionTermination, 'downstreamConnectionTermination'],
  [ResponseFlag.UpstreamRetryLimitExceeded, 'upstreamRetryLimitExceeded'],
  [ResponseFlag.StreamIdleTimeout, 'streamIdleTimeout'],
  [ResponseFlag.InvalidEnvoyRequestHeaders, 'invalidEnvoyRequestHeaders'],
  [ResponseFlag.DownstreamProtocolError, 'downstreamProtocolError'],
  [ResponseFlag.UpstreamMaxStreamDurationReached, 'upstreamMaxStreamDurationReached'],
  [ResponseFlag.ResponseFromCacheFilter, 'responseFromCacheFilter'],
  [ResponseFlag.NoFilterConfigFound, 'noFilterConfigFound'],
  [ResponseFlag.DurationTimeout, 'durationTimeout'],
  [ResponseFlag.UpstreamProtocolError, 'upstreamProtocolError'],
  [ResponseFlag.NoClusterFound, 'noClusterFound'],
  [ResponseFlag.OverloadManagerTerminated, 'overloadManager'],
  [ResponseFlag.DnsResolutionFailed, 'dnsResolutionFailure'],
  [ResponseFlag.DownstreamRemoteReset, 'downstreamRemoteReset'],
]

/** `flags` are bits of ResponseFlag; undefined without any. */
export function responseFlagsView(flags: number): Sparse<ResponseFlags> | undefined {
  if (flags === 0) return undefined
  const view: { -readonly [Field in keyof ResponseFlags]?: Sparse<ResponseFlags[Field]> } = {}
  for (const [flag, field] of fieldOfFlag) if ((flags & flag) !== 0) view[field] = true
  if ((flags & ResponseFlag.UnauthorizedExternalService) !== 0)
    view.unauthorizedDetails = { reason: 'EXTERNAL_SERVICE' }
  return view
}
