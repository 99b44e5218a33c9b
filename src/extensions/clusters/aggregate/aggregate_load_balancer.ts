// Chooses among the priorities of several clusters, laid one behind the other, and lets the cluster choose the host.

import type { Cluster } from '../../../upstream/cluster.ts'
import type { ClusterManager } from '../../../upstream/cluster_manager.ts'
import type { Host } from '../../../upstream/host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../../../upstream/load_balancer.ts'
import { indexOfLoad, type PriorityLoads, priorityLoads, sum } from '../../../upstream/load_balancers/priority_load.ts'
import type { HostSet } from '../../../upstream/priority_set.ts'

/** One priority of one of the clusters. */
interface Member {
  readonly cluster: Cluster
  readonly set: HostSet
  /** What makes the cluster choose a healthy, or a degraded, host of this priority. */
  readonly healthy: PriorityLoads
  readonly degraded: PriorityLoads
}

export class AggregateLoadBalancer implements LoadBalancer {
  readonly #names: readonly string[]
  readonly #clusterManager: ClusterManager
  readonly #panicThreshold: () => number
  #members: readonly Member[] = []
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] }
  #seenChanges = -1

  constructor(names: readonly string[], clusterManager: ClusterManager, panicThreshold: () => number) {
    this.#names = names
    this.#clusterManager = clusterManager
    this.#panicThreshold = panicThreshold
  }

  chooseHost(context: LoadBalancerContext = connectionless()): Host | undefined {
    if (this.#seenChanges !== this.#clusterManager.changes) this.#refresh()
    if (this.#members.length === 0) return undefined
    const { healthy, degraded } = this.#loadsFor(context)
    const point = 1 + Math.floor(Math.random() * 100)
    let priority = indexOfLoad(healthy, point, 0)
    const isHealthy = priority >= 0
    if (!isHealthy) priority = Math.max(0, indexOfLoad(degraded, point, sum(healthy)))
    const member = this.#members[priority]
    context.priorityLoads = isHealthy ? member.healthy : member.degraded
    // A host that a filter has chosen would have to be the aggregate cluster's own.
    const host = member.cluster.loadBalancer.chooseHost(context)
    context.priorityLoads = undefined
    return host
  }

  #loadsFor({ retryPriority }: LoadBalancerContext): PriorityLoads {
    if (retryPriority === undefined) return this.#loads
    const sets = this.#members.map(({ set }) => set)
    const indexOf = (host: Host): number | undefined => {
      const index = this.#members.findIndex(({ cluster, set }) => {
        return cluster.info === host.cluster && set.priority === host.priority
      })
      return index < 0 ? undefined : index
    }
    return retryPriority.determinePriorityLoad(sets, this.#loads, indexOf)
  }

  /** Clusters that are not there, and priorities without hosts, are left out. */
  #refresh(): void {
    this.#seenChanges = this.#clusterManager.changes
    this.#members = this.#names.flatMap((name) => {
      const cluster = this.#clusterManager.get(name)
      return cluster === undefined ? [] : membersOf(cluster)
    })
    this.#loads = priorityLoads(
      this.#members.map(({ set }) => set),
      this.#panicThreshold(),
    )
  }

  peekAnotherHost(): undefined {
    return undefined
  }

  /** It has no hosts of its own. */
  onHostsChanged(): void {}

  onLocalClusterChanged(): void {}
}

function membersOf(cluster: Cluster): Member[] {
  const { hostSets } = cluster.prioritySet
  const none = hostSets.map(() => 0)
  const panic = hostSets.map(() => false)
  return hostSets.flatMap((set, priority): Member[] => {
    if (set.hosts.length === 0) return []
    const all = none.with(priority, 100)
    return [
      {
        cluster,
        set,
        healthy: { healthy: all, degraded: none, panic },
        degraded: { healthy: none, degraded: all, panic },
      },
    ]
  })
}

/** For choices that nobody has asked for yet. */
function connectionless(): LoadBalancerContext {
  return {
    hashKey: () => undefined,
    metadataMatch: () => undefined,
    attempt: 0,
    priorityLoads: undefined,
    retryPriority: undefined,
    downstreamConnection: undefined,
    downstreamHeaders: undefined,
    streamInfo: undefined,
    addCookie: () => {},
  }
}
