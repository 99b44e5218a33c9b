// The timeouts of one request: from the route, from x-envoy-* headers of trusted callers, and from grpc-timeout.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { isGrpcRequest } from '../http/grpc_status.ts'
import type { ForwardRoute } from '../http/route.ts'
import { grpcTimeoutMs } from '../http/stream_duration.ts'

/** Milliseconds; 0 means none. */
export interface RequestTimeouts {
  readonly globalMs: number
  readonly perTryMs: number
  readonly maxDurationMs: number
  /** A timeout is answered with 204 instead of 504 (x-envoy-upstream-rq-timeout-alt-response). */
  readonly answersQuietly: boolean
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
  let maxDurationMs = 0
  let answersQuietly = false
  let perTryMs = route.retryPolicy?.perTryTimeoutMs ?? 0
  if ((headers.known & KnownHeader.xEnvoy) !== 0) {
    globalMs = takeNumber(headers, 'x-envoy-upstream-rq-timeout-ms') ?? globalMs
    perTryMs = takeNumber(headers, 'x-envoy-upstream-rq-per-try-timeout-ms') ?? perTryMs
    maxDurationMs = takeNumber(headers, 'x-envoy-upstream-stream-duration-ms') ?? 0
    answersQuietly = headers.remove('x-envoy-upstream-rq-timeout-alt-response')
  }
  if (perTryMs >= globalMs && globalMs > 0) perTryMs = 0
  const expectedMs = perTryMs > 0 ? perTryMs : globalMs
  if (expectedMs > 0 && !suppressEnvoyHeaders)
    headers.set('x-envoy-expected-rq-timeout-ms', String(Math.round(expectedMs)))
  return { globalMs, perTryMs, maxDurationMs, answersQuietly }
}

/** A retry tells the upstream what is left of the whole timeout, `elapsedMs` after the request was complete. */
export function updateExpectedTimeout(headers: HeaderMap, timeouts: RequestTimeouts, elapsedMs: number): void {
  if (!headers.has('x-envoy-expected-rq-timeout-ms') || timeouts.globalMs <= 0) return
  const leftMs = Math.max(1, timeouts.globalMs - Math.floor(elapsedMs))
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
