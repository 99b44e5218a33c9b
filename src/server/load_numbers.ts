// What one process has counted of its clusters and hosts so far, for load reports.

import type { ClusterInfo } from '../upstream/cluster_info.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { Host } from '../upstream/host.ts'
import { hostKeys } from './host_keys.ts'

/** Since the host is there. */
export interface HostLoad {
  /** One for each life of a host in this process: a host that comes back starts with another. */
  readonly id: number
  /** By `hostKeys`. */
  readonly key: string
  readonly success: number
  readonly error: number
  readonly issued: number
  readonly active: number
  readonly metrics: readonly MetricLoad[]
}

export interface MetricLoad {
  readonly name: string
  readonly requests: number
  readonly total: number
}

export interface ClusterLoad {
  readonly id: number
  readonly name: string
  readonly dropped: number
  readonly dropOverload: number
  readonly hosts: readonly HostLoad[]
}

export interface ProcessLoad {
  readonly pid: number
  readonly clusters: readonly ClusterLoad[]
}

const ids = new WeakMap<object, number>()
let lastId = 0

/** What has counted nothing yet is left out. */
export function processLoad(clusterManager: ClusterManager): ProcessLoad {
  const clusters: ClusterLoad[] = []
  for (const { info, prioritySet } of clusterManager.clusters()) {
    const keyOf = hostKeys()
    const hosts: HostLoad[] = []
    for (const host of prioritySet.hosts()) {
      const key = keyOf(info.name, host.address.text)
      if (isUsed(host)) hosts.push(hostLoad(host, key))
    }
    if (hosts.length > 0 || info.loadStats.dropped > 0 || info.loadStats.dropOverload > 0)
      clusters.push(clusterLoad(info, hosts))
  }
  return { pid: process.pid, clusters }
}

function isUsed({ stats, loadMetrics }: Host): boolean {
  return stats.rqTotal.value > 0 || stats.rqError.value > 0 || (loadMetrics?.metrics.size ?? 0) > 0
}

function hostLoad(host: Host, key: string): HostLoad {
  const { rqSuccess, rqError, rqTotal, rqActive } = host.stats
  const metrics = [...(host.loadMetrics?.metrics ?? [])].map(([name, { requests, total }]) => ({
    name,
    requests,
    total,
  }))
  return {
    id: idOf(host),
    key,
    success: rqSuccess.value,
    error: rqError.value,
    issued: rqTotal.value,
    active: rqActive.value,
    metrics,
  }
}

function clusterLoad({ name, loadStats }: ClusterInfo, hosts: readonly HostLoad[]): ClusterLoad {
  const { dropped, dropOverload } = loadStats
  return { id: idOf(loadStats), name, dropped, dropOverload, hosts }
}

function idOf(object: object): number {
  let id = ids.get(object)
  if (id === undefined) {
    id = ++lastId
    ids.set(object, id)
  }
  return id
}
