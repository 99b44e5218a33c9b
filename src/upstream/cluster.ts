// A cluster in a worker: its facts, its hosts as last told, and its load balancer.

import type { ClusterInfo } from './cluster_info.ts'
import { Host, type HostSnapshot } from './host.ts'
import type { LoadBalancer, LoadBalancerContext } from './load_balancer.ts'
import { hostSet, PrioritySet } from './priority_set.ts'

export class Cluster {
  readonly info: ClusterInfo
  readonly prioritySet = new PrioritySet()
  readonly #loadBalancer: LoadBalancer
  readonly #countsMembership: boolean

  /** `countsMembership`: one process keeps the membership gauges, or they would add up over the workers. */
  constructor(info: ClusterInfo, loadBalancer: LoadBalancer, countsMembership: boolean) {
    this.info = info
    this.#loadBalancer = loadBalancer
    this.#countsMembership = countsMembership
  }

  chooseHost(context?: LoadBalancerContext): Host | undefined {
    return this.#loadBalancer.chooseHost(context)
  }

  /** Replaces the hosts. One that stays (same address, same facts) keeps its object, its pools and its numbers. */
  setHosts(priorities: readonly (readonly HostSnapshot[])[]): void {
    const previous = new Map([...this.prioritySet.hosts()].map((host) => [host.address.text, host]))
    let added = 0
    const sets = priorities.map((snapshots, priority) =>
      hostSet(
        priority,
        snapshots.map((snapshot) => {
          const known = previous.get(snapshot.address.text)
          if (known !== undefined && isSame(known, snapshot)) {
            previous.delete(snapshot.address.text)
            known.additionalAddresses = snapshot.additionalAddresses
            return known
          }
          added++
          return new Host(this.info, snapshot)
        }),
      ),
    )
    this.prioritySet.replace(sets)
    this.#loadBalancer.onHostsChanged(this.prioritySet)
    for (const gone of previous.values()) for (const pool of gone.pools.values()) pool.drainConnections()
    if (this.#countsMembership) this.#publish(added + previous.size > 0)
  }

  #publish(changed: boolean): void {
    const { stats } = this.info
    const hosts = [...this.prioritySet.hosts()]
    if (changed) stats.membershipChange.inc()
    stats.membershipTotal.set(hosts.length)
    stats.membershipHealthy.set(hosts.filter((host) => host.healthy).length)
    stats.membershipDegraded.set(hosts.filter((host) => host.healthStatus === 'DEGRADED').length)
    stats.maxHostWeight.set(Math.max(0, ...hosts.map((host) => host.weight)))
  }

  /** The cluster is removed: its connections end, busy ones after their exchange. */
  drain(): void {
    for (const host of this.prioritySet.hosts()) for (const pool of host.pools.values()) pool.drainConnections()
  }
}

function isSame(host: Host, snapshot: HostSnapshot): boolean {
  return (
    host.weight === snapshot.weight &&
    host.priority === snapshot.priority &&
    host.healthStatus === snapshot.healthStatus &&
    host.hostname === snapshot.hostname &&
    JSON.stringify(host.metadata) === JSON.stringify(snapshot.metadata) &&
    JSON.stringify(host.locality) === JSON.stringify(snapshot.locality)
  )
}
