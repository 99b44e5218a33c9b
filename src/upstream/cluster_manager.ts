// The clusters of one process, by name.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { Cluster } from './cluster.ts'
import type { HostSnapshot } from './host.ts'
import type { AssignmentPolicy, PrioritySet } from './priority_set.ts'

type ClusterManagerView = envoy.config.bootstrap.v3.ClusterManager
type BindConfig = envoy.config.core.v3.BindConfig

/** The hosts of one cluster by priority, as main sends them to the workers. */
export interface HostsUpdate {
  readonly clusterName: string
  readonly priorities: readonly (readonly HostSnapshot[])[]
  /** Absent where the cluster's own configuration has it. */
  readonly policy?: AssignmentPolicy | undefined
}

export class ClusterManager {
  /** The cluster that the proxy itself belongs to, for zone aware routing; '' for none. */
  readonly localClusterName: string
  /** For clusters that have none of their own. */
  readonly upstreamBindConfig: BindConfig | undefined
  /** Grows with every change of clusters or of hosts; who keeps something made of them compares. */
  changes = 0
  /** In main counts changes of clusters that know their hosts by themselves. */
  onUpdated: () => void = () => {}
  readonly #clusters = new Map<string, Cluster>()
  /** Removed ones that may still count. */
  readonly #leaving = new Map<string, Cluster>()

  constructor(config?: Partial<ClusterManagerView>) {
    this.localClusterName = config?.localClusterName ?? ''
    this.upstreamBindConfig = config?.upstreamBindConfig
  }

  get(name: string): Cluster | undefined {
    return this.#clusters.get(name)
  }

  localPrioritySet(): PrioritySet | undefined {
    return this.#clusters.get(this.localClusterName)?.prioritySet
  }

  clusters(): Iterable<Cluster> {
    return this.#clusters.values()
  }

  /** Adds a cluster, or puts it in the place of one with its name, whose connections then drain. */
  put(cluster: Cluster): void {
    const { name } = cluster.info
    const previous = this.#clusters.get(name)
    previous?.destroy()
    for (const each of [previous, this.#leaving.get(name)]) each?.endStats()
    this.#clusters.set(name, cluster)
    this.changes++
  }

  remove(name: string): void {
    const cluster = this.#clusters.get(name)
    if (cluster === undefined) return
    cluster.destroy()
    this.#clusters.delete(name)
    this.#leaving.set(name, cluster)
    cluster.releaseStats(() => {
      if (this.#leaving.get(name) === cluster) this.#leaving.delete(name)
    })
    this.changes++
  }

  /** Of a cluster that knows its hosts, by their names, by itself; in force or not (yet). */
  onOwnHosts(cluster: Cluster, priorities: HostsUpdate['priorities']): void {
    cluster.setHosts(priorities, undefined, ({ hostname }) => hostname)
    if (this.#clusters.get(cluster.info.name) !== cluster) return
    this.#onChange(cluster.info.name)
    this.onUpdated()
  }

  onHosts(update: HostsUpdate): void {
    this.#clusters.get(update.clusterName)?.setHosts(update.priorities, update.policy)
    this.#onChange(update.clusterName)
  }

  onHealthChanged(clusterName: string): void {
    this.#clusters.get(clusterName)?.onHealthChanged()
    this.#onChange(clusterName)
  }

  #onChange(clusterName: string): void {
    this.changes++
    if (clusterName !== this.localClusterName) return
    for (const cluster of this.#clusters.values()) cluster.loadBalancer.onLocalClusterChanged()
  }
}
