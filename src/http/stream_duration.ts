// max_stream_duration of a route, and the grpc-timeout header that may shorten it.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { isGrpcRequest } from './grpc_status.ts'
import type { ForwardRoute } from './route.ts'

/**
 * How long the whole stream may take, in milliseconds, by the route, and by grpc-timeout where the route lets it count, of
 * whatever kind the request is; Infinity for ever. The upstream of a gRPC request hears in grpc-timeout what it has become.
 *
 * @param managerMs the connection manager's own max_stream_duration, 0 for none
 */
export function maxStreamDuration(route: ForwardRoute, headers: HeaderMap, managerMs: number): number {
  const asked = (headers.known & KnownHeader.grpcTimeout) !== 0 ? grpcTimeoutMs(headers.get('grpc-timeout')) : undefined
  const max = route.grpcTimeoutHeaderMaxMs
  const duration =
    asked === undefined || max === undefined
      ? (route.maxStreamDurationMs ?? managerMs) || Number.POSITIVE_INFINITY
      : Math.max(0, (max !== 0 && asked > max ? max : asked) - (route.grpcTimeoutHeaderOffsetMs ?? 0))
  if (!isGrpcRequest(headers)) return duration
  if (Number.isFinite(duration)) headers.set('grpc-timeout', grpcTimeout(duration))
  // As in Envoy, a route that lifts the limit says so only where there was one.
  else if (managerMs > 0) headers.remove('grpc-timeout')
  return duration
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 }
const mostDigits = 100_000_000

/** `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout"); undefined if malformed. */
export function grpcTimeoutMs(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value)
  return match === null ? undefined : Math.ceil(Number(match[1]) * unitMs[match[2]])
}

/** The smallest unit of at least a millisecond that eight digits can hold. */
export function grpcTimeout(durationMs: number): string {
  for (const unit of ['m', 'S', 'M']) {
    const value = Math.floor(durationMs / unitMs[unit])
    if (value < mostDigits) return `${value}${unit}`
  }
  return `${Math.min(Math.floor(durationMs / unitMs['H']), mostDigits - 1)}H`
}
