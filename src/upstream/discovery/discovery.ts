// Finds the hosts of clusters, in main: the contract, and which kind a cluster has.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { ClusterStats } from '../cluster_stats.ts'
import { staticHosts } from '../endpoints.ts'
import type { HostSnapshot } from '../host.ts'
import { checkDnsCluster, DnsDiscovery, dnsSettings } from './dns_discovery.ts'
import type { DnsEnvironment } from './dns_resolver.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
export type Priorities = readonly (readonly HostSnapshot[])[]

/** Names of a cluster_type that say all without a typed_config. */
const dnsClusterNames: ReadonlySet<string> = new Set([
  'envoy.cluster.dns',
  'envoy.cluster.strict_dns',
  'envoy.cluster.logical_dns',
])

export interface ClusterDiscovery {
  /** Begins; `onHosts` is called with every new list. Resolves when the first answer, good or bad, is in. */
  start(onHosts: (priorities: Priorities) => void): Promise<void>
  stop(): void
}

class StaticDiscovery implements ClusterDiscovery {
  readonly #priorities: Priorities
  readonly #stats: ClusterStats

  constructor(priorities: Priorities, stats: ClusterStats) {
    this.#priorities = priorities
    this.#stats = stats
  }

  async start(onHosts: (priorities: Priorities) => void): Promise<void> {
    this.#stats.defaultTotalMatchCount.add(this.#priorities.flat().length)
    onHosts(this.#priorities)
  }

  stop(): void {}
}

/** The discovery of a cluster; what is wrong or not supported goes to `errors`. */
export function createDiscovery(
  view: ClusterView,
  stats: ClusterStats,
  errors: ConfigErrors,
  environment: DnsEnvironment = {},
): ClusterDiscovery | undefined {
  if (view.clusterDiscoveryType === 'clusterType') {
    if (view.clusterType?.typedConfig?.typeUrl === 'envoy.extensions.clusters.dns.v3.DnsCluster')
      return createDnsDiscovery(view, stats, errors, environment)
    if (view.clusterType?.typedConfig === undefined) {
      const name = view.clusterType?.name ?? ''
      if (name === 'envoy.cluster.static') return new StaticDiscovery(staticHosts(view.loadAssignment, errors), stats)
      if (dnsClusterNames.has(name)) return createDnsDiscovery(view, stats, errors, environment)
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
      return new StaticDiscovery(staticHosts(view.loadAssignment, errors), stats)
    case 'STRICT_DNS':
    case 'LOGICAL_DNS':
      return createDnsDiscovery(view, stats, errors, environment)
    default:
      errors.add(view, 'type', `cluster type ${view.type} is not supported`)
      return undefined
  }
}

function createDnsDiscovery(
  view: ClusterView,
  stats: ClusterStats,
  errors: ConfigErrors,
  environment: DnsEnvironment,
): ClusterDiscovery | undefined {
  const settings = dnsSettings(view, errors, environment)
  return checkDnsCluster(view, settings, errors) ? new DnsDiscovery(view, settings, stats) : undefined
}
