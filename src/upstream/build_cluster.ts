// Builds a cluster from its configuration: checks, facts, load balancer.

import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import { checkCluster } from './check_cluster.ts'
import { Cluster } from './cluster.ts'
import type { ClusterInfo, UpstreamHttpOptions } from './cluster_info.ts'
import { clusterStats } from './cluster_stats.ts'
import type { LoadBalancer } from './load_balancer.ts'
import type { LoadBalancerFactory } from './load_balancer_factory.ts'
import { ResourceManager } from './resource_manager.ts'
import type { ServerContext } from './server_context.ts'
import { createConnector } from './upstream_connector.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type HttpProtocolOptions = envoy.extensions.upstreams.http.v3.HttpProtocolOptions

const httpOptionsType = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
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
    connector: createConnector(view, stats.bindErrors, context.errors),
    connectTimeoutMs: view.connectTimeout ?? defaultConnectTimeoutMs,
    perConnectionBufferLimitBytes: view.perConnectionBufferLimitBytes ?? defaultBufferLimitBytes,
    maxRequestsPerConnection: http.common?.maxRequestsPerConnection ?? view.maxRequestsPerConnection ?? 0,
    idleTimeoutMs: http.common?.idleTimeout ?? defaultIdleTimeoutMs,
    maxConnectionDurationMs: http.common?.maxConnectionDuration ?? 0,
    preconnectRatio: view.preconnectPolicy?.perUpstreamPreconnectRatio ?? 1,
    http,
    metadata: view.metadata?.filterMetadata ?? {},
    resourceManager: (priority) => (priority === 'HIGH' ? high : byDefault),
  }
  return new Cluster(info, loadBalancer(view, info, context), context.workerIndex < 0)
}

function upstreamHttpOptions(view: ClusterView, context: ServerContext): UpstreamHttpOptions {
  const typed = view.typedExtensionProtocolOptions[httpOptionsType]
  for (const [name, config] of Object.entries(view.typedExtensionProtocolOptions)) {
    if (config.typeUrl !== httpOptionsType || name !== httpOptionsType)
      context.errors.add(
        view,
        'typedExtensionProtocolOptions',
        `Didn't find a registered network or http filter or protocol options implementation for name: '${name}'`,
      )
  }
  if (typed === undefined) {
    if (view.http2ProtocolOptions !== undefined) refuseHttp2(view, 'http2ProtocolOptions', context)
    return { common: view.commonHttpProtocolOptions, http1: view.httpProtocolOptions }
  }
  const options = typed.value as HttpProtocolOptions
  const explicit = options.explicitHttpConfig
  if (explicit !== undefined && explicit.protocolConfig !== 'httpProtocolOptions')
    refuseHttp2(explicit, explicit.protocolConfig, context)
  if (options.autoConfig !== undefined) refuseHttp2(options, 'autoConfig', context)
  const http1 = explicit?.httpProtocolOptions ?? options.useDownstreamProtocolConfig?.httpProtocolOptions
  return { common: options.commonHttpProtocolOptions, http1 }
}

function refuseHttp2(view: object, field: string | undefined, context: ServerContext): void {
  context.errors.add(view, field, 'upstream protocols other than HTTP/1 are not supported')
}

const policyTypes: Readonly<Record<string, string>> = {
  ROUND_ROBIN: 'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin',
  LEAST_REQUEST: 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
  RANDOM: 'envoy.extensions.load_balancing_policies.random.v3.Random',
}

const noHosts: LoadBalancer = { chooseHost: () => undefined, onHostsChanged: () => {} }

/** load_balancing_policy where it is given (the first policy known here), else lb_policy. */
function loadBalancer(view: ClusterView, info: ClusterInfo, context: ServerContext): LoadBalancer {
  const category = 'envoy.load_balancing_policies'
  for (const { typedExtensionConfig: extension } of view.loadBalancingPolicy?.policies ?? []) {
    const known = context.registry.inCategory<LoadBalancerFactory>(category)
    const factory = known.find((each) => each.typeUrls.includes(extension?.typedConfig?.typeUrl ?? ''))
    if (factory !== undefined) return factory.createLoadBalancer(extension?.typedConfig?.value, info, context)
  }
  if (view.loadBalancingPolicy !== undefined) {
    const wanted = view.loadBalancingPolicy.policies.map((policy) => policy.typedExtensionConfig?.name).join(', ')
    context.errors.add(
      view,
      'loadBalancingPolicy',
      `cluster: didn't find a registered load balancer factory with names from [${wanted}]`,
    )
    return noHosts
  }
  const typeUrl = policyTypes[view.lbPolicy]
  if (typeUrl === undefined) {
    context.errors.add(view, 'lbPolicy', `lb_policy ${view.lbPolicy} is not supported`)
    return noHosts
  }
  const config: TypedConfig = { typeUrl, value: view.leastRequestLbConfig ?? {} }
  const extension = { name: view.lbPolicy, typedConfig: config }
  const factory = context.registry.lookup<LoadBalancerFactory>(category, extension, context.errors)
  return factory?.createLoadBalancer(config.value, info, context) ?? noHosts
}
