// ROUND_ROBIN: in turn, in proportion to weights.

import type { Host } from '../host.ts'
import { EdfScheduler } from './edf_scheduler.ts'
import { type CreateHostPicker, type HostPicker, hasEqualWeights } from './host_picker.ts'
import type { SlowStart } from './slow_start.ts'

export function roundRobinPickers(slowStart: SlowStart | undefined): CreateHostPicker {
  return (hosts) => {
    const isSlow = slowStart !== undefined && hosts.some((host) => slowStart.includes(host))
    if (hosts.length <= 1 || (hasEqualWeights(hosts) && !isSlow)) return new InTurn(hosts)
    return new ByWeight(
      hosts,
      slowStart === undefined ? (host) => host.weight : (host) => host.weight * slowStart.factor(host),
    )
  }
}

/** Equal weights need no scheduler. */
class InTurn implements HostPicker {
  readonly #hosts: readonly Host[]
  #next: number
  #peeked = 0

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
    // Workers start at different hosts, so that the first does not get the first request of each.
    this.#next = Math.floor(Math.random() * hosts.length)
  }

  pick(): Host | undefined {
    const hosts = this.#hosts
    if (hosts.length === 0) return undefined
    if (this.#peeked > 0) this.#peeked--
    if (this.#next >= hosts.length) this.#next = 0
    return hosts[this.#next++]
  }

  peek(): Host | undefined {
    const hosts = this.#hosts
    if (this.#peeked >= hosts.length) return undefined
    return hosts[(this.#next + this.#peeked++) % hosts.length]
  }
}

class ByWeight implements HostPicker {
  readonly #count: number
  readonly #scheduler: EdfScheduler<Host>
  /** Picked already, to be given next. */
  readonly #peeked: Host[] = []

  constructor(hosts: readonly Host[], weightOf: (host: Host) => number) {
    this.#count = hosts.length
    this.#scheduler = new EdfScheduler(hosts, weightOf, Math.random())
  }

  pick(): Host | undefined {
    return this.#peeked.length > 0 ? this.#peeked.shift() : this.#scheduler.pick()
  }

  peek(): Host | undefined {
    if (this.#peeked.length >= this.#count) return undefined
    const host = this.#scheduler.pick()
    if (host !== undefined) this.#peeked.push(host)
    return host
  }
}
