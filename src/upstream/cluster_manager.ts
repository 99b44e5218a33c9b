// The clusters of one process, by name.

import type { envoy } from '../../proto/generated/api.d.ts'
import { buildCluster } from './build_cluster.ts'
import type { Cluster } from './cluster.ts'
import type { HostSnapshot } from './host.ts'
import type { ServerContext } from './server_context.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

/** The hosts of one cluster by priority, as main sends them to the workers. */
export interface HostsUpdate {
  readonly clusterName: string
  readonly priorities: readonly (readonly HostSnapshot[])[]
}

export class ClusterManager {
  readonly #clusters = new Map<string, Cluster>()

  get(name: string): Cluster | undefined {
    return this.#clusters.get(name)
  }

  clusters(): Iterable<Cluster> {
    return this.#clusters.values()
  }

  /** Adds a cluster, or puts a new one in the place of one with its name, whose connections then drain. */
  addOrUpdate(view: ClusterView, context: ServerContext): Cluster {
    const cluster = buildCluster(view, context)
    this.#clusters.get(view.name)?.drain()
    this.#clusters.set(view.name, cluster)
    return cluster
  }

  remove(name: string): void {
    this.#clusters.get(name)?.drain()
    this.#clusters.delete(name)
  }

  onHosts(update: HostsUpdate): void {
    this.#clusters.get(update.clusterName)?.setHosts(update.priorities)
  }
}
