// envoy.clusters.dynamic_forward_proxy: the hosts are those that requests name, as a DNS cache has found them.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../../config/errors.ts'
import type { ClusterFactory } from '../../../upstream/cluster_factory.ts'
import type { ClusterInfo } from '../../../upstream/cluster_info.ts'
import type { DnsCache, DnsHost } from '../../../upstream/dns_cache/dns_cache.ts'
import { defaultPortOf } from '../../../upstream/dns_cache/host_key.ts'
import type { HostSnapshot } from '../../../upstream/host.ts'
import { noHosts } from '../../../upstream/load_balancer.ts'
import type { ServerContext } from '../../../upstream/server_context.ts'
import { ForwardProxyLoadBalancer } from './forward_proxy_load_balancer.ts'

type ClusterConfig = envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig

export const dynamicForwardProxyCluster: ClusterFactory<ClusterConfig> = {
  category: 'envoy.clusters',
  name: 'envoy.clusters.dynamic_forward_proxy',
  typeUrls: ['envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig'],
  createLoadBalancer(config, info, context) {
    checkConfig(config, info, context.errors)
    const cache = cacheOf(config, context)
    return cache === undefined ? noHosts : new ForwardProxyLoadBalancer(cache, defaultPortOf(info))
  },
  followHosts(config, cluster, context) {
    // What is wrong with the cache has been said.
    const cache = cluster.loadBalancer === noHosts ? undefined : cacheOf(config, context)
    if (cache === undefined) return
    const count = (hosts: readonly HostSnapshot[]): void => {
      if (context.workerIndex < 0) cluster.info.transportSockets.countMatches(hosts)
    }
    const takeOver = (): readonly HostSnapshot[] => {
      const hosts = cache.hosts().map(([key, host]) => snapshotOf(key, host))
      context.clusterManager.onOwnHosts(cluster, [hosts])
      return hosts
    }
    count(takeOver())
    const onChanged = (key: string, host: DnsHost | undefined): void => {
      takeOver()
      if (host !== undefined) count([snapshotOf(key, host)])
    }
    cache.follow(onChanged, context.lifetime)
  },
}

function cacheOf({ dnsCacheConfig }: ClusterConfig, { dnsCaches, errors }: ServerContext): DnsCache | undefined {
  return dnsCacheConfig === undefined ? undefined : dnsCaches.use(dnsCacheConfig, errors)
}

function snapshotOf(key: string, { addresses }: DnsHost): HostSnapshot {
  return {
    address: addresses[0],
    additionalAddresses: addresses.slice(1),
    hostname: key,
    weight: 1,
    priority: 0,
    locality: { region: '', zone: '', subZone: '' },
    localityWeight: 0,
    metadata: {},
    healthStatus: 'UNKNOWN',
  }
}

function checkConfig(config: ClusterConfig, { config: view, http }: ClusterInfo, errors: ConfigErrors): void {
  if (config.clusterImplementationSpecifier === undefined)
    errors.add(config, 'dnsCacheConfig', 'dns_cache_config is missing')
  if (view.healthChecks.length > 0)
    errors.add(view, 'healthChecks', 'health checks of a dynamic_forward_proxy cluster are not supported')
  const { autoSni = false, autoSanValidation = false } = http.upstream ?? {}
  if (config.allowInsecureClusterOptions || (autoSni && autoSanValidation)) return
  const text =
    'dynamic_forward_proxy cluster must have auto_sni and auto_san_validation true unless allow_insecure_cluster_options is set.'
  errors.add(http.upstream ?? view, undefined, text)
}
