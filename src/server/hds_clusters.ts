// The clusters that health discovery checks: each specifier replaces the one before, and what is in both goes on.

import { getLogger } from '../common/log.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { CheckedClusters, ClusterHealth, HealthCheckSpecifier } from '../xds/hds_delegate.ts'
import { HdsCluster } from './hds_cluster.ts'
import type { HdsClusterParts } from './hds_cluster_base.ts'

const log = getLogger('upstream')

interface Version {
  readonly cluster: HdsCluster
  readonly previous: HdsCluster | undefined
}

export class HdsClusters implements CheckedClusters {
  readonly #parts: HdsClusterParts
  /** In the order of the specifier. */
  #clusters: readonly HdsCluster[] = []

  constructor(parts: HdsClusterParts) {
    this.#parts = parts
  }

  update({ clusterHealthChecks }: HealthCheckSpecifier, errors: ConfigErrors): void {
    const known = new Map(this.#clusters.map((cluster) => [cluster.name, cluster]))
    // Without a name there is no telling which is which: such clusters begin anew each time.
    known.delete('')
    const names = new Set<string>()
    const versions: Version[] = []
    for (const view of clusterHealthChecks) {
      const { clusterName: name } = view
      if (names.has(name)) {
        log.warn(`An HDS Cluster with this cluster_name has already been added, not using: ${name}`)
        continue
      }
      if (name !== '') names.add(name)
      const previous = known.get(name)
      versions.push({ cluster: new HdsCluster(view, previous, this.#parts, errors), previous })
    }
    if (errors.hasErrors) for (const { cluster, previous } of versions) cluster.discard(previous)
    else this.#replace(versions)
  }

  #replace(versions: readonly Version[]): void {
    const replaced = new Set(versions.map(({ previous }) => previous))
    const gone = this.#clusters.filter((cluster) => !replaced.has(cluster))
    for (const { cluster, previous } of versions) cluster.start(previous)
    for (const cluster of gone) cluster.stop()
    this.#clusters = versions.map(({ cluster }) => cluster)
  }

  health(): ClusterHealth[] {
    return this.#clusters.map((cluster) => cluster.health())
  }

  stop(): void {
    this.#replace([])
  }
}
