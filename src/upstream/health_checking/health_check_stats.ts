// What a health checker counts: `cluster.<name>.health_check.`.

import type { Counter, Gauge, Scope } from '../../stats/store.ts'

export interface HealthCheckStats {
  readonly attempt: Counter
  readonly success: Counter
  readonly failure: Counter
  readonly networkFailure: Counter
  readonly passiveFailure: Counter
  readonly verifyCluster: Counter
  /** Hosts that are checked and are not failed. */
  readonly healthy: Gauge
  readonly degraded: Gauge
}

/** `name` of the health check, '' for none, keeps its stats apart from those of the cluster's others. */
export function healthCheckStats(clusterScope: Scope, name: string): HealthCheckStats {
  const scope = clusterScope.createScope(name === '' ? 'health_check' : `health_check.name.${name}`)
  return {
    attempt: scope.counter('attempt'),
    success: scope.counter('success'),
    failure: scope.counter('failure'),
    networkFailure: scope.counter('network_failure'),
    passiveFailure: scope.counter('passive_failure'),
    verifyCluster: scope.counter('verify_cluster'),
    healthy: scope.gauge('healthy'),
    degraded: scope.gauge('degraded'),
  }
}
