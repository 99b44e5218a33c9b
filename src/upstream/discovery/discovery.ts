// Finds the hosts of clusters, in main: the contract, and which kind a cluster has.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { WatchContext } from '../../config/watched_resources.ts'
import type { Scope } from '../../stats/store.ts'
import { checkWeights } from '../check_weights.ts'
import type { ClusterStats } from '../cluster_stats.ts'
import { staticHosts } from '../endpoints.ts'
import type { HostSnapshot } from '../host.ts'
import { isOriginalDst } from '../original_dst/original_dst_cluster.ts'
import type { AssignmentPolicy } from '../priority_set.ts'
import { checkDnsCluster, DnsDiscovery, dnsSettings } from './dns_discovery.ts'
import type { DnsEnvironment } from './dns_resolver.ts'
import { EdsDiscovery } from './eds_discovery.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
export type Priorities = readonly (readonly HostSnapshot[])[]
/** Takes a new list of hosts; with `policy` where that comes with the hosts and not with the cluster. */
export type OnHosts = (priorities: Priorities, policy?: AssignmentPolicy) => void
/** Counts for each host that is made which transport socket it has. */
export type CountMatches = (hosts: readonly HostSnapshot[]) => void

export interface DiscoveryEnvironment extends DnsEnvironment {
  /** Where it is absent all count for the cluster's own transport socket. */
  readonly countMatches?: CountMatches
  /** Where load assignments are watched, and counted. */
  readonly watch?: WatchContext
  readonly clusterScope?: Scope
  /** The name of the proxy's own cluster. */
  readonly localClusterName?: string
}

/** Names of a cluster_type that say all without a typed_config. */
const dnsClusterNames: ReadonlySet<string> = new Set([
  'envoy.cluster.dns',
  'envoy.cluster.strict_dns',
  'envoy.cluster.logical_dns',
])

/** Types whose hosts are those of other clusters. */
const clustersOfClusters: ReadonlySet<string> = new Set([
  'envoy.extensions.clusters.aggregate.v3.ClusterConfig',
  'envoy.extensions.clusters.composite.v3.ClusterConfig',
])

/** `fixed` hosts never change, `listed` ones with every new list; a `logical` one is the same whatever its address. */
export type HostsKind = 'fixed' | 'listed' | 'logical'

export interface ClusterDiscovery {
  readonly hostsKind: HostsKind
  /** Begins; `onHosts` is called with every new list. Resolves when the first answer, good or bad, is in. */
  start(onHosts: OnHosts): Promise<void>
  stop(): void
}

/** Every process knows its hosts by what requests have asked for. */
const hostsOfRequests: ClusterDiscovery = { hostsKind: 'listed', start: async () => {}, stop: () => {} }

class StaticDiscovery implements ClusterDiscovery {
  readonly hostsKind = 'fixed'
  readonly #priorities: Priorities
  readonly #countMatches: CountMatches

  constructor(priorities: Priorities, countMatches: CountMatches) {
    this.#priorities = priorities
    this.#countMatches = countMatches
  }

  async start(onHosts: OnHosts): Promise<void> {
    this.#countMatches(this.#priorities.flat())
    onHosts(this.#priorities)
  }

  stop(): void {}
}

function staticDiscovery(view: ClusterView, errors: ConfigErrors, countMatches: CountMatches): ClusterDiscovery {
  for (const group of view.loadAssignment?.endpoints ?? []) {
    if (group.ledsClusterLocalityConfig === undefined) continue
    const text = `LEDS is only supported when EDS is used. Static cluster ${view.name} cannot use LEDS.`
    errors.add(group, 'ledsClusterLocalityConfig', text)
  }
  const hosts = staticHosts(view.loadAssignment, errors)
  checkWeights(view, hosts, view.loadAssignment, errors)
  return new StaticDiscovery(hosts, countMatches)
}

/** The discovery of a cluster; what is wrong or not supported goes to `errors`. */
export function createDiscovery(
  view: ClusterView,
  stats: ClusterStats,
  errors: ConfigErrors,
  environment: DiscoveryEnvironment = {},
): ClusterDiscovery | undefined {
  const countMatches =
    environment.countMatches ?? ((hosts: readonly HostSnapshot[]) => stats.defaultTotalMatchCount.add(hosts.length))
  if (view.clusterDiscoveryType === 'clusterType') {
    if (view.clusterType?.typedConfig?.typeUrl === 'envoy.extensions.clusters.dns.v3.DnsCluster')
      return createDnsDiscovery(view, stats, errors, environment, countMatches)
    if (clustersOfClusters.has(view.clusterType?.typedConfig?.typeUrl ?? ''))
      return new StaticDiscovery([[]], countMatches)
    if (view.clusterType?.typedConfig?.typeUrl === 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig')
      return hostsOfRequests
    if (isOriginalDst(view)) return hostsOfRequests
    if (view.clusterType?.typedConfig === undefined) {
      const name = view.clusterType?.name ?? ''
      if (name === 'envoy.cluster.static') return staticDiscovery(view, errors, countMatches)
      if (dnsClusterNames.has(name)) return createDnsDiscovery(view, stats, errors, environment, countMatches)
    }
    errors.add(
      view.clusterType ?? view,
      'name',
      `Didn't find a registered cluster factory implementation for name: '${view.clusterType?.name}'`,
    )
    return undefined
  }
  switch (view.type ?? 'STATIC') {
    case 'STATIC':
      return staticDiscovery(view, errors, countMatches)
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      return createDnsDiscovery(view, stats, errors, environment, countMatches)
    case 'EDS':
      return createEdsDiscovery(view, stats, errors, environment, countMatches)
    case 'ORIGINAL_DST':
      return hostsOfRequests
  }
}

function createEdsDiscovery(
  view: ClusterView,
  stats: ClusterStats,
  errors: ConfigErrors,
  { watch, clusterScope, localClusterName }: DiscoveryEnvironment,
  countMatches: CountMatches,
): ClusterDiscovery | undefined {
  const config = view.edsClusterConfig
  if (config === undefined) {
    errors.add(view, 'edsClusterConfig', 'cannot create an EDS cluster without an EDS config')
    return undefined
  }
  const discovery = new EdsDiscovery(view, stats, countMatches, view.name === localClusterName)
  if (watch !== undefined && clusterScope !== undefined) discovery.watch(config, clusterScope, watch)
  return discovery
}

function createDnsDiscovery(
  view: ClusterView,
  stats: ClusterStats,
  errors: ConfigErrors,
  environment: DnsEnvironment,
  countMatches: CountMatches,
): ClusterDiscovery | undefined {
  const settings = dnsSettings(view, errors, environment)
  return checkDnsCluster(view, settings, errors) ? new DnsDiscovery(view, settings, stats, countMatches) : undefined
}
