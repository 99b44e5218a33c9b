// The load of one cluster over all processes, from one report to the next.

import type { ClusterLoad, HostLoad, MetricLoad } from './load_numbers.ts'

/** What has been added since the last report; `active` is as it stands. */
export interface HostDelta {
  success: number
  error: number
  issued: number
  active: number
  readonly metrics: Map<string, { requests: number; total: number }>
}

export interface ClusterDelta {
  dropped: number
  dropOverload: number
  /** By the keys of `hostKeys`. */
  readonly hosts: Map<string, HostDelta>
}

/** The cluster in one process. */
export interface ClusterInProcess {
  readonly pid: number
  readonly cluster: ClusterLoad
}

/** One process's numbers when they were last reported. */
interface Reported {
  readonly cluster: ClusterLoad
  readonly hosts: ReadonlyMap<number, HostLoad>
}

const nothing = { dropped: 0, dropOverload: 0, success: 0, error: 0, issued: 0, metrics: [] as readonly MetricLoad[] }

export class TrackedLoad {
  readonly #reported = new Map<number, Reported>()

  /**
   * What was counted before is no part of a report, but for the metrics that hosts have told: those go with the first one,
   * as in Envoy.
   */
  constructor(now: readonly ClusterInProcess[]) {
    for (const { pid, cluster } of now)
      this.#remember(
        pid,
        cluster,
        cluster.hosts.map((host) => ({ ...host, metrics: nothing.metrics })),
      )
  }

  /** A process that is not in `now` has not answered: what it has counted comes with the next report, if it lives. */
  report(now: readonly ClusterInProcess[], livingPids: ReadonlySet<number>): ClusterDelta {
    const delta: ClusterDelta = { dropped: 0, dropOverload: 0, hosts: new Map() }
    for (const { pid, cluster } of now) {
      addCluster(delta, cluster, this.#reported.get(pid))
      this.#remember(pid, cluster, cluster.hosts)
    }
    for (const pid of this.#reported.keys()) if (!livingPids.has(pid)) this.#reported.delete(pid)
    return delta
  }

  #remember(pid: number, cluster: ClusterLoad, hosts: readonly HostLoad[]): void {
    this.#reported.set(pid, { cluster, hosts: new Map(hosts.map((host) => [host.id, host])) })
  }
}

function addCluster(delta: ClusterDelta, cluster: ClusterLoad, before: Reported | undefined): void {
  const last = before?.cluster.id === cluster.id ? before.cluster : nothing
  delta.dropped += cluster.dropped - last.dropped
  delta.dropOverload += cluster.dropOverload - last.dropOverload
  for (const host of cluster.hosts) {
    let sum = delta.hosts.get(host.key)
    if (sum === undefined) {
      sum = { success: 0, error: 0, issued: 0, active: 0, metrics: new Map() }
      delta.hosts.set(host.key, sum)
    }
    addHost(sum, host, before?.hosts.get(host.id) ?? nothing)
  }
}

function addHost(sum: HostDelta, host: HostLoad, last: Omit<HostLoad, 'id' | 'key' | 'active'>): void {
  sum.success += host.success - last.success
  sum.error += host.error - last.error
  sum.issued += host.issued - last.issued
  sum.active += host.active
  for (const { name, requests, total } of host.metrics) {
    const before = last.metrics.find((metric) => metric.name === name)
    const added = requests - (before?.requests ?? 0)
    if (added > 0) addMetric(sum.metrics, name, added, total - (before?.total ?? 0))
  }
}

/** Adds to a metric by its name. */
export function addMetric(metrics: HostDelta['metrics'], name: string, requests: number, total: number): void {
  const sum = metrics.get(name)
  if (sum === undefined) metrics.set(name, { requests, total })
  else {
    sum.requests += requests
    sum.total += total
  }
}
