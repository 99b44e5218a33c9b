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
  /** Numbers of hosts: each its own place, but while one is drawn. */
  readonly #order: Uint32Array
  /** The places that were exchanged for it, in turn. */
  readonly #drawn: Uint32Array

  constructor(inner: HashTable, hosts: readonly WeightedHost[], balanceFactor: number) {
    this.#inner = inner
    this.#hosts = hosts
    this.#shares = new Map(hosts.map(({ host, share }) => [host, share]))
    this.#balanceFactor = balanceFactor
    this.#order = Uint32Array.from(hosts.keys())
    this.#drawn = new Uint32Array(hosts.length)
  }

  choose(high: number, low: number, attempt: number): Host | undefined {
    const host = this.#inner.choose(high, low, attempt)
    if (host === undefined) return undefined
    const load = this.#load(host, this.#shares.get(host) ?? 0)
    return load <= 1 ? host : this.#chooseOther(host, load, low)
  }

  /** The first one that has room, or else the one with the least load. */
  #chooseOther(overloaded: Host, itsLoad: number, seed: number): Host {
    const count = this.#order.length
    generator.seed(seed)
    let best = overloaded
    let least = itsLoad
    let draws = 0
    while (draws < count && least > 1) {
      const { host, share } = this.#hosts[this.#draw(draws++)]
      if (host === overloaded) continue
      const load = this.#load(host, share)
      if (load >= least) continue
      best = host
      least = load
    }
    this.#putBack(draws)
    return best
  }

  /** One that was not drawn yet. */
  #draw(place: number): number {
    const other = place + below(this.#order.length - place)
    this.#drawn[place] = other
    this.#exchange(place, other)
    return this.#order[place]
  }

  /** In the order of before, which costs less than to lay it out anew: few are drawn, of however many. */
  #putBack(draws: number): void {
    for (let place = draws - 1; place >= 0; place--) this.#exchange(place, this.#drawn[place])
  }

  #exchange(a: number, b: number): void {
    const order = this.#order
    const index = order[a]
    order[a] = order[b]
    order[b] = index
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
