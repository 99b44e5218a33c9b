// What load reports are made of: the clusters in main, and what all processes have counted of them.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { LocalityHosts } from '../upstream/priority_set.ts'
import type { ClusterStatsReport, LoadSource } from '../xds/load_stats_reporter.ts'
import { hostKeys } from './host_keys.ts'
import { type ProcessLoad, processLoad } from './load_numbers.ts'
import { addMetric, type ClusterDelta, type ClusterInProcess, type HostDelta, TrackedLoad } from './tracked_load.ts'

type UpstreamLocalityStats = envoy.config.endpoint.v3.UpstreamLocalityStats
type UpstreamEndpointStats = envoy.config.endpoint.v3.UpstreamEndpointStats
type EndpointLoadMetricStats = envoy.config.endpoint.v3.EndpointLoadMetricStats
type LocalityStats = Partial<UpstreamLocalityStats>

/** The workers, as far as load reports go. */
export interface LoadWorkers {
  /** Those that answer in time. */
  loads(): Promise<readonly ProcessLoad[]>
  pids(): readonly number[]
}

export class ProxyLoad implements LoadSource {
  readonly #clusterManager: ClusterManager
  readonly #workers: LoadWorkers
  readonly #tracked = new Map<string, TrackedLoad>()
  /** As last read, main's own calls included. */
  #clusters = new Map<string, ClusterInProcess[]>()
  #livingPids: ReadonlySet<number> = new Set()

  constructor(clusterManager: ClusterManager, workers: LoadWorkers) {
    this.#clusterManager = clusterManager
    this.#workers = workers
  }

  async refresh(): Promise<void> {
    const workers = await this.#workers.loads()
    this.#livingPids = new Set([process.pid, ...this.#workers.pids()])
    this.#clusters = new Map()
    for (const { pid, clusters } of [processLoad(this.#clusterManager), ...workers]) {
      for (const cluster of clusters) {
        const known = this.#clusters.get(cluster.name)
        if (known === undefined) this.#clusters.set(cluster.name, [{ pid, cluster }])
        else known.push({ pid, cluster })
      }
    }
  }

  *clusterNames(): Iterable<string> {
    for (const { info } of this.#clusterManager.clusters()) yield info.name
  }

  track(name: string): void {
    this.#tracked.set(name, new TrackedLoad(this.#clusters.get(name) ?? []))
  }

  untrack(name: string): void {
    this.#tracked.delete(name)
  }

  take(name: string, withEndpoints: boolean): ClusterStatsReport | undefined {
    const cluster = this.#clusterManager.get(name)
    const tracked = this.#tracked.get(name)
    if (cluster === undefined || tracked === undefined) return undefined
    const delta = tracked.report(this.#clusters.get(name) ?? [], this.#livingPids)
    const category = cluster.policy?.dropOverload?.category ?? ''
    return {
      clusterName: name,
      clusterServiceName: cluster.info.config.edsClusterConfig?.serviceName ?? '',
      upstreamLocalityStats: [...localityReports(cluster, delta, withEndpoints)] as UpstreamLocalityStats[],
      totalDroppedRequests: delta.dropped,
      droppedRequests: delta.dropOverload === 0 ? [] : [{ category, droppedCount: delta.dropOverload }],
    }
  }
}

/** One for each locality of each priority in which something has happened. */
function* localityReports(cluster: Cluster, delta: ClusterDelta, withEndpoints: boolean): Iterable<LocalityStats> {
  const deltas = deltasByHost(cluster, delta)
  for (const { priority, localities } of cluster.prioritySet.hostSets) {
    for (const group of localities) {
      const report = localityReport(group, deltas, withEndpoints)
      if (report !== undefined) yield { ...report, priority }
    }
  }
}

/** Hosts are found by the order in which the processes have them all, not by that in their locality. */
function deltasByHost(cluster: Cluster, { hosts }: ClusterDelta): Map<object, HostDelta> {
  const keyOf = hostKeys()
  const found = new Map<object, HostDelta>()
  for (const host of cluster.prioritySet.hosts()) {
    const delta = hosts.get(keyOf(cluster.info.name, host.address.text))
    if (delta !== undefined) found.set(host, delta)
  }
  return found
}

function localityReport(
  group: LocalityHosts,
  deltas: ReadonlyMap<object, HostDelta>,
  withEndpoints: boolean,
): LocalityStats | undefined {
  const sum: HostDelta = { success: 0, error: 0, issued: 0, active: 0, metrics: new Map() }
  const endpoints: Partial<UpstreamEndpointStats>[] = []
  for (const host of group.hosts) {
    const delta = deltas.get(host)
    if (delta === undefined || isIdle(delta)) continue
    sum.success += delta.success
    sum.error += delta.error
    sum.issued += delta.issued
    sum.active += delta.active
    for (const [name, { requests, total }] of delta.metrics) addMetric(sum.metrics, name, requests, total)
    if (withEndpoints) endpoints.push({ address: addressView(host.address), ...requestCounts(delta) })
  }
  if (isIdle(sum)) return undefined
  const upstreamEndpointStats = endpoints as UpstreamEndpointStats[]
  return { locality: { ...group.locality }, ...requestCounts(sum), upstreamEndpointStats }
}

function isIdle({ success, error, issued, active, metrics }: HostDelta): boolean {
  return success === 0 && error === 0 && issued === 0 && active === 0 && metrics.size === 0
}

function requestCounts({ success, error, issued, active, metrics }: HostDelta): {
  totalSuccessfulRequests: number
  totalErrorRequests: number
  totalIssuedRequests: number
  totalRequestsInProgress: number
  loadMetricStats: EndpointLoadMetricStats[]
} {
  return {
    totalSuccessfulRequests: success,
    totalErrorRequests: error,
    totalIssuedRequests: issued,
    totalRequestsInProgress: active,
    loadMetricStats: [...metrics].map(([metricName, { requests, total }]) => ({
      metricName,
      numRequestsFinishedWithMetric: requests,
      totalMetricValue: total,
    })),
  }
}

function addressView({ family, text, ip, port }: AddressInfo): UpstreamEndpointStats['address'] {
  const view = family === 'pipe' ? { pipe: { path: text } } : { socketAddress: { address: ip, portValue: port } }
  return view as UpstreamEndpointStats['address']
}
