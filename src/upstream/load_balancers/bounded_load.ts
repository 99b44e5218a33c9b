// hash_balance_factor: no host takes more than so many percent of the average; what is too much goes to others.

import { MersenneTwister } from '../../common/mersenne_twister.ts'
import type { Host } from '../host.ts'
import type { HashTable, WeightedHost } from './hash_table.ts'

/** See https://arxiv.org/abs/1908.08762: which host comes next is drawn by chance, but by the same for the same hash. */
export class BoundedLoadTable implements HashTable {
  readonly #inner: HashTable
  readonly #hosts: readonly WeightedHost[]
  readonly #shares: ReadonlyMap<Host, number>
  readonly #balanceFactor: number
  readonly #order: Uint32Array

  constructor(inner: HashTable, hosts: readonly WeightedHost[], balanceFactor: number) {
    this.#inner = inner
    this.#hosts = hosts
    this.#shares = new Map(hosts.map(({ host, share }) => [host, share]))
    this.#balanceFactor = balanceFactor
    this.#order = new Uint32Array(hosts.length)
  }

  choose(high: number, low: number, attempt: number): Host | undefined {
    const host = this.#inner.choose(high, low, attempt)
    if (host === undefined) return undefined
    const load = this.#load(host, this.#shares.get(host) ?? 0)
    return load <= 1 ? host : this.#chooseOther(host, load, low)
  }

  /** The first one that has room, or else the one with the least load. */
  #chooseOther(overloaded: Host, itsLoad: number, seed: number): Host {
    const order = this.#order
    for (let i = 0; i < order.length; i++) order[i] = i
    generator.seed(seed)
    let best = overloaded
    let least = itsLoad
    for (let i = 0; i < order.length; i++) {
      const j = i + below(order.length - i)
      const index = order[j]
      order[j] = order[i]
      order[i] = index
      const { host, share } = this.#hosts[index]
      if (host === overloaded) continue
      const load = this.#load(host, share)
      if (load <= 1) return host
      if (load < least) {
        best = host
        least = load
      }
    }
    return best
  }

  /** Active requests to those that its share allows. */
  #load(host: Host, share: number): number {
    const active = host.cluster.stats.upstreamRqActive.value()
    const slots = Math.floor(((active + 1) * this.#balanceFactor + 99) / 100)
    return host.stats.rqActive.value / Math.max(1, Math.ceil(slots * share))
  }
}

const generator = new MersenneTwister()

function below(count: number): number {
  const step = Math.floor(2 ** 32 / count)
  for (;;) {
    const drawn = Math.floor(generator.random() / step)
    if (drawn < count) return drawn
  }
}
