// What RING_HASH and MAGLEV share: the hash chooses the priority, and in it a host by the priority's table.

import type { ClusterStats } from '../cluster_stats.ts'
import type { Host } from '../host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../load_balancer.ts'
import type { PrioritySet } from '../priority_set.ts'
import { BoundedLoadTable } from './bounded_load.ts'
import { type CreateHashTable, type HashTable, weightedHosts } from './hash_table.ts'
import { indexOfLoad, type PriorityLoads, priorityLoads, sum } from './priority_load.ts'

export interface HashingSettings {
  readonly createTable: CreateHashTable
  /** Percentage of available hosts below which a priority uses all of its hosts. */
  readonly panicThreshold: () => number
  readonly localityWeighted: boolean
  /** Percent of the average load that a host may have; 0: no limit. */
  readonly balanceFactor: number
  /** The policy's own hash; undefined where the route says what to hash. */
  readonly hash: ((context: LoadBalancerContext) => bigint | undefined) | undefined
}

/** A hash and its halves, lower one first. */
const whole = new BigUint64Array(1)
const halves = new Uint32Array(whole.buffer)

export class HashingLoadBalancer implements LoadBalancer {
  readonly #settings: HashingSettings
  readonly #stats: ClusterStats
  #tables: readonly HashTable[] = []
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] }

  constructor(settings: HashingSettings, stats: ClusterStats) {
    this.#settings = settings
    this.#stats = stats
  }

  onHostsChanged({ hostSets }: PrioritySet): void {
    const { createTable, panicThreshold, localityWeighted, balanceFactor } = this.#settings
    const loads = priorityLoads(hostSets, panicThreshold())
    this.#loads = loads
    this.#tables = hostSets.map((set, priority) => {
      const hosts = weightedHosts(set, loads.panic[priority], localityWeighted)
      const table = createTable(hosts)
      return balanceFactor === 0 ? table : new BoundedLoadTable(table, hosts, balanceFactor)
    })
  }

  onLocalClusterChanged(): void {}

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    const own = this.#settings.hash
    const hash = context === undefined ? undefined : own === undefined ? context.hashKey() : own(context)
    if (hash === undefined) {
      halves[0] = Math.random() * 2 ** 32
      halves[1] = Math.random() * 2 ** 32
    } else whole[0] = hash
    const low = halves[0]
    const high = halves[1]
    const priority = this.#choosePriority(high, low)
    if (this.#loads.panic[priority]) this.#stats.lbHealthyPanic.inc()
    return this.#tables[priority]?.choose(high, low, context?.attempt ?? 0)
  }

  #choosePriority(high: number, low: number): number {
    const { healthy, degraded } = this.#loads
    if (healthy[0] === 100) return 0
    const point = 1 + (((high % 100) * (2 ** 32 % 100) + low) % 100)
    const priority = indexOfLoad(healthy, point, 0)
    return priority >= 0 ? priority : Math.max(0, indexOfLoad(degraded, point, sum(healthy)))
  }

  /** Which host comes next is the next request's to say. */
  peekAnotherHost(): undefined {
    return undefined
  }
}
