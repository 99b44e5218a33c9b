// What is fixed about a cluster: its configuration as settings, its statistics, its circuit breakers.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { OverloadAction } from '../network/overload/overload_state.ts'
import type { SharedCounter } from '../stats/shared_counter.ts'
import type { Scope } from '../stats/store.ts'
import type { ClusterStats } from './cluster_stats.ts'
import type { Host } from './host.ts'
import type { ClusterLoadStats } from './load_stats.ts'
import type { OutlierReporting } from './outlier_detection/outlier_reporting.ts'
import type { AssignmentPolicy } from './priority_set.ts'
import type { ResourceManager, RoutingPriority } from './resource_manager.ts'
import type { ShadowPolicy } from './shadow_policy.ts'
import type { BudgetStats, SizeStats } from './tracked_stats.ts'
import type { TransportSocketMatcher } from './transport_socket_matcher.ts'
import type { UpstreamConnector } from './upstream_connector.ts'

/** HttpProtocolOptions of the cluster, from typed_extension_protocol_options or the older fields. */
export interface UpstreamHttpOptions {
  /** `auto`: what each connection agrees on with the host (ALPN); `downstream`: what the request came by. */
  readonly protocol: 'http1' | 'http2' | 'auto' | 'downstream'
  /** How the server's name comes from the request. */
  readonly upstream: envoy.config.core.v3.UpstreamHttpProtocolOptions | undefined
  readonly common: envoy.config.core.v3.HttpProtocolOptions | undefined
  readonly http1: envoy.config.core.v3.Http1ProtocolOptions | undefined
  readonly http2: envoy.config.core.v3.Http2ProtocolOptions | undefined
  /** Which responses are errors for outlier detection; undefined for those whose status says so. */
  readonly outlierDetection: envoy.extensions.upstreams.http.v3.HttpProtocolOptions.OutlierDetection | undefined
  readonly mirrorPolicies: readonly envoy.config.route.v3.RouteAction.RequestMirrorPolicy[]
}

/** Milliseconds throughout; 0 means none. */
export interface ClusterInfo {
  readonly name: string
  /** alt_stat_name, or the name: what statistics and %UPSTREAM_CLUSTER% show. */
  readonly observabilityName: string
  readonly config: envoy.config.cluster.v3.Cluster
  readonly scope: Scope
  readonly stats: ClusterStats
  /** `policy` of the configured load assignment; a discovered one has its own. */
  readonly configuredPolicy: AssignmentPolicy | undefined
  readonly connectTimeoutMs: number
  readonly perConnectionBufferLimitBytes: number
  readonly maxRequestsPerConnection: number
  readonly idleTimeoutMs: number
  readonly maxConnectionDurationMs: number
  readonly maxStreamDurationMs: number
  /** Connections to have ready for each expected request, 1 to 3. */
  readonly preconnectRatio: number
  /** A load shed point: whether overload stands against a new connection. */
  readonly newConnection: OverloadAction
  /** Connections to have ready over all hosts for each expected request, 1 to 3. */
  readonly predictivePreconnectRatio: number
  readonly closeConnectionsOnHostSetChange: boolean
  readonly closeConnectionsOnHostHealthFailure: boolean
  /** It has health checks. */
  readonly isChecked: boolean
  /** A response for traffic has said that its host wants no more of it; undefined where hosts are not checked. */
  readonly onUnhealthyHost: ((host: Host) => void) | undefined
  /** Undefined where outliers are not detected. */
  readonly outliers: OutlierReporting | undefined
  readonly http: UpstreamHttpOptions
  /** Where copies of its requests go, whatever their routes say; none leaves it to those. */
  readonly shadowPolicies: readonly ShadowPolicy[]
  /** Opens the sockets of its connections. */
  readonly connector: UpstreamConnector
  /** Knows what stands between them and those sockets. */
  readonly transportSockets: TransportSocketMatcher
  readonly metadata: Readonly<Record<string, Record<string, unknown>>>
  /** How many connections a host has in all workers; undefined where per_host_thresholds set no limit. */
  readonly hostConnectionCount: ((address: string) => SharedCounter) | undefined
  /** Where the statistics of one host go; undefined without per_endpoint_stats. */
  readonly endpointScope: ((name: string) => Scope) | undefined
  /** Undefined where track_cluster_stats does not ask for them. */
  readonly sizeStats: SizeStats | undefined
  readonly budgetStats: BudgetStats | undefined
  readonly loadStats: ClusterLoadStats
  /** Metrics that hosts tell and load reports pass on; undefined for none. */
  readonly loadReportMetricNames: readonly string[] | undefined
  resourceManager(priority: RoutingPriority): ResourceManager
}
