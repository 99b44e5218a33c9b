// Builds a cluster from its configuration: checks, facts, load balancer.

import type { envoy } from '../../proto/generated/api.d.ts'
import { absenceNote } from '../config/registry.ts'
import { checkCluster } from './check_cluster.ts'
import { Cluster } from './cluster.ts'
import type { ClusterInfo, UpstreamHttpOptions } from './cluster_info.ts'
import { clusterStats } from './cluster_stats.ts'
import { createLoadBalancer } from './create_load_balancer.ts'
import type { Locality } from './host.ts'
import { ResourceManager } from './resource_manager.ts'
import type { LocalInfo, ServerContext } from './server_context.ts'
import { budgetStats, sizeStats } from './tracked_stats.ts'
import { createTransportSocketMatcher } from './transport_socket_matcher.ts'
import { createConnector } from './upstream_connector.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type HttpProtocolOptions = envoy.extensions.upstreams.http.v3.HttpProtocolOptions

const httpOptionsType = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const upstreamCodecType = 'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec'
const defaultConnectTimeoutMs = 5000
const defaultBufferLimitBytes = 1024 * 1024
const defaultIdleTimeoutMs = 3_600_000

export function buildCluster(view: ClusterView, context: ServerContext): Cluster {
  const observabilityName = view.altStatName === '' ? view.name : view.altStatName
  const scope = context.scope.createScope(`cluster.${observabilityName}`)
  const stats = clusterStats(scope)
  checkCluster(view, context.errors)
  const http = upstreamHttpOptions(view, context)
  const manager = (priority: 'DEFAULT' | 'HIGH'): ResourceManager =>
    new ResourceManager(view.name, priority, view.circuitBreakers, scope, context.shared, context.runtime)
  const byDefault = manager('DEFAULT')
  const high = manager('HIGH')
  const info: ClusterInfo = {
    name: view.name,
    observabilityName,
    config: view,
    scope,
    stats,
    connector: createConnector(view, context.clusterManager.upstreamBindConfig, stats, context.errors),
    transportSockets: createTransportSocketMatcher(view, scope, context),
    connectTimeoutMs: view.connectTimeout ?? defaultConnectTimeoutMs,
    perConnectionBufferLimitBytes: view.perConnectionBufferLimitBytes ?? defaultBufferLimitBytes,
    maxRequestsPerConnection: http.common?.maxRequestsPerConnection ?? view.maxRequestsPerConnection ?? 0,
    idleTimeoutMs: http.common?.idleTimeout ?? defaultIdleTimeoutMs,
    maxConnectionDurationMs: http.common?.maxConnectionDuration ?? 0,
    maxStreamDurationMs: http.common?.maxStreamDuration ?? 0,
    preconnectRatio: view.preconnectPolicy?.perUpstreamPreconnectRatio ?? 1,
    predictivePreconnectRatio: view.preconnectPolicy?.predictivePreconnectRatio ?? 1,
    closeConnectionsOnHostSetChange: view.commonLbConfig?.closeConnectionsOnHostSetChange ?? false,
    http,
    metadata: view.metadata?.filterMetadata ?? {},
    hostConnectionCount:
      view.circuitBreakers?.perHostThresholds.some((each) => each.maxConnections !== undefined) === true
        ? (address) => context.shared.counter(`host_connections.${view.name}.${address}`)
        : undefined,
    endpointScope:
      view.trackClusterStats?.perEndpointStats === true ? (name) => scope.createScope(`endpoint.${name}`) : undefined,
    sizeStats: sizeStats(view, scope),
    budgetStats: budgetStats(view, scope),
    resourceManager: (priority) => (priority === 'HIGH' ? high : byDefault),
  }
  return new Cluster(info, createLoadBalancer(view, info, context), {
    localLocality: localLocality(context.localInfo),
    countsMembership: context.workerIndex < 0,
  })
}

function localLocality({ region, zone, subZone }: LocalInfo): Locality | undefined {
  return region === '' && zone === '' && subZone === '' ? undefined : { region, zone, subZone }
}

function upstreamHttpOptions(view: ClusterView, context: ServerContext): UpstreamHttpOptions {
  const typed = view.typedExtensionProtocolOptions[httpOptionsType]
  for (const [name, config] of Object.entries(view.typedExtensionProtocolOptions)) {
    if (config.typeUrl !== httpOptionsType || name !== httpOptionsType)
      context.errors.add(
        view,
        'typedExtensionProtocolOptions',
        `Didn't find a registered network or http filter or protocol options implementation for name: '${name}'${config.typeUrl === httpOptionsType ? '' : absenceNote(config.typeUrl)}`,
      )
  }
  if (typed === undefined) {
    if (view.http2ProtocolOptions !== undefined) refuseHttp2(view, 'http2ProtocolOptions', context)
    return {
      upstream: view.upstreamHttpProtocolOptions,
      common: view.commonHttpProtocolOptions,
      http1: view.httpProtocolOptions,
    }
  }
  const options = typed.value as HttpProtocolOptions
  const explicit = options.explicitHttpConfig
  if (explicit !== undefined && explicit.protocolConfig !== 'httpProtocolOptions')
    refuseHttp2(explicit, explicit.protocolConfig, context)
  if (options.autoConfig !== undefined) refuseHttp2(options, 'autoConfig', context)
  for (const filter of options.httpFilters) {
    if (filter.typedConfig?.typeUrl === upstreamCodecType) continue
    context.errors.add(filter, 'name', `upstream HTTP filter '${filter.name}' is not supported`)
  }
  const http1 = explicit?.httpProtocolOptions ?? options.useDownstreamProtocolConfig?.httpProtocolOptions
  return { upstream: options.upstreamHttpProtocolOptions, common: options.commonHttpProtocolOptions, http1 }
}

function refuseHttp2(view: object, field: string | undefined, context: ServerContext): void {
  context.errors.add(view, field, 'upstream protocols other than HTTP/1 are not supported')
}
