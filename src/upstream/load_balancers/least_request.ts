// LEAST_REQUEST: the least busy of some hosts drawn at random; with unequal weights, round robin by weight over load.

import type { Counter } from '../../stats/store.ts'
import type { Host } from '../host.ts'
import type { LoadBalancer } from '../load_balancer.ts'
import type { PrioritySet } from '../priority_set.ts'
import { eligibleHosts } from './host_pick.ts'

export interface LeastRequestSettings {
  /** Hosts drawn for each choice, at least 2. */
  readonly choiceCount: number
  /** Compares all hosts instead. */
  readonly fullScan: boolean
  /** How strongly active requests weaken a weight; 1 by default, 0 ignores them. */
  readonly activeRequestBias: () => number
}

export class LeastRequestLoadBalancer implements LoadBalancer {
  readonly #settings: LeastRequestSettings
  readonly #panics: Counter
  #hosts: readonly Host[] = []
  #weighted = false
  #panic = false

  constructor(settings: LeastRequestSettings, panics: Counter) {
    this.#settings = settings
    this.#panics = panics
  }

  onHostsChanged(prioritySet: PrioritySet): void {
    const { hosts, panic } = eligibleHosts(prioritySet)
    this.#hosts = hosts
    this.#panic = panic
    this.#weighted = hosts.some((host) => host.weight !== hosts[0].weight)
  }

  chooseHost(): Host | undefined {
    if (this.#panic) this.#panics.inc()
    const hosts = this.#hosts
    if (hosts.length === 0) return undefined
    if (this.#weighted) return this.#chooseWeighted(hosts)
    if (this.#settings.fullScan) return leastActive(hosts)
    let best = hosts[Math.floor(Math.random() * hosts.length)]
    for (let i = 1; i < this.#settings.choiceCount; i++) {
      const other = hosts[Math.floor(Math.random() * hosts.length)]
      if (other.stats.rqActive.value < best.stats.rqActive.value) best = other
    }
    return best
  }

  /** Draws in proportion to weight / (active + 1)^bias, the weight that Envoy schedules by. */
  #chooseWeighted(hosts: readonly Host[]): Host {
    const bias = this.#settings.activeRequestBias()
    let total = 0
    const weights = hosts.map((host) => {
      const weight = host.weight / (host.stats.rqActive.value + 1) ** bias
      total += weight
      return weight
    })
    let point = Math.random() * total
    for (let i = 0; i < hosts.length; i++) {
      point -= weights[i]
      if (point < 0) return hosts[i]
    }
    return hosts[hosts.length - 1]
  }
}

/** Of equally idle hosts one at random: the first would get all that comes after a lull. */
function leastActive(hosts: readonly Host[]): Host {
  let best = hosts[0]
  let ties = 1
  for (let i = 1; i < hosts.length; i++) {
    const active = hosts[i].stats.rqActive.value
    if (active < best.stats.rqActive.value) {
      best = hosts[i]
      ties = 1
    } else if (active === best.stats.rqActive.value && Math.random() * ++ties < 1) best = hosts[i]
  }
  return best
}
