// The stats of one listener under Envoy's names: https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/stats

import type { Counter, Gauge, Histogram, Scope } from '../stats/store.ts'

/** All handles of one worker. `scope` is `listener.<address or stat_prefix>.`. */
export class ListenerStats {
  readonly cxTotal: Counter
  readonly cxDestroy: Counter
  readonly cxActive: Gauge
  readonly cxLengthMs: Histogram
  readonly cxOverflow: Counter
  readonly cxOverloadReject: Counter
  readonly cxTransportSocketConnectTimeout: Counter
  readonly globalCxOverflow: Counter
  readonly listenerFilterError: Counter
  readonly listenerFilterRemoteClose: Counter
  readonly preCxActive: Gauge
  readonly preCxTimeout: Counter
  readonly noFilterChainMatch: Counter
  /** Connections of a chain without filters, or with one whose configuration has not been discovered. */
  readonly networkExtensionConfigMissing: Counter
  /** The same of listener filters. */
  readonly extensionConfigMissing: Counter
  readonly connectionsAcceptedPerSocketEvent: Histogram
  readonly workerCxTotal: Counter
  readonly workerCxActive: Gauge

  /** `workerIndex` -1 is main, which builds listeners without serving them: it makes no name that no worker has. */
  constructor(scope: Scope, workerIndex: number) {
    this.cxTotal = scope.counter('downstream_cx_total')
    this.cxDestroy = scope.counter('downstream_cx_destroy')
    this.cxActive = scope.gauge('downstream_cx_active')
    this.cxLengthMs = scope.histogram('downstream_cx_length_ms', 'ms')
    this.cxOverflow = scope.counter('downstream_cx_overflow')
    this.cxOverloadReject = scope.counter('downstream_cx_overload_reject')
    this.cxTransportSocketConnectTimeout = scope.counter('downstream_cx_transport_socket_connect_timeout')
    this.globalCxOverflow = scope.counter('downstream_global_cx_overflow')
    this.listenerFilterError = scope.counter('downstream_listener_filter_error')
    this.listenerFilterRemoteClose = scope.counter('downstream_listener_filter_remote_close')
    this.preCxActive = scope.gauge('downstream_pre_cx_active')
    this.preCxTimeout = scope.counter('downstream_pre_cx_timeout')
    this.noFilterChainMatch = scope.counter('no_filter_chain_match')
    this.connectionsAcceptedPerSocketEvent = scope.histogram('connections_accepted_per_socket_event', 'unspecified')
    this.networkExtensionConfigMissing = scope.counter('network_extension_config_missing')
    this.extensionConfigMissing = scope.counter('extension_config_missing')
    const thread = scope.createScope(`worker_${Math.max(0, workerIndex)}`)
    this.workerCxTotal = thread.counter('downstream_cx_total')
    this.workerCxActive = thread.gauge('downstream_cx_active')
  }
}
