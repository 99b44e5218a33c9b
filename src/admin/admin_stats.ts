// The admin interface's own statistics: `http.admin.*` and `listener.admin.*` by Envoy's names.

import type { Counter, Gauge, Histogram, Scope } from '../stats/store.ts'

/** Names that Envoy has from the start and that a plain HTTP/1 server of main never moves. */
const stillHttpCounters = `downstream_cx_delayed_close_timeout downstream_cx_drain_close downstream_cx_http1_soft_drain
  downstream_cx_http2_total downstream_cx_http3_total downstream_cx_idle_timeout downstream_cx_max_duration_reached
  downstream_cx_max_requests_reached downstream_cx_overload_disable_keepalive downstream_cx_ssl_total
  downstream_cx_upgrades_total downstream_flow_control_paused_reading_total
  downstream_flow_control_resumed_reading_total downstream_rq_failed_path_normalization downstream_rq_header_timeout
  downstream_rq_http2_total downstream_rq_http3_total downstream_rq_idle_timeout downstream_rq_max_duration_reached
  downstream_rq_non_relative_path downstream_rq_overload_close downstream_rq_redirected_with_normalized_path
  downstream_rq_rejected_via_ip_detection downstream_rq_response_before_rq_complete downstream_rq_timeout
  downstream_rq_too_large downstream_rq_too_many_premature_resets downstream_rq_tx_reset
  downstream_rq_ws_on_non_ws_route rs_too_large`
const stillHttpGauges = `downstream_cx_http2_active downstream_cx_http3_active downstream_cx_rx_bytes_buffered
  downstream_cx_ssl_active downstream_cx_tx_bytes_buffered downstream_cx_upgrades_active`
const stillListenerCounters = `downstream_cx_overflow downstream_cx_overload_reject
  downstream_cx_transport_socket_connect_timeout downstream_listener_filter_error
  downstream_listener_filter_remote_close downstream_pre_cx_timeout no_filter_chain_match`

/** The admin interface's codec is the first to have them; all codecs count in them. */
const codecCounters = `dropped_headers_with_underscores metadata_not_supported_error
  requests_rejected_with_underscores_in_headers response_flood`

export class AdminStats {
  readonly globalCxOverflow: Counter
  readonly cxTotal: readonly Counter[]
  readonly cxActive: readonly Gauge[]
  readonly cxDestroy: readonly Counter[]
  readonly cxDestroyLocal: Counter
  readonly cxDestroyRemote: Counter
  readonly cxDestroyActiveRq: Counter
  readonly cxDestroyLocalActiveRq: Counter
  readonly cxDestroyRemoteActiveRq: Counter
  readonly cxLengthMs: readonly Histogram[]
  readonly cxProtocolError: Counter
  readonly cxRxBytesTotal: Counter
  readonly cxTxBytesTotal: Counter
  readonly acceptedPerEvent: Histogram
  readonly rqTotal: readonly Counter[]
  readonly rqActive: Gauge
  readonly rqRxReset: Counter
  readonly rqCompleted: readonly Counter[]
  /** By hundreds from 1xx; each with its twin below the listener. */
  readonly rqXx: readonly (readonly Counter[])[]
  readonly rqTime: Histogram

  constructor(scope: Scope) {
    const http = scope.createScope('http.admin')
    const listener = scope.createScope('listener.admin')
    const thread = listener.createScope('main_thread')
    const twin = listener.createScope('http.admin')
    for (const name of words(stillHttpCounters)) http.counter(name)
    for (const name of words(stillHttpGauges)) http.gauge(name)
    for (const name of words(stillListenerCounters)) listener.counter(name)
    for (const name of words(codecCounters)) scope.counter(`http1.${name}`)
    listener.gauge('downstream_pre_cx_active').set(0)
    http.gauge('downstream_cx_rx_bytes_buffered').set(0)
    this.globalCxOverflow = listener.counter('downstream_global_cx_overflow')
    const total = 'downstream_cx_total'
    this.cxTotal = [
      http.counter(total),
      http.counter('downstream_cx_http1_total'),
      listener.counter(total),
      thread.counter(total),
    ]
    const active = 'downstream_cx_active'
    this.cxActive = [
      http.gauge(active),
      http.gauge('downstream_cx_http1_active'),
      listener.gauge(active),
      thread.gauge(active),
    ]
    this.cxDestroy = [http.counter('downstream_cx_destroy'), listener.counter('downstream_cx_destroy')]
    this.cxDestroyLocal = http.counter('downstream_cx_destroy_local')
    this.cxDestroyRemote = http.counter('downstream_cx_destroy_remote')
    this.cxDestroyActiveRq = http.counter('downstream_cx_destroy_active_rq')
    this.cxDestroyLocalActiveRq = http.counter('downstream_cx_destroy_local_active_rq')
    this.cxDestroyRemoteActiveRq = http.counter('downstream_cx_destroy_remote_active_rq')
    this.cxLengthMs = [http, listener].map((each) => each.histogram('downstream_cx_length_ms', 'ms'))
    this.cxProtocolError = http.counter('downstream_cx_protocol_error')
    this.cxRxBytesTotal = http.counter('downstream_cx_rx_bytes_total')
    this.cxTxBytesTotal = http.counter('downstream_cx_tx_bytes_total')
    this.acceptedPerEvent = listener.histogram('connections_accepted_per_socket_event', 'unspecified')
    this.rqTotal = [http.counter('downstream_rq_total'), http.counter('downstream_rq_http1_total')]
    this.rqActive = http.gauge('downstream_rq_active')
    this.rqRxReset = http.counter('downstream_rq_rx_reset')
    this.rqCompleted = [http, twin].map((each) => each.counter('downstream_rq_completed'))
    this.rqXx = [1, 2, 3, 4, 5].map((hundred) => [http, twin].map((each) => each.counter(`downstream_rq_${hundred}xx`)))
    this.rqTime = http.histogram('downstream_rq_time', 'ms')
  }
}

function words(text: string): string[] {
  return text.split(/\s+/)
}

export function incAll(stats: readonly { inc(): void }[]): void {
  for (const stat of stats) stat.inc()
}
