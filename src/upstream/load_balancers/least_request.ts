// LEAST_REQUEST: the least busy of some hosts drawn at random; with unequal weights, round robin by weight over load.

import type { Host } from '../host.ts'
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
    if (hosts.length <= 1 || (hasEqualWeights(hosts) && !isSlow)) return new LeastActive(hosts, settings)
    return new ByWeightOverLoad(hosts, settings)
  }
}

class LeastActive implements HostPicker {
  readonly #hosts: readonly Host[]
  readonly #choiceCount: number
  readonly #fullScan: boolean

  constructor(hosts: readonly Host[], settings: LeastRequestSettings) {
    this.#hosts = hosts
    this.#choiceCount = settings.choiceCount
    this.#fullScan = settings.fullScan
  }

  pick(): Host | undefined {
    const hosts = this.#hosts
    if (hosts.length <= 1) return hosts[0]
    if (this.#fullScan) return leastActive(hosts)
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
