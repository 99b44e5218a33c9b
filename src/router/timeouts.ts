// The timeouts of one request: from the route, from x-envoy-* headers of trusted callers, and from grpc-timeout.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { isGrpcRequest } from '../http/grpc_status.ts'
import type { LocalReply } from '../http/http_filter.ts'
import type { ForwardRoute } from '../http/route.ts'
import { grpcTimeout, grpcTimeoutMs } from '../http/stream_duration.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'

/** Milliseconds; 0 means none. */
export interface RequestTimeouts {
  readonly globalMs: number
  readonly perTryMs: number
  readonly perTryIdleMs: number
  readonly maxDurationMs: number
  /** One of the three above is set. */
  readonly limitsAttempts: boolean
  /** An attempt that takes too long goes on, and another is made beside it. */
  readonly hedges: boolean
  /** A timeout is answered with 204 instead of 504 (x-envoy-upstream-rq-timeout-alt-response). */
  readonly answersQuietly: boolean
  /** The upstream hears of them in x-envoy-expected-rq-timeout-ms. */
  readonly tells: boolean
  /** The upstream hears of them in grpc-timeout: the old max_grpc_timeout rules it. */
  readonly tellsGrpc: boolean
}

/** Also consumes the headers that set them, and tells the upstream what is left (x-envoy-expected-rq-timeout-ms). */
export function requestTimeouts(
  route: ForwardRoute,
  headers: HeaderMap,
  clusterMaxDurationMs: number,
  suppressEnvoyHeaders: boolean,
): RequestTimeouts {
  const grpc = (headers.known & KnownHeader.contentType) !== 0 && isGrpcRequest(headers)
  const usesMaxDuration = (route.maxStreamDurationMs ?? route.grpcTimeoutHeaderMaxMs) !== undefined
  const tellsGrpc = grpc && !usesMaxDuration && route.maxGrpcTimeoutMs !== undefined
  let globalMs = tellsGrpc ? oldGrpcTimeout(route, headers) : route.timeoutMs
  let maxDurationMs = clusterMaxDurationMs
  let hedges = route.hedgeOnPerTryTimeout
  let answersQuietly = false
  let perTryMs = route.retryPolicy?.perTryTimeoutMs ?? 0
  if ((headers.known & KnownHeader.xEnvoy) !== 0) {
    globalMs = takeNumber(headers, 'x-envoy-upstream-rq-timeout-ms') ?? globalMs
    perTryMs = takeNumber(headers, 'x-envoy-upstream-rq-per-try-timeout-ms') ?? perTryMs
    maxDurationMs = takeNumber(headers, 'x-envoy-upstream-stream-duration-ms') ?? maxDurationMs
    hedges = takeBoolean(headers, 'x-envoy-hedge-on-per-try-timeout') ?? hedges
    answersQuietly = headers.remove('x-envoy-upstream-rq-timeout-alt-response')
  }
  if (perTryMs >= globalMs && globalMs > 0) perTryMs = 0
  const perTryIdleMs = route.retryPolicy?.perTryIdleTimeoutMs ?? 0
  const limitsAttempts = perTryMs > 0 || perTryIdleMs > 0 || maxDurationMs > 0
  const timeouts = {
    globalMs,
    perTryMs,
    perTryIdleMs,
    maxDurationMs,
    limitsAttempts,
    hedges,
    answersQuietly,
    tells: !suppressEnvoyHeaders,
    tellsGrpc,
  }
  tellTimeout(headers, timeouts, 0)
  return timeouts
}

/**
 * Tells the upstream how long its answer may take: what is left of the timeout `elapsedMs` after the request was complete;
 * NaN while it is not, and the timeout has not begun.
 */
export function tellTimeout(headers: HeaderMap, timeouts: RequestTimeouts, elapsedMs: number): void {
  const { globalMs, perTryMs, hedges } = timeouts
  // An attempt that goes on beside another has all of the time.
  let expectedMs = perTryMs > 0 && !hedges ? perTryMs : globalMs
  if (expectedMs <= 0) return
  if (globalMs > 0) expectedMs = Math.min(expectedMs, Math.max(1, globalMs - Math.floor(elapsedMs || 0)))
  if (timeouts.tells) headers.set('x-envoy-expected-rq-timeout-ms', String(Math.floor(expectedMs)))
  if (timeouts.tellsGrpc) headers.set('grpc-timeout', grpcTimeout(expectedMs))
}

function takeNumber(headers: HeaderMap, name: string): number | undefined {
  const value = headers.get(name)
  if (value === undefined) return undefined
  headers.remove(name)
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

function takeBoolean(headers: HeaderMap, name: string): boolean | undefined {
  const value = headers.get(name)
  if (value === undefined) return undefined
  headers.remove(name)
  return value === 'true' ? true : value === 'false' ? false : undefined
}

/** max_grpc_timeout: the client's grpc-timeout up to the maximum (0: any), less the offset. */
function oldGrpcTimeout(route: ForwardRoute, headers: HeaderMap): number {
  const max = route.maxGrpcTimeoutMs ?? 0
  let timeout = grpcTimeoutMs(headers.get('grpc-timeout')) ?? 0
  const offset = route.grpcTimeoutOffsetMs ?? 0
  if (offset > 0 && offset < timeout) timeout -= offset
  return max !== 0 && (timeout > max || timeout === 0) ? max : timeout
}

export function timeoutReply({ answersQuietly }: RequestTimeouts, details: string): LocalReply {
  return {
    status: answersQuietly ? 204 : 504,
    body: answersQuietly ? '' : 'upstream request timeout',
    details,
    flag: ResponseFlag.UpstreamRequestTimeout,
  }
}

export function maxDurationReply(requestComplete: boolean): LocalReply {
  return {
    status: requestComplete ? 504 : 408,
    body: 'upstream max stream duration reached',
    details: 'upstream_max_stream_duration_reached',
    flag: ResponseFlag.UpstreamMaxStreamDurationReached,
  }
}
