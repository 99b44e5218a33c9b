// ROUND_ROBIN: in turn, in proportion to weights.

import type { Counter } from '../../stats/store.ts'
import type { Host } from '../host.ts'
import type { LoadBalancer } from '../load_balancer.ts'
import type { PrioritySet } from '../priority_set.ts'
import { EdfScheduler } from './edf_scheduler.ts'
import { eligibleHosts } from './host_pick.ts'

export class RoundRobinLoadBalancer implements LoadBalancer {
  readonly #panics: Counter
  #hosts: readonly Host[] = []
  #panic = false
  #next = 0
  /** Only where weights differ: equal ones need no scheduler. */
  #scheduler: EdfScheduler<Host> | undefined = undefined

  constructor(panics: Counter) {
    this.#panics = panics
  }

  onHostsChanged(prioritySet: PrioritySet): void {
    const { hosts, panic } = eligibleHosts(prioritySet)
    this.#hosts = hosts
    this.#panic = panic
    // Workers start at different hosts, so that the first does not get the first request of each.
    this.#next = hosts.length === 0 ? 0 : Math.floor(Math.random() * hosts.length)
    this.#scheduler = undefined
    if (!hosts.some((host) => host.weight !== hosts[0].weight)) return
    this.#scheduler = new EdfScheduler()
    for (const host of hosts) this.#scheduler.add(host, host.weight)
  }

  chooseHost(): Host | undefined {
    if (this.#panic) this.#panics.inc()
    if (this.#scheduler !== undefined) return this.#scheduler.pick()
    const hosts = this.#hosts
    if (hosts.length === 0) return undefined
    if (this.#next >= hosts.length) this.#next = 0
    return hosts[this.#next++]
  }
}
