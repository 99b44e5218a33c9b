// The timeouts of one request: from the route, from x-envoy-* headers of trusted callers, and from grpc-timeout.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { isGrpcRequest } from '../http/grpc_status.ts'
import type { ForwardRoute } from '../http/route.ts'

/** Milliseconds; 0 means none. */
export interface RequestTimeouts {
  readonly globalMs: number
  readonly perTryMs: number
  readonly maxDurationMs: number
}

/** Also consumes the headers that set them, and tells the upstream what is left (x-envoy-expected-rq-timeout-ms). */
export function requestTimeouts(
  route: ForwardRoute,
  headers: HeaderMap,
  suppressEnvoyHeaders: boolean,
): RequestTimeouts {
  const grpc = (headers.known & KnownHeader.contentType) !== 0 && isGrpcRequest(headers)
  let globalMs = route.timeoutMs
  if (grpc && route.maxGrpcTimeoutMs !== undefined) globalMs = oldGrpcTimeout(route, headers)
  let perTryMs = route.retryPolicy?.perTryTimeoutMs ?? 0
  if ((headers.known & KnownHeader.xEnvoy) !== 0) {
    globalMs = takeNumber(headers, 'x-envoy-upstream-rq-timeout-ms') ?? globalMs
    perTryMs = takeNumber(headers, 'x-envoy-upstream-rq-per-try-timeout-ms') ?? perTryMs
  }
  if (perTryMs >= globalMs && globalMs > 0) perTryMs = 0
  const expectedMs = perTryMs > 0 ? perTryMs : globalMs
  if (expectedMs > 0 && !suppressEnvoyHeaders)
    headers.set('x-envoy-expected-rq-timeout-ms', String(Math.round(expectedMs)))
  return { globalMs, perTryMs, maxDurationMs: maxDuration(route, headers, grpc) }
}

/** A retry tells the upstream what is left of the whole timeout, `elapsedMs` after the request was complete. */
export function updateExpectedTimeout(headers: HeaderMap, timeouts: RequestTimeouts, elapsedMs: number): void {
  if (!headers.has('x-envoy-expected-rq-timeout-ms') || timeouts.globalMs <= 0) return
  const leftMs = Math.max(1, timeouts.globalMs - elapsedMs)
  const expectedMs = timeouts.perTryMs > 0 ? Math.min(timeouts.perTryMs, leftMs) : leftMs
  headers.set('x-envoy-expected-rq-timeout-ms', String(Math.floor(expectedMs)))
}

function takeNumber(headers: HeaderMap, name: string): number | undefined {
  const value = headers.get(name)
  if (value === undefined) return undefined
  headers.remove(name)
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** max_grpc_timeout: the client's grpc-timeout up to the maximum (0: any), less the offset. */
function oldGrpcTimeout(route: ForwardRoute, headers: HeaderMap): number {
  const max = route.maxGrpcTimeoutMs ?? 0
  let timeout = grpcTimeoutMs(headers.get('grpc-timeout')) ?? 0
  const offset = route.grpcTimeoutOffsetMs ?? 0
  if (offset > 0 && offset < timeout) timeout -= offset
  return max !== 0 && (timeout > max || timeout === 0) ? max : timeout
}

function maxDuration(route: ForwardRoute, headers: HeaderMap, grpc: boolean): number {
  if (grpc && route.grpcTimeoutHeaderMaxMs !== undefined) {
    const asked = grpcTimeoutMs(headers.get('grpc-timeout'))
    if (asked !== undefined) {
      const max = route.grpcTimeoutHeaderMaxMs
      const timeout = max !== 0 && (asked > max || asked === 0) ? max : asked
      const offset = route.grpcTimeoutHeaderOffsetMs ?? 0
      return offset > 0 && offset < timeout ? timeout - offset : timeout
    }
  }
  return route.maxStreamDurationMs ?? 0
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 }

/** `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout"); undefined if malformed. */
export function grpcTimeoutMs(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value)
  return match === null ? undefined : Math.ceil(Number(match[1]) * unitMs[match[2]])
}
