// What outlier detection counts: `cluster.<name>.outlier_detection.`.

import type { Counter, Gauge, Scope } from '../../stats/store.ts'
import type { OutlierType } from './outlier_type.ts'

const namesOfTypes: Readonly<Record<OutlierType, string>> = {
  CONSECUTIVE_5XX: 'consecutive_5xx',
  CONSECUTIVE_GATEWAY_FAILURE: 'consecutive_gateway_failure',
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: 'consecutive_local_origin_failure',
  SUCCESS_RATE: 'success_rate',
  SUCCESS_RATE_LOCAL_ORIGIN: 'local_origin_success_rate',
  FAILURE_PERCENTAGE: 'failure_percentage',
  FAILURE_PERCENTAGE_LOCAL_ORIGIN: 'local_origin_failure_percentage',
}

type CountersOfTypes = Readonly<Record<OutlierType, Counter>>

export interface OutlierStats {
  readonly detected: CountersOfTypes
  readonly detectedDegradation: Counter
  readonly enforced: CountersOfTypes
  readonly enforcedTotal: Counter
  readonly overflow: Counter
  readonly active: Gauge
  /** Deprecated in Envoy: outliers by 5xx or success rate, whether they are ejected or not. */
  readonly total: Counter
  readonly consecutive5xx: Counter
  readonly successRate: Counter
}

export function outlierStats(clusterScope: Scope): OutlierStats {
  const scope = clusterScope.createScope('outlier_detection')
  const ofTypes = (prefix: string): CountersOfTypes => {
    const counters = Object.entries(namesOfTypes).map(([type, name]) => [type, scope.counter(`${prefix}_${name}`)])
    return Object.fromEntries(counters) as CountersOfTypes
  }
  return {
    detected: ofTypes('ejections_detected'),
    detectedDegradation: scope.counter('ejections_detected_degradation'),
    enforced: ofTypes('ejections_enforced'),
    enforcedTotal: scope.counter('ejections_enforced_total'),
    overflow: scope.counter('ejections_overflow'),
    active: scope.gauge('ejections_active'),
    total: scope.counter('ejections_total'),
    consecutive5xx: scope.counter('ejections_consecutive_5xx'),
    successRate: scope.counter('ejections_success_rate'),
  }
}
