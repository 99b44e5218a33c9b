// An `outlier_detection` as its runtime values have it at the moment of asking.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { Runtime } from '../../config/runtime.ts'
import type { OutlierType } from './outlier_type.ts'

type OutlierDetectionView = envoy.config.cluster.v3.OutlierDetection

const defaultMaxEjectionTimeMs = 300_000
const defaultBaseEjectionTimeMs = 30_000

/** Times in milliseconds, `enforcing` and other shares in percent. */
export interface OutlierSettings {
  readonly splitsLocalOrigin: boolean
  readonly detectsDegraded: boolean
  readonly alwaysEjectsOne: boolean
  /** A check that passes ends an ejection. */
  readonly unejectsOnCheck: boolean
  readonly consecutive5xx: () => number
  readonly consecutiveGatewayFailure: () => number
  readonly consecutiveLocalOriginFailure: () => number
  readonly intervalMs: () => number
  readonly baseEjectionTimeMs: () => number
  readonly maxEjectionTimeMs: () => number
  readonly maxEjectionTimeJitterMs: () => number
  readonly maxEjectionPercent: () => number
  readonly successRateMinimumHosts: () => number
  readonly successRateRequestVolume: () => number
  /** In thousandths. */
  readonly successRateStdevFactor: () => number
  readonly failurePercentageThreshold: () => number
  readonly failurePercentageMinimumHosts: () => number
  readonly failurePercentageRequestVolume: () => number
  readonly enforcing: Readonly<Record<OutlierType, () => number>>
}

export function baseEjectionTimeMs(view: OutlierDetectionView): number {
  return Math.floor(view.baseEjectionTime ?? defaultBaseEjectionTimeMs)
}

export function maxEjectionTimeMs(view: OutlierDetectionView): number {
  return Math.floor(view.maxEjectionTime ?? Math.max(defaultMaxEjectionTimeMs, baseEjectionTimeMs(view)))
}

export function outlierSettings(view: OutlierDetectionView, runtime: Runtime): OutlierSettings {
  const integer = (key: string, byDefault: number) => () => runtime.getInteger(`outlier_detection.${key}`, byDefault)
  return {
    splitsLocalOrigin: view.splitExternalLocalOriginErrors,
    detectsDegraded: view.detectDegradedHosts ?? false,
    alwaysEjectsOne: view.alwaysEjectOneHost ?? false,
    unejectsOnCheck: view.successfulActiveHealthCheckUnejectHost ?? true,
    consecutive5xx: integer('consecutive_5xx', view.consecutive5xx ?? 5),
    consecutiveGatewayFailure: integer('consecutive_gateway_failure', view.consecutiveGatewayFailure ?? 5),
    consecutiveLocalOriginFailure: integer('consecutive_local_origin_failure', view.consecutiveLocalOriginFailure ?? 5),
    intervalMs: integer('interval_ms', Math.floor(view.interval ?? 10_000)),
    baseEjectionTimeMs: integer('base_ejection_time_ms', baseEjectionTimeMs(view)),
    maxEjectionTimeMs: integer('max_ejection_time_ms', maxEjectionTimeMs(view)),
    maxEjectionTimeJitterMs: integer('max_ejection_time_jitter_ms', Math.floor(view.maxEjectionTimeJitter ?? 0)),
    maxEjectionPercent: integer('max_ejection_percent', view.maxEjectionPercent ?? 10),
    successRateMinimumHosts: integer('success_rate_minimum_hosts', view.successRateMinimumHosts ?? 5),
    successRateRequestVolume: integer('success_rate_request_volume', view.successRateRequestVolume ?? 100),
    successRateStdevFactor: integer('success_rate_stdev_factor', view.successRateStdevFactor ?? 1900),
    failurePercentageThreshold: integer('failure_percentage_threshold', view.failurePercentageThreshold ?? 85),
    failurePercentageMinimumHosts: integer('failure_percentage_minimum_hosts', view.failurePercentageMinimumHosts ?? 5),
    failurePercentageRequestVolume: integer(
      'failure_percentage_request_volume',
      view.failurePercentageRequestVolume ?? 50,
    ),
    enforcing: {
      CONSECUTIVE_5XX: integer('enforcing_consecutive_5xx', view.enforcingConsecutive5xx ?? 100),
      CONSECUTIVE_GATEWAY_FAILURE: integer(
        'enforcing_consecutive_gateway_failure',
        view.enforcingConsecutiveGatewayFailure ?? 0,
      ),
      CONSECUTIVE_LOCAL_ORIGIN_FAILURE: integer(
        'enforcing_consecutive_local_origin_failure',
        view.enforcingConsecutiveLocalOriginFailure ?? 100,
      ),
      SUCCESS_RATE: integer('enforcing_success_rate', view.enforcingSuccessRate ?? 100),
      SUCCESS_RATE_LOCAL_ORIGIN: integer(
        'enforcing_local_origin_success_rate',
        view.enforcingLocalOriginSuccessRate ?? 100,
      ),
      FAILURE_PERCENTAGE: integer('enforcing_failure_percentage', view.enforcingFailurePercentage ?? 0),
      FAILURE_PERCENTAGE_LOCAL_ORIGIN: integer(
        'enforcing_failure_percentage_local_origin',
        view.enforcingFailurePercentageLocalOrigin ?? 0,
      ),
    },
  }
}
