// max_stream_duration of a route, and the grpc-timeout header that may shorten it.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { isGrpcRequest } from './grpc_status.ts'
import type { ForwardRoute } from './route.ts'

/**
 * How long the whole stream may take by the route, and by grpc-timeout where the route lets it count; 0 for ever, undefined where the route says
 * nothing.
 */
export function maxStreamDuration(route: ForwardRoute, headers: HeaderMap): number | undefined {
  const grpc = (headers.known & KnownHeader.grpcTimeout) !== 0 && isGrpcRequest(headers)
  if (grpc && route.grpcTimeoutHeaderMaxMs !== undefined) {
    const asked = grpcTimeoutMs(headers.get('grpc-timeout'))
    if (asked !== undefined) {
      const max = route.grpcTimeoutHeaderMaxMs
      const timeout = max !== 0 && (asked > max || asked === 0) ? max : asked
      const offset = route.grpcTimeoutHeaderOffsetMs ?? 0
      return offset > 0 && offset < timeout ? timeout - offset : timeout
    }
  }
  return route.maxStreamDurationMs
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 }

/** `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout"); undefined if malformed. */
export function grpcTimeoutMs(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value)
  return match === null ? undefined : Math.ceil(Number(match[1]) * unitMs[match[2]])
}
