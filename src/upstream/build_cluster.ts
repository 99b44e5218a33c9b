// Builds a cluster from its configuration: checks, facts, load balancer.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { Scope } from '../stats/store.ts'
import { assignmentPolicy } from './assignment_policy.ts'
import { checkCluster } from './check_cluster.ts'
import { Cluster } from './cluster.ts'
import type { ClusterInfo, UpstreamHttpOptions } from './cluster_info.ts'
import { clusterStats } from './cluster_stats.ts'
import { clusterFactory, createLoadBalancer } from './create_load_balancer.ts'
import type { Locality } from './host.ts'
import { upstreamHttpOptions } from './http_options.ts'
import { ClusterLoadStats } from './load_stats.ts'
import { outlierReporting } from './outlier_detection/outlier_reporting.ts'
import { ResourceManager, type RoutingPriority } from './resource_manager.ts'
import type { LocalInfo, ServerContext } from './server_context.ts'
import type { ShadowPolicy } from './shadow_policy.ts'
import { budgetStats, sizeStats } from './tracked_stats.ts'
import { createTransportSocketMatcher } from './transport_socket_matcher.ts'
import { createConnector } from './upstream_connector.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const defaultConnectTimeoutMs = 5000
const defaultBufferLimitBytes = 1024 * 1024
const defaultIdleTimeoutMs = 3_600_000

/** What is wrong goes to `context.errors`. */
export function buildCluster(
  view: ClusterView,
  context: ServerContext,
  compileMirrorPolicies: (views: UpstreamHttpOptions['mirrorPolicies']) => readonly ShadowPolicy[] = () => [],
): Cluster {
  const observabilityName = view.altStatName === '' ? view.name : view.altStatName
  const scope = context.scope.createScope(`cluster.${observabilityName}`)
  const stats = clusterStats(scope, context.workerIndex < 0)
  checkCluster(view, context.clusterManager.localClusterName, context.errors)
  const http = upstreamHttpOptions(view, context.errors)
  const info: ClusterInfo = {
    name: view.name,
    observabilityName,
    config: view,
    scope,
    stats,
    connector: createConnector(view, context.clusterManager.upstreamBindConfig, stats, context.errors),
    transportSockets: createTransportSocketMatcher(view, scope, context),
    configuredPolicy: assignmentPolicy(view.loadAssignment, context.errors),
    connectTimeoutMs: view.connectTimeout ?? defaultConnectTimeoutMs,
    perConnectionBufferLimitBytes: view.perConnectionBufferLimitBytes ?? defaultBufferLimitBytes,
    maxRequestsPerConnection: http.common?.maxRequestsPerConnection ?? view.maxRequestsPerConnection ?? 0,
    idleTimeoutMs: http.common?.idleTimeout ?? defaultIdleTimeoutMs,
    maxConnectionDurationMs: http.common?.maxConnectionDuration ?? 0,
    maxStreamDurationMs: http.common?.maxStreamDuration ?? 0,
    preconnectRatio: view.preconnectPolicy?.perUpstreamPreconnectRatio ?? 1,
    predictivePreconnectRatio: view.preconnectPolicy?.predictivePreconnectRatio ?? 1,
    newConnection: context.overload.action('envoy.load_shed_points.connection_pool_new_connection'),
    closeConnectionsOnHostSetChange: view.commonLbConfig?.closeConnectionsOnHostSetChange ?? false,
    closeConnectionsOnHostHealthFailure: view.closeConnectionsOnHostHealthFailure,
    isChecked: view.healthChecks.length > 0,
    onUnhealthyHost: view.healthChecks.length > 0 ? context.onUnhealthyHost : undefined,
    outliers: outlierReporting(view, http.outlierDetection, context),
    http,
    shadowPolicies: compileMirrorPolicies(http.mirrorPolicies),
    metadata: view.metadata?.filterMetadata ?? {},
    hostConnectionCount:
      view.circuitBreakers?.perHostThresholds.some((each) => each.maxConnections !== undefined) === true
        ? (address) => context.shared.counter(`host_connections.${view.name}.${address}`)
        : undefined,
    endpointScope:
      view.trackClusterStats?.perEndpointStats === true ? (name) => scope.createScope(`endpoint.${name}`) : undefined,
    sizeStats: sizeStats(view, scope),
    budgetStats: budgetStats(view, scope),
    loadStats: new ClusterLoadStats(),
    loadReportMetricNames: view.lrsReportEndpointMetrics.length === 0 ? undefined : view.lrsReportEndpointMetrics,
    resourceManager: resourceManagers(view, scope, context),
  }
  const place = {
    localLocality: localLocality(context.localInfo),
    countsMembership: context.workerIndex < 0,
    dropLimitPercent: () => context.runtime.getInteger('load_balancing_policy.drop_overload_limit', 100),
  }
  const cluster = new Cluster(info, createLoadBalancer(view, info, context), place, context)
  clusterFactory(view, context)?.followHosts?.(view.clusterType?.typedConfig?.value, cluster, context)
  return cluster
}

/** Made when they are first needed: a worker uses few of its clusters. */
function resourceManagers(view: ClusterView, scope: Scope, context: ServerContext): ClusterInfo['resourceManager'] {
  const made: Partial<Record<RoutingPriority, ResourceManager>> = {}
  return (priority) => {
    made[priority] ??= new ResourceManager(
      view.name,
      priority,
      view.circuitBreakers,
      scope,
      context.shared,
      context.runtime,
    )
    return made[priority]
  }
}

function localLocality({ region, zone, subZone }: LocalInfo): Locality | undefined {
  return region === '' && zone === '' && subZone === '' ? undefined : { region, zone, subZone }
}
