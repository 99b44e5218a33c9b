// Clusters that a reload has taken out of the file: listeners and routes that went with them, or before, still serve the
// connections that they have until those have drained, and so do the clusters.

import type { ClusterLifecycle } from './cluster_lifecycle.ts'
import type { ReloadPlan } from './reload_plan.ts'

export class LeavingClusters {
  readonly #clusters: ClusterLifecycle
  readonly #drainTimeMs: number
  readonly #timers = new Map<string, NodeJS.Timeout>()

  constructor(clusters: ClusterLifecycle, drainTimeMs: number) {
    this.#clusters = clusters
    this.#drainTimeMs = drainTimeMs
  }

  names(): Iterable<string> {
    return this.#timers.keys()
  }

  /** What the plan removes goes when nothing uses it any more; what it brings back stays. */
  apply({ clusters: { added, removed } }: ReloadPlan): void {
    for (const name of added.keys()) this.#keep(name)
    for (const name of removed) this.#timers.set(name, setTimeout(() => this.#remove(name), this.#drainTimeMs).unref())
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #keep(name: string): void {
    clearTimeout(this.#timers.get(name))
    this.#timers.delete(name)
  }

  #remove(name: string): void {
    this.#timers.delete(name)
    this.#clusters.remove(name, true)
  }
}
