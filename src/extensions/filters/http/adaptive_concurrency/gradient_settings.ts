// A GradientControllerConfig as the controller reads it; the runtime may override each number at any time.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterContext } from '../../../../http/factory.ts'

type GradientControllerConfig = envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig

export interface GradientSettings {
  readonly updateIntervalMs: () => number
  readonly minRttIntervalMs: () => number
  /** In milliseconds; undefined where it is measured. */
  readonly fixedMinRttMs: number | undefined
  /** How many samples a measurement of the least round trip takes. */
  readonly minRttRequestCount: () => number
  /** The limit during one. */
  readonly minConcurrency: () => number
  readonly minConcurrencyLimit: () => number
  readonly maxConcurrencyLimit: () => number
  /** Fractions of 1. */
  readonly jitter: () => number
  readonly buffer: () => number
  readonly percentile: () => number
}

const keyPrefix = 'adaptive_concurrency.gradient_controller.'

/** What is wrong goes to `context.errors`. */
export function compileGradientSettings(
  view: GradientControllerConfig | undefined,
  { runtime, errors }: HttpFilterContext,
): GradientSettings {
  const { concurrencyLimitParams: limit, minRttCalcParams: minRtt, sampleAggregatePercentile } = view ?? {}
  if (minRtt !== undefined && minRtt.interval === undefined && minRtt.fixedValue === undefined) {
    const message = 'adaptive_concurrency: neither `concurrency_update_interval` nor `fixed_value` set'
    errors.add(minRtt, undefined, message)
  }
  const integer = (key: string, byDefault: number) => () => runtime.getInteger(keyPrefix + key, byDefault)
  const fraction = (key: string, byDefault: number) => () =>
    Math.min(100, Math.max(0, runtime.getNumber(keyPrefix + key, byDefault))) / 100
  return {
    updateIntervalMs: integer('sample_rtt_calc_interval_ms', limit?.concurrencyUpdateInterval ?? 0),
    minRttIntervalMs: integer('min_rtt_calc_interval_ms', minRtt?.interval ?? 0),
    fixedMinRttMs: minRtt?.fixedValue,
    minRttRequestCount: integer('min_rtt_aggregate_request_count', minRtt?.requestCount ?? 50),
    minConcurrency: integer('min_concurrency', minRtt?.minConcurrency ?? 3),
    minConcurrencyLimit: integer('min_concurrency_limit', limit?.minConcurrencyLimit ?? 3),
    maxConcurrencyLimit: integer('max_concurrency_limit', limit?.maxConcurrencyLimit ?? 1000),
    jitter: fraction('jitter', minRtt?.jitter?.value ?? 15),
    buffer: fraction('min_rtt_buffer', minRtt?.buffer?.value ?? 25),
    percentile: fraction('sample_aggregate_percentile', sampleAggregatePercentile?.value ?? 50),
  }
}
