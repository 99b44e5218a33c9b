// `listener_manager.*` and `cluster_manager.*`, kept by main.

import { routerStats } from '../router/router_settings.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'

export class ListenerManagerStats {
  readonly added: Counter
  readonly modified: Counter
  readonly inPlaceUpdated: Counter
  readonly removed: Counter
  /** It stays among the active ones, as in Envoy. */
  readonly stopped: Counter
  /** Each worker that takes a listener on counts. */
  readonly createSuccess: Counter
  readonly createFailure: Counter
  readonly active: Gauge
  readonly warming: Gauge
  readonly draining: Gauge
  readonly filterChainsDraining: Gauge
  readonly workersStarted: Gauge

  constructor(scope: Scope) {
    const own = scope.createScope('listener_manager')
    this.added = own.counter('listener_added')
    this.modified = own.counter('listener_modified')
    this.inPlaceUpdated = own.counter('listener_in_place_updated')
    this.removed = own.counter('listener_removed')
    this.stopped = own.counter('listener_stopped')
    this.createSuccess = own.counter('listener_create_success')
    this.createFailure = own.counter('listener_create_failure')
    this.active = own.gauge('total_listeners_active')
    this.warming = own.gauge('total_listeners_warming')
    this.draining = own.gauge('total_listeners_draining')
    this.filterChainsDraining = own.gauge('total_filter_chains_draining')
    this.workersStarted = own.gauge('workers_started')
    own.gauge('workers_pinned')
    this.warming.set(0)
  }
}

export class ClusterManagerStats {
  readonly warming: Gauge
  readonly #active: Gauge
  readonly #added: Counter
  readonly #modified: Counter
  readonly #removed: Counter
  readonly #updated: Counter
  readonly #inflated: readonly Gauge[]

  constructor(scope: Scope, workers: number) {
    const own = scope.createScope('cluster_manager')
    this.#active = own.gauge('active_clusters')
    this.warming = own.gauge('warming_clusters')
    this.#added = own.counter('cluster_added')
    this.#modified = own.counter('cluster_modified')
    this.#removed = own.counter('cluster_removed')
    this.#updated = own.counter('cluster_updated')
    for (const name of ['cluster_updated_via_merge', 'update_merge_cancelled', 'update_out_of_merge_window'])
      own.counter(name)
    // Requests that the proxy makes itself go through a router of their own.
    routerStats(scope, 'http.async-client.')
    const perThread = scope.createScope('thread_local_cluster_manager')
    this.#inflated = threadNames(workers).map((thread) => perThread.gauge(`${thread}.clusters_inflated`))
    this.onActive(0)
    this.warming.set(0)
  }

  onAdded(isModified: boolean): void {
    const counter = isModified ? this.#modified : this.#added
    counter.inc()
  }

  /** Other hosts, after its first ones. */
  onUpdated(): void {
    this.#updated.inc()
  }

  onRemoved(active: number): void {
    this.#removed.inc()
    this.onActive(active)
  }

  onActive(count: number): void {
    this.#active.set(count)
    for (const gauge of this.#inflated) gauge.set(count)
  }
}

/** Envoy's names of the threads that have stats of their own. */
export function threadNames(concurrency: number): string[] {
  return ['main_thread', ...Array.from({ length: concurrency }, (_, i) => `worker_${i}`)]
}
