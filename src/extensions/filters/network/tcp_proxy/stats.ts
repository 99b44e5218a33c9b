// Stats of tcp_proxy under Envoy's names: https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/network_filters/tcp_proxy_filter

import type { Counter, Gauge, Scope } from '../../../../stats/store.ts'

export interface TcpProxyStats {
  readonly downstreamCxTotal: Counter
  readonly downstreamCxNoRoute: Counter
  readonly downstreamCxDrainClose: Counter
  readonly downstreamCxOverloadClose: Counter
  readonly downstreamCxRxBytesTotal: Counter
  readonly downstreamCxTxBytesTotal: Counter
  readonly downstreamFlowControlPausedReadingTotal: Counter
  readonly downstreamFlowControlResumedReadingTotal: Counter
  readonly idleTimeout: Counter
  readonly maxDownstreamConnectionDuration: Counter
  readonly upstreamFlushTotal: Counter
  readonly upstreamFlushActive: Gauge
}

export function tcpProxyStats(root: Scope, statPrefix: string): TcpProxyStats {
  const scope = root.createScope(`tcp.${statPrefix}`)
  // Envoy makes these too; nothing here buffers what was read, delays routes or takes early data.
  scope.gauge('downstream_cx_rx_bytes_buffered')
  scope.gauge('downstream_cx_tx_bytes_buffered')
  scope.counter('early_data_received_count_total')
  scope.counter('route_delayed_total')
  return {
    downstreamCxTotal: scope.counter('downstream_cx_total'),
    downstreamCxNoRoute: scope.counter('downstream_cx_no_route'),
    downstreamCxDrainClose: scope.counter('downstream_cx_drain_close'),
    downstreamCxOverloadClose: scope.counter('downstream_cx_overload_close'),
    downstreamCxRxBytesTotal: scope.counter('downstream_cx_rx_bytes_total'),
    downstreamCxTxBytesTotal: scope.counter('downstream_cx_tx_bytes_total'),
    downstreamFlowControlPausedReadingTotal: scope.counter('downstream_flow_control_paused_reading_total'),
    downstreamFlowControlResumedReadingTotal: scope.counter('downstream_flow_control_resumed_reading_total'),
    idleTimeout: scope.counter('idle_timeout'),
    maxDownstreamConnectionDuration: scope.counter('max_downstream_connection_duration'),
    upstreamFlushTotal: scope.counter('upstream_flush_total'),
    upstreamFlushActive: scope.gauge('upstream_flush_active'),
  }
}
