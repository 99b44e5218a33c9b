// A cluster's statistics by Envoy's names (`cluster.<name>.*`), as kept handles.

import type { Counter, Gauge, Histogram, Scope } from '../stats/store.ts'

const counterNames = {
  assignmentStale: 'assignment_stale',
  assignmentTimeoutReceived: 'assignment_timeout_received',
  bindErrors: 'bind_errors',
  defaultTotalMatchCount: 'default.total_match_count',
  lbHealthyPanic: 'lb_healthy_panic',
  lbLocalClusterNotOk: 'lb_local_cluster_not_ok',
  lbRecalculateZoneStructures: 'lb_recalculate_zone_structures',
  lbZoneClusterTooSmall: 'lb_zone_cluster_too_small',
  lbZoneNoCapacityLeft: 'lb_zone_no_capacity_left',
  lbZoneRoutingAllDirectly: 'lb_zone_routing_all_directly',
  lbZoneRoutingCrossZone: 'lb_zone_routing_cross_zone',
  lbZoneRoutingSampled: 'lb_zone_routing_sampled',
  membershipChange: 'membership_change',
  retryOrShadowAbandoned: 'retry_or_shadow_abandoned',
  updateAttempt: 'update_attempt',
  updateSuccess: 'update_success',
  updateFailure: 'update_failure',
  updateEmpty: 'update_empty',
  updateNoRebuild: 'update_no_rebuild',
  originalDstHostInvalid: 'original_dst_host_invalid',
  upstreamCxTotal: 'upstream_cx_total',
  upstreamCxHttp1Total: 'upstream_cx_http1_total',
  upstreamCxHttp2Total: 'upstream_cx_http2_total',
  upstreamCxHttp3Total: 'upstream_cx_http3_total',
  upstreamCxConnectFail: 'upstream_cx_connect_fail',
  upstreamCxConnectTimeout: 'upstream_cx_connect_timeout',
  upstreamCxConnectAttemptsExceeded: 'upstream_cx_connect_attempts_exceeded',
  upstreamCxIdleTimeout: 'upstream_cx_idle_timeout',
  upstreamCxMaxDurationReached: 'upstream_cx_max_duration_reached',
  upstreamCxMaxRequests: 'upstream_cx_max_requests',
  upstreamCxNoneHealthy: 'upstream_cx_none_healthy',
  upstreamCxOverflow: 'upstream_cx_overflow',
  upstreamCxPoolOverflow: 'upstream_cx_pool_overflow',
  upstreamCxProtocolError: 'upstream_cx_protocol_error',
  upstreamCxCloseNotify: 'upstream_cx_close_notify',
  upstreamCxDestroy: 'upstream_cx_destroy',
  upstreamCxDestroyLocal: 'upstream_cx_destroy_local',
  upstreamCxDestroyRemote: 'upstream_cx_destroy_remote',
  upstreamCxDestroyWithActiveRq: 'upstream_cx_destroy_with_active_rq',
  upstreamCxDestroyLocalWithActiveRq: 'upstream_cx_destroy_local_with_active_rq',
  upstreamCxDestroyRemoteWithActiveRq: 'upstream_cx_destroy_remote_with_active_rq',
  upstreamCxRxBytesTotal: 'upstream_cx_rx_bytes_total',
  upstreamCxTxBytesTotal: 'upstream_cx_tx_bytes_total',
  upstreamFlowControlBackedUpTotal: 'upstream_flow_control_backed_up_total',
  upstreamFlowControlDrainedTotal: 'upstream_flow_control_drained_total',
  upstreamFlowControlPausedReadingTotal: 'upstream_flow_control_paused_reading_total',
  upstreamFlowControlResumedReadingTotal: 'upstream_flow_control_resumed_reading_total',
  upstreamInternalRedirectFailedTotal: 'upstream_internal_redirect_failed_total',
  upstreamInternalRedirectSucceededTotal: 'upstream_internal_redirect_succeeded_total',
  upstreamRqTotal: 'upstream_rq_total',
  upstreamRqCompleted: 'upstream_rq_completed',
  upstreamRqActiveOverflow: 'upstream_rq_active_overflow',
  upstreamRqCancelled: 'upstream_rq_cancelled',
  upstreamRqMaintenanceMode: 'upstream_rq_maintenance_mode',
  upstreamRqMaxDurationReached: 'upstream_rq_max_duration_reached',
  upstreamRqPendingFailureEject: 'upstream_rq_pending_failure_eject',
  upstreamRqPendingOverflow: 'upstream_rq_pending_overflow',
  upstreamRqPendingTotal: 'upstream_rq_pending_total',
  upstreamRqPerTryIdleTimeout: 'upstream_rq_per_try_idle_timeout',
  upstreamRqPerTryTimeout: 'upstream_rq_per_try_timeout',
  upstreamRqRetry: 'upstream_rq_retry',
  upstreamRqRetryBackoffExponential: 'upstream_rq_retry_backoff_exponential',
  upstreamRqRetryBackoffRatelimited: 'upstream_rq_retry_backoff_ratelimited',
  upstreamRqRetryLimitExceeded: 'upstream_rq_retry_limit_exceeded',
  upstreamRqRetryOverflow: 'upstream_rq_retry_overflow',
  upstreamRqRetrySuccess: 'upstream_rq_retry_success',
  upstreamRqRxReset: 'upstream_rq_rx_reset',
  upstreamRqTimeout: 'upstream_rq_timeout',
  upstreamRqTxReset: 'upstream_rq_tx_reset',
} as const

const gaugeNames = {
  membershipTotal: 'membership_total',
  membershipHealthy: 'membership_healthy',
  membershipDegraded: 'membership_degraded',
  membershipExcluded: 'membership_excluded',
  maxHostWeight: 'max_host_weight',
  upstreamCxActive: 'upstream_cx_active',
  upstreamCxRxBytesBuffered: 'upstream_cx_rx_bytes_buffered',
  upstreamCxTxBytesBuffered: 'upstream_cx_tx_bytes_buffered',
  upstreamRqActive: 'upstream_rq_active',
  upstreamRqPendingActive: 'upstream_rq_pending_active',
  version: 'version',
  warmingState: 'warming_state',
} as const

const histograms = {
  upstreamCxConnectMs: ['upstream_cx_connect_ms', 'ms'],
  upstreamCxLengthMs: ['upstream_cx_length_ms', 'ms'],
  upstreamRqPerCx: ['upstream_rq_per_cx', 'unspecified'],
} as const

/** Names that a cluster has from the start in Envoy and that later parts move (subsets, zones, discovery, 0-RTT). */
const laterCounters = [
  'assignment_use_cached',
  'lb_subsets_created',
  'lb_subsets_fallback',
  'lb_subsets_fallback_panic',
  'lb_subsets_removed',
  'lb_subsets_selected',
  'upstream_cx_connect_with_0_rtt',
  'upstream_cx_preconnect_skipped',
  'upstream_http3_broken',
  'upstream_queue_overloaded',
  'upstream_rq_0rtt',
  'upstream_rq_rx_reset_no_error',
]

export type ClusterStats = { readonly [K in keyof typeof counterNames]: Counter } & {
  readonly [K in keyof typeof gaugeNames]: Gauge
} & { readonly [K in keyof typeof histograms]: Histogram }

/** `scope` is `cluster.<name>.`. With `declare` all names are there from the start, as in Envoy: one process does that. */
export function clusterStats(scope: Scope, declare: boolean): ClusterStats {
  const stats = new LazyClusterStats(scope)
  if (declare) {
    for (const name of laterCounters) scope.counter(name)
    scope.gauge('lb_subsets_active')
    stats.makeAll()
  }
  return stats as unknown as ClusterStats
}

type Handle = Counter | Gauge | Histogram

const makers: readonly (readonly [key: string, make: (scope: Scope) => Handle])[] = [
  ...Object.entries(counterNames).map(([key, name]) => [key, (scope: Scope) => scope.counter(name)] as const),
  ...Object.entries(gaugeNames).map(([key, name]) => [key, (scope: Scope) => scope.gauge(name)] as const),
  ...Object.entries(histograms).map(
    ([key, [name, unit]]) => [key, (scope: Scope) => scope.histogram(name, unit)] as const,
  ),
]

/** Makes each handle when it is first asked for: a worker uses few of its clusters, and of those few of their stats. */
class LazyClusterStats {
  readonly #scope: Scope
  readonly #handles: (Handle | undefined)[] = new Array(makers.length).fill(undefined)

  static {
    for (const [index, [key, make]] of makers.entries()) {
      Object.defineProperty(LazyClusterStats.prototype, key, {
        get(this: LazyClusterStats) {
          const handle = this.#handles[index] ?? make(this.#scope)
          this.#handles[index] = handle
          return handle
        },
      })
    }
  }

  constructor(scope: Scope) {
    this.#scope = scope
  }

  makeAll(): void {
    for (const [index, [, make]] of makers.entries()) this.#handles[index] ??= make(this.#scope)
  }
}
