// `listener_manager.*` and `cluster_manager.*`, kept by main.

import { routerStats } from '../router/router_settings.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'

export class ManagerStats {
  readonly #listenersActive: Gauge
  readonly #workersStarted: Gauge
  readonly #listenersAdded: Counter
  readonly #createSuccess: Counter
  readonly #listenerStopped: Counter
  readonly #activeClusters: Gauge
  readonly #warmingClusters: Gauge
  readonly #clustersAdded: Counter
  readonly #scope: Scope

  constructor(scope: Scope) {
    const listeners = scope.createScope('listener_manager')
    this.#listenersActive = listeners.gauge('total_listeners_active')
    this.#workersStarted = listeners.gauge('workers_started')
    listeners.gauge('workers_pinned')
    for (const name of ['total_filter_chains_draining', 'total_listeners_draining']) listeners.gauge(name)
    listeners.gauge('total_listeners_warming').set(0)
    this.#listenersAdded = listeners.counter('listener_added')
    this.#createSuccess = listeners.counter('listener_create_success')
    this.#listenerStopped = listeners.counter('listener_stopped')
    for (const name of [
      'listener_create_failure',
      'listener_in_place_updated',
      'listener_modified',
      'listener_removed',
    ])
      listeners.counter(name)
    const clusters = scope.createScope('cluster_manager')
    this.#activeClusters = clusters.gauge('active_clusters')
    this.#warmingClusters = clusters.gauge('warming_clusters')
    this.#scope = scope
    this.#clustersAdded = clusters.counter('cluster_added')
    for (const name of [
      'cluster_modified',
      'cluster_removed',
      'cluster_updated',
      'cluster_updated_via_merge',
      'update_merge_cancelled',
      'update_out_of_merge_window',
    ])
      clusters.counter(name)
    // Requests that the proxy makes itself go through a router of their own.
    routerStats(scope, 'http.async-client.')
  }

  onClusters(count: number, workers: number): void {
    this.#activeClusters.set(count)
    this.#warmingClusters.set(0)
    this.#clustersAdded.add(count)
    const perThread = this.#scope.createScope('thread_local_cluster_manager')
    for (const thread of threadNames(workers)) perThread.gauge(`${thread}.clusters_inflated`).set(count)
  }

  /** Each worker adds each listener. */
  onListeners(count: number, workers: number): void {
    this.#listenersActive.set(count)
    this.#listenersAdded.add(count)
    this.#createSuccess.add(count * workers)
    this.#workersStarted.set(1)
  }

  /** It stays among the active ones, as in Envoy. */
  onListenerStopped(): void {
    this.#listenerStopped.inc()
  }
}

/** Envoy's names of the threads that have stats of their own. */
export function threadNames(concurrency: number): string[] {
  return ['main_thread', ...Array.from({ length: concurrency }, (_, i) => `worker_${i}`)]
}
