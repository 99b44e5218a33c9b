// LEAST_REQUEST: the least busy of some hosts drawn at random; with unequal weights, round robin by weight over load.

import type { Host } from '../host.ts'
import type { HostCounter } from '../host_stats.ts'
import { EdfScheduler } from './edf_scheduler.ts'
import { type CreateHostPicker, type HostPicker, hasEqualWeights } from './host_picker.ts'
import type { SlowStart } from './slow_start.ts'

export interface LeastRequestSettings {
  /** Hosts drawn for each choice, at least 2. */
  readonly choiceCount: number
  /** Compares all hosts instead. */
  readonly fullScan: boolean
  /** How strongly active requests weaken a weight; 1 by default, 0 ignores them. */
  readonly activeRequestBias: () => number
  readonly slowStart: SlowStart | undefined
}

export function leastRequestPickers(settings: LeastRequestSettings): CreateHostPicker {
  const { slowStart } = settings
  return (hosts) => {
    const isSlow = slowStart !== undefined && hosts.some((host) => slowStart.includes(host))
    if (hosts.length <= 1 || (hasEqualWeights(hosts) && !isSlow))
      return settings.fullScan ? new LeastActiveOfAll(hosts) : new LeastActive(hosts, settings.choiceCount)
    return new ByWeightOverLoad(hosts, settings)
  }
}

class LeastActive implements HostPicker {
  readonly #hosts: readonly Host[]
  readonly #choiceCount: number

  constructor(hosts: readonly Host[], choiceCount: number) {
    this.#hosts = hosts
    this.#choiceCount = choiceCount
  }

  pick(): Host | undefined {
    const hosts = this.#hosts
    if (hosts.length <= 1) return hosts[0]
    let best = hosts[Math.floor(Math.random() * hosts.length)]
    for (let i = 1; i < this.#choiceCount; i++) {
      const other = hosts[Math.floor(Math.random() * hosts.length)]
      if (other.stats.rqActive.value < best.stats.rqActive.value) best = other
    }
    return best
  }

  /** What is least busy now may not be so at the next pick. */
  peek(): undefined {
    return undefined
  }
}

/** Of equally idle hosts one at random: the first would get all that comes after a lull. */
class LeastActiveOfAll implements HostPicker {
  readonly #hosts: readonly Host[]
  /** Their active requests: that is all of a host that a scan has to touch. */
  readonly #active: readonly HostCounter[]

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
    this.#active = hosts.map(({ stats }) => stats.rqActive)
  }

  pick(): Host | undefined {
    const active = this.#active
    let least = active[0]?.value
    let ties = 0
    for (let i = 0; i < active.length; i++) {
      const { value } = active[i]
      if (value === least) ties++
      else if (value < least) {
        least = value
        ties = 1
      }
    }
    // One draw when it is known of how many: each would cost as much as some hosts.
    let before = Math.floor(Math.random() * ties)
    let index = 0
    while (index < active.length && (active[index].value !== least || before-- > 0)) index++
    return this.#hosts[index]
  }

  peek(): undefined {
    return undefined
  }
}

/** Schedules by weight / (active + 1)^bias, as it is when a host has just been picked. */
class ByWeightOverLoad implements HostPicker {
  readonly #scheduler: EdfScheduler<Host>

  constructor(hosts: readonly Host[], { activeRequestBias, slowStart }: LeastRequestSettings) {
    const weightOf = (host: Host): number => {
      const bias = activeRequestBias()
      const weight = host.weight * (slowStart?.factor(host) ?? 1)
      return bias <= 0 ? weight : weight / (host.stats.rqActive.value + 1) ** bias
    }
    this.#scheduler = new EdfScheduler(hosts, weightOf, Math.random())
  }

  pick(): Host | undefined {
    return this.#scheduler.pick()
  }

  peek(): undefined {
    return undefined
  }
}
