// RANDOM: any host, each as likely; weights do not count, as in Envoy.

import type { Counter } from '../../stats/store.ts'
import type { Host } from '../host.ts'
import type { LoadBalancer } from '../load_balancer.ts'
import type { PrioritySet } from '../priority_set.ts'
import { eligibleHosts } from './host_pick.ts'

export class RandomLoadBalancer implements LoadBalancer {
  readonly #panics: Counter
  #hosts: readonly Host[] = []
  #panic = false

  constructor(panics: Counter) {
    this.#panics = panics
  }

  onHostsChanged(prioritySet: PrioritySet): void {
    const { hosts, panic } = eligibleHosts(prioritySet)
    this.#hosts = hosts
    this.#panic = panic
  }

  chooseHost(): Host | undefined {
    if (this.#panic) this.#panics.inc()
    return this.#hosts[Math.floor(Math.random() * this.#hosts.length)]
  }
}
