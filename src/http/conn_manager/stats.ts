// The connection manager's statistics, by Envoy's names (`http.<stat_prefix>.*`), as kept handles.

import type { Counter, Gauge, Histogram, Scope } from '../../stats/store.ts'

export interface ConnectionManagerStats {
  readonly downstreamCxTotal: Counter
  readonly downstreamCxActive: Gauge
  readonly downstreamCxSslTotal: Counter
  readonly downstreamCxSslActive: Gauge
  readonly downstreamCxHttp1Total: Counter
  readonly downstreamCxHttp1Active: Gauge
  readonly downstreamCxHttp2Total: Counter
  readonly downstreamCxHttp2Active: Gauge
  readonly downstreamCxHttp1SoftDrain: Counter
  readonly downstreamCxDestroy: Counter
  readonly downstreamCxDestroyLocal: Counter
  readonly downstreamCxDestroyRemote: Counter
  readonly downstreamCxDestroyActiveRq: Counter
  readonly downstreamCxDestroyLocalActiveRq: Counter
  readonly downstreamCxDestroyRemoteActiveRq: Counter
  readonly downstreamCxDelayedCloseTimeout: Counter
  readonly downstreamCxDrainClose: Counter
  readonly downstreamCxIdleTimeout: Counter
  readonly downstreamCxMaxDurationReached: Counter
  readonly downstreamCxMaxRequestsReached: Counter
  readonly downstreamCxOverloadDisableKeepalive: Counter
  readonly downstreamCxProtocolError: Counter
  readonly downstreamCxRxBytesTotal: Counter
  readonly downstreamCxTxBytesTotal: Counter
  readonly downstreamCxRxBytesBuffered: Gauge
  readonly downstreamCxTxBytesBuffered: Gauge
  readonly downstreamCxUpgradesTotal: Counter
  readonly downstreamCxUpgradesActive: Gauge
  readonly downstreamCxLengthMs: Histogram
  readonly downstreamFlowControlPausedReadingTotal: Counter
  readonly downstreamFlowControlResumedReadingTotal: Counter
  readonly downstreamRqTotal: Counter
  readonly downstreamRqHttp1Total: Counter
  readonly downstreamRqHttp2Total: Counter
  readonly downstreamRqActive: Gauge
  readonly downstreamRqCompleted: Counter
  /** By hundreds: index 1 is downstream_rq_1xx. */
  readonly downstreamRqXx: readonly (Counter | undefined)[]
  readonly downstreamRqFailedPathNormalization: Counter
  readonly downstreamRqHeaderTimeout: Counter
  readonly downstreamRqIdleTimeout: Counter
  readonly downstreamRqMaxDurationReached: Counter
  readonly downstreamRqNonRelativePath: Counter
  readonly downstreamRqOverloadClose: Counter
  readonly downstreamRqRedirectedWithNormalizedPath: Counter
  readonly downstreamRqRejectedViaIpDetection: Counter
  readonly downstreamRqResponseBeforeRqComplete: Counter
  readonly downstreamRqRxReset: Counter
  readonly downstreamRqTxReset: Counter
  readonly downstreamRqTimeout: Counter
  readonly downstreamRqTooLarge: Counter
  readonly rsTooLarge: Counter
  readonly downstreamRqTooManyPrematureResets: Counter
  readonly downstreamRqWsOnNonWsRoute: Counter
  readonly downstreamRqTime: Histogram
  /** Requests that are health checks, whether anything is traced or not. */
  readonly tracingHealthCheck: Counter
}

/** The counters `1xx` to `5xx` of a prefix, by hundreds. */
export function classCounters(scope: Scope, prefix: string): readonly (Counter | undefined)[] {
  return [0, 1, 2, 3, 4, 5].map((hundred) => (hundred === 0 ? undefined : scope.counter(`${prefix}${hundred}xx`)))
}

/** Names that exist from the start in Envoy but that nothing here moves yet (HTTP/3, tracing). */
const laterCounters = [
  'downstream_cx_http3_total',
  'downstream_rq_http3_total',
  'tracing.client_enabled',
  'tracing.not_traceable',
  'tracing.random_sampling',
  'tracing.service_forced',
]
const laterGauges = ['downstream_cx_http3_active']

export function connectionManagerStats(scope: Scope, statPrefix: string): ConnectionManagerStats {
  const http = scope.createScope(`http.${statPrefix}`)
  for (const name of laterCounters) http.counter(name)
  for (const name of laterGauges) http.gauge(name)
  return {
    downstreamCxTotal: http.counter('downstream_cx_total'),
    downstreamCxActive: http.gauge('downstream_cx_active'),
    downstreamCxSslTotal: http.counter('downstream_cx_ssl_total'),
    downstreamCxSslActive: http.gauge('downstream_cx_ssl_active'),
    downstreamCxHttp1Total: http.counter('downstream_cx_http1_total'),
    downstreamCxHttp1Active: http.gauge('downstream_cx_http1_active'),
    downstreamCxHttp2Total: http.counter('downstream_cx_http2_total'),
    downstreamCxHttp2Active: http.gauge('downstream_cx_http2_active'),
    downstreamCxHttp1SoftDrain: http.counter('downstream_cx_http1_soft_drain'),
    downstreamCxDestroy: http.counter('downstream_cx_destroy'),
    downstreamCxDestroyLocal: http.counter('downstream_cx_destroy_local'),
    downstreamCxDestroyRemote: http.counter('downstream_cx_destroy_remote'),
    downstreamCxDestroyActiveRq: http.counter('downstream_cx_destroy_active_rq'),
    downstreamCxDestroyLocalActiveRq: http.counter('downstream_cx_destroy_local_active_rq'),
    downstreamCxDestroyRemoteActiveRq: http.counter('downstream_cx_destroy_remote_active_rq'),
    downstreamCxDelayedCloseTimeout: http.counter('downstream_cx_delayed_close_timeout'),
    downstreamCxDrainClose: http.counter('downstream_cx_drain_close'),
    downstreamCxIdleTimeout: http.counter('downstream_cx_idle_timeout'),
    downstreamCxMaxDurationReached: http.counter('downstream_cx_max_duration_reached'),
    downstreamCxMaxRequestsReached: http.counter('downstream_cx_max_requests_reached'),
    downstreamCxOverloadDisableKeepalive: http.counter('downstream_cx_overload_disable_keepalive'),
    downstreamCxProtocolError: http.counter('downstream_cx_protocol_error'),
    downstreamCxRxBytesTotal: http.counter('downstream_cx_rx_bytes_total'),
    downstreamCxTxBytesTotal: http.counter('downstream_cx_tx_bytes_total'),
    downstreamCxRxBytesBuffered: http.gauge('downstream_cx_rx_bytes_buffered'),
    downstreamCxTxBytesBuffered: http.gauge('downstream_cx_tx_bytes_buffered'),
    downstreamCxUpgradesTotal: http.counter('downstream_cx_upgrades_total'),
    downstreamCxUpgradesActive: http.gauge('downstream_cx_upgrades_active'),
    downstreamCxLengthMs: http.histogram('downstream_cx_length_ms', 'ms'),
    downstreamFlowControlPausedReadingTotal: http.counter('downstream_flow_control_paused_reading_total'),
    downstreamFlowControlResumedReadingTotal: http.counter('downstream_flow_control_resumed_reading_total'),
    downstreamRqTotal: http.counter('downstream_rq_total'),
    downstreamRqHttp1Total: http.counter('downstream_rq_http1_total'),
    downstreamRqHttp2Total: http.counter('downstream_rq_http2_total'),
    downstreamRqActive: http.gauge('downstream_rq_active'),
    downstreamRqCompleted: http.counter('downstream_rq_completed'),
    downstreamRqXx: classCounters(http, 'downstream_rq_'),
    downstreamRqFailedPathNormalization: http.counter('downstream_rq_failed_path_normalization'),
    downstreamRqHeaderTimeout: http.counter('downstream_rq_header_timeout'),
    downstreamRqIdleTimeout: http.counter('downstream_rq_idle_timeout'),
    downstreamRqMaxDurationReached: http.counter('downstream_rq_max_duration_reached'),
    downstreamRqNonRelativePath: http.counter('downstream_rq_non_relative_path'),
    downstreamRqOverloadClose: http.counter('downstream_rq_overload_close'),
    downstreamRqRedirectedWithNormalizedPath: http.counter('downstream_rq_redirected_with_normalized_path'),
    downstreamRqRejectedViaIpDetection: http.counter('downstream_rq_rejected_via_ip_detection'),
    downstreamRqResponseBeforeRqComplete: http.counter('downstream_rq_response_before_rq_complete'),
    downstreamRqRxReset: http.counter('downstream_rq_rx_reset'),
    downstreamRqTxReset: http.counter('downstream_rq_tx_reset'),
    downstreamRqTimeout: http.counter('downstream_rq_timeout'),
    downstreamRqTooLarge: http.counter('downstream_rq_too_large'),
    rsTooLarge: http.counter('rs_too_large'),
    downstreamRqTooManyPrematureResets: http.counter('downstream_rq_too_many_premature_resets'),
    downstreamRqWsOnNonWsRoute: http.counter('downstream_rq_ws_on_non_ws_route'),
    downstreamRqTime: http.histogram('downstream_rq_time', 'ms'),
    tracingHealthCheck: http.counter('tracing.health_check'),
  }
}

/** A listener's own share of the connection manager's counters (`listener.<address>.http.<stat_prefix>.*`). */
export interface ListenerHttpStats {
  readonly downstreamRqCompleted: Counter
  readonly downstreamRqXx: readonly (Counter | undefined)[]
}

export function listenerHttpStats(listenerScope: Scope, statPrefix: string): ListenerHttpStats {
  const scope = listenerScope.createScope(`http.${statPrefix}`)
  return {
    downstreamRqCompleted: scope.counter('downstream_rq_completed'),
    downstreamRqXx: classCounters(scope, 'downstream_rq_'),
  }
}

/** Counts a response by its class, interim ones too, but none to a health check. */
export function chargeResponse(
  of: { readonly stats: ConnectionManagerStats; readonly listenerStats: ListenerHttpStats },
  status: number,
  isHealthCheck: boolean,
): void {
  if (isHealthCheck) return
  const hundred = Math.floor(status / 100)
  of.stats.downstreamRqCompleted.inc()
  of.listenerStats.downstreamRqCompleted.inc()
  of.stats.downstreamRqXx[hundred]?.inc()
  of.listenerStats.downstreamRqXx[hundred]?.inc()
}
