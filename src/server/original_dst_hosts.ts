// Main's view of the hosts that workers have made of clusters of type ORIGINAL_DST: those that any of them has.

import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import { type OriginalDstChange, originalDstHost } from '../upstream/original_dst/original_dst_load_balancer.ts'

interface MadeHost {
  readonly address: AddressInfo
  readonly workers: Set<number>
}

export class OriginalDstHosts {
  readonly #clusterManager: ClusterManager
  /** By cluster and address. */
  readonly #clusters = new Map<string, Map<string, MadeHost>>()

  constructor(clusterManager: ClusterManager) {
    this.#clusterManager = clusterManager
  }

  onChange(workerIndex: number, { clusterName, added, removed }: OriginalDstChange): void {
    const hosts = this.#clusters.get(clusterName) ?? new Map<string, MadeHost>()
    this.#clusters.set(clusterName, hosts)
    const made: AddressInfo[] = []
    for (const address of added) {
      const known = hosts.get(address.text)
      if (known !== undefined) known.workers.add(workerIndex)
      else {
        hosts.set(address.text, { address, workers: new Set([workerIndex]) })
        made.push(address)
      }
    }
    const dropped = removed.filter(({ text }) => drop(hosts, text, workerIndex)).length
    this.#publish(clusterName, hosts)
    const info = this.#clusterManager.get(clusterName)?.info
    info?.transportSockets.countMatches(made.map((address) => originalDstHost(clusterName, address)))
    // As in Envoy, where each host comes by itself and all that go at a time go together; one has been counted.
    const changes = made.length + Math.min(dropped, 1)
    if (changes > 1) info?.stats.membershipChange.add(changes - 1)
  }

  onWorkerDied(workerIndex: number): void {
    for (const [clusterName, hosts] of this.#clusters) {
      for (const text of hosts.keys()) drop(hosts, text, workerIndex)
      this.#publish(clusterName, hosts)
    }
  }

  #publish(clusterName: string, hosts: ReadonlyMap<string, MadeHost>): void {
    if (hosts.size === 0) this.#clusters.delete(clusterName)
    const cluster = this.#clusterManager.get(clusterName)
    if (cluster === undefined) return
    const snapshots = Array.from(hosts.values(), ({ address }) => originalDstHost(clusterName, address))
    this.#clusterManager.onOwnHosts(cluster, [snapshots])
  }
}

/** True where no other worker has it. */
function drop(hosts: Map<string, MadeHost>, text: string, workerIndex: number): boolean {
  const workers = hosts.get(text)?.workers
  workers?.delete(workerIndex)
  return workers?.size === 0 && hosts.delete(text)
}
