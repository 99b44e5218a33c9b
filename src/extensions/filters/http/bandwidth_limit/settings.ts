// A BandwidthLimit as the filter reads it, with the bucket that all its streams share.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { fingerprint } from '../../../../common/fingerprint.ts'
import type { TokenBucket } from '../../../../common/token_bucket.ts'
import type { RouteContext } from '../../../../http/factory.ts'
import { createByteBucket, defaultFillIntervalMs } from '../../../../http/stream_rate_limiter.ts'
import type { Counter, Gauge, Histogram, Scope } from '../../../../stats/store.ts'

type BandwidthLimitView = envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit

export interface BandwidthLimitSettings {
  readonly enabled: () => boolean
  readonly limitsRequests: boolean
  readonly limitsResponses: boolean
  /** One for requests and responses of all workers. */
  readonly bucket: TokenBucket
  readonly fillIntervalMs: number
  readonly stats: { readonly request: DirectionStats; readonly response: DirectionStats }
  /** Undefined where the response tells nothing of its delays. */
  readonly trailers: { readonly request: TrailerNames; readonly response: TrailerNames } | undefined
}

export interface DirectionStats {
  readonly enabled: Counter
  readonly enforced: Counter
  readonly pending: Gauge
  /** Bytes of the piece that came last; over workers the sum of each one's last. */
  readonly incomingSize: Gauge
  readonly allowedSize: Gauge
  readonly incomingTotalSize: Counter
  readonly allowedTotalSize: Counter
  readonly transferDuration: Histogram
}

export interface TrailerNames {
  /** Milliseconds from the first piece of the body to its end. */
  readonly delay: string
  /** Of those, what the limit caused. */
  readonly filterDelay: string
}

/** What is wrong goes to `context.errors`. */
export function compileBandwidthLimit(view: BandwidthLimitView, context: RouteContext): BandwidthLimitSettings {
  const { runtime, shared, scope } = context
  const { enableMode } = view
  const stats = scope.createScope(`${view.statPrefix}.http_bandwidth_limit`)
  // A limit that has changed is another limit, and begins with a full bucket.
  const name = `${context.sharedName('http_bandwidth_limit')}.${fingerprint(view)}`
  return {
    enabled: view.runtimeEnabled === undefined ? () => true : runtime.flag(view.runtimeEnabled),
    limitsRequests: enableMode === 'REQUEST' || enableMode === 'REQUEST_AND_RESPONSE',
    limitsResponses: enableMode === 'RESPONSE' || enableMode === 'REQUEST_AND_RESPONSE',
    bucket: createByteBucket(view.limitKbps ?? 0, shared.cell64(name)),
    fillIntervalMs: view.fillInterval ?? defaultFillIntervalMs,
    stats: { request: directionStats(stats, 'request'), response: directionStats(stats, 'response') },
    trailers: view.enableResponseTrailers ? trailerNames(view.responseTrailerPrefix) : undefined,
  }
}

/** Of routes and virtual hosts, where settings without a limit make no sense. */
export function compileRouteBandwidthLimit(view: BandwidthLimitView, context: RouteContext): BandwidthLimitSettings {
  if (view.limitKbps === undefined) {
    context.errors.add(view, 'limitKbps', 'limit must be set for per route filter config')
  }
  return compileBandwidthLimit(view, context)
}

function directionStats(scope: Scope, direction: 'request' | 'response'): DirectionStats {
  return {
    enabled: scope.counter(`${direction}_enabled`),
    enforced: scope.counter(`${direction}_enforced`),
    pending: scope.gauge(`${direction}_pending`),
    incomingSize: scope.gauge(`${direction}_incoming_size`),
    allowedSize: scope.gauge(`${direction}_allowed_size`),
    incomingTotalSize: scope.counter(`${direction}_incoming_total_size`),
    allowedTotalSize: scope.counter(`${direction}_allowed_total_size`),
    transferDuration: scope.histogram(`${direction}_transfer_duration`, 'ms'),
  }
}

function trailerNames(prefix: string): BandwidthLimitSettings['trailers'] {
  const start = prefix === '' ? '' : `${prefix.toLowerCase()}-`
  const names = (direction: string): TrailerNames => ({
    delay: `${start}bandwidth-${direction}-delay-ms`,
    filterDelay: `${start}bandwidth-${direction}-filter-delay-ms`,
  })
  return { request: names('request'), response: names('response') }
}
