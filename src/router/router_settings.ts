// What one configured router filter is made of, and its statistics.

import type { Runtime } from '../config/runtime.ts'
import type { HttpConnectionPool } from '../http/conn_pool/connection_pool.ts'
import type { OverloadAction } from '../network/overload/overload_state.ts'
import type { Counter, Scope } from '../stats/store.ts'
import type { Protocol } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { Host } from '../upstream/host.ts'
import type { TransportSocketOptions } from '../upstream/transport_socket.ts'

/** The HTTP pools of this worker, one per host, priority and protocol. */
export interface HttpPools {
  /** By `downstream`, what the request came by. Undefined where the circuit breaker allows no more pools. */
  get(
    host: Host,
    priority: 'DEFAULT' | 'HIGH',
    downstream: Protocol | '',
    options: TransportSocketOptions | undefined,
  ): HttpConnectionPool | undefined
  /** Connects ahead for the requests after the next one. */
  preconnect(cluster: Cluster, priority: 'DEFAULT' | 'HIGH', downstream: Protocol | ''): void
}

export interface RouterSettings {
  readonly clusterManager: ClusterManager
  readonly pools: HttpPools
  readonly stats: RouterStats
  readonly runtime: Runtime
  /** A load shed point: whether overload stands against a request upstream. */
  readonly filterCheck: OverloadAction
  readonly suppressEnvoyHeaders: boolean
  /** dynamic_stats: counts codes and times. */
  readonly dynamicStats: boolean
  /** Responses to gRPC calls count, but not under their HTTP codes. */
  readonly suppressGrpcCodeStats: boolean
  /** The zone that the proxy runs in; '' where it is not known. */
  readonly localZone: string
}

export interface RouterStats {
  readonly noCluster: Counter
  readonly noRoute: Counter
  readonly rqTotal: Counter
  readonly rqDirectResponse: Counter
  readonly rqRedirect: Counter
  readonly rqResetAfterDownstreamResponseStarted: Counter
  readonly rqOverloadLocalReply: Counter
  readonly passthroughInternalRedirectBadLocation: Counter
  readonly passthroughInternalRedirectNoRoute: Counter
  readonly passthroughInternalRedirectPredicate: Counter
  readonly passthroughInternalRedirectTooManyRedirects: Counter
  readonly passthroughInternalRedirectUnsafeScheme: Counter
}

/** `http.<stat_prefix>.` */
export function routerStats(scope: Scope, prefix: string): RouterStats {
  const counter = (name: string): Counter => scope.counter(prefix + name)
  return {
    noCluster: counter('no_cluster'),
    noRoute: counter('no_route'),
    rqTotal: counter('rq_total'),
    rqDirectResponse: counter('rq_direct_response'),
    rqRedirect: counter('rq_redirect'),
    rqResetAfterDownstreamResponseStarted: counter('rq_reset_after_downstream_response_started'),
    rqOverloadLocalReply: counter('rq_overload_local_reply'),
    passthroughInternalRedirectBadLocation: counter('passthrough_internal_redirect_bad_location'),
    passthroughInternalRedirectNoRoute: counter('passthrough_internal_redirect_no_route'),
    passthroughInternalRedirectPredicate: counter('passthrough_internal_redirect_predicate'),
    passthroughInternalRedirectTooManyRedirects: counter('passthrough_internal_redirect_too_many_redirects'),
    passthroughInternalRedirectUnsafeScheme: counter('passthrough_internal_redirect_unsafe_scheme'),
  }
}
