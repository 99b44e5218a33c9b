// RING_HASH: each host has many points on a ring of 64-bit hashes; a request's host is that of the next point (ketama).

import { murmurHash2, xxHash64 } from '../../common/hash.ts'
import type { Host } from '../host.ts'
import { type HashTable, hashText, type WeightedHost } from './hash_table.ts'

export interface HashRingSettings {
  readonly minSize: number
  readonly maxSize: number
  readonly hashFunction: 'XX_HASH' | 'MURMUR_HASH_2'
  readonly useHostname: boolean
}

export interface HashRingSize {
  readonly size: number
  readonly minHashesPerHost: number
  readonly maxHashesPerHost: number
}

/** Hashes stand as two halves in arrays of their own: no big number is made to look one up. */
export class HashRing implements HashTable {
  readonly #hosts: Host[] = []
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  /** Undefined where there are no hosts. */
  readonly size: HashRingSize | undefined

  constructor(hosts: readonly WeightedHost[], settings: HashRingSettings) {
    const hashes: bigint[] = []
    const owners: Host[] = []
    this.size = hosts.length === 0 ? undefined : place(hosts, settings, hashes, owners)
    const order = [...hashes.keys()].sort((a, b) => (hashes[a] < hashes[b] ? -1 : 1))
    this.#high = new Uint32Array(order.length)
    this.#low = new Uint32Array(order.length)
    order.forEach((from, i) => {
      this.#hosts.push(owners[from])
      this.#high[i] = Number(hashes[from] >> 32n)
      this.#low[i] = Number(hashes[from] & 0xffff_ffffn)
    })
  }

  choose(high: number, low: number, attempt: number): Host | undefined {
    const hosts = this.#hosts
    if (hosts.length === 0) return undefined
    return hosts[(this.#find(high, low) + attempt) % hosts.length]
  }

  /** The first point that is not before the hash; behind the last comes the first. */
  #find(high: number, low: number): number {
    const highs = this.#high
    const lows = this.#low
    let from = 0
    let to = highs.length
    while (from < to) {
      const middle = (from + to) >> 1
      const isBefore = highs[middle] < high || (highs[middle] === high && lows[middle] < low)
      if (isBefore) from = middle + 1
      else to = middle
    }
    return from === highs.length ? 0 : from
  }
}

/** Gives each host points in proportion to its share; running sums make up for what is not whole. */
function place(
  hosts: readonly WeightedHost[],
  { minSize, maxSize, hashFunction, useHostname }: HashRingSettings,
  hashes: bigint[],
  owners: Host[],
): HashRingSize {
  const least = hosts.reduce((min, { share }) => Math.min(min, share), 1)
  // The host with the least weight has a whole number of points, unless that makes too many.
  const scale = Math.min(Math.ceil(least * minSize) / least, maxSize)
  const size = Math.ceil(scale)
  let minHashesPerHost = size
  let maxHashesPerHost = 0
  let target = 0
  for (const { host, share } of hosts) {
    const text = hashText(host, useHostname)
    target += scale * share
    let count = 0
    for (; hashes.length < target; count++) {
      const point = `${text}_${count}`
      hashes.push(hashFunction === 'MURMUR_HASH_2' ? murmurHash2(point) : xxHash64(point))
      owners.push(host)
    }
    minHashesPerHost = Math.min(minHashesPerHost, count)
    maxHashesPerHost = Math.max(maxHashesPerHost, count)
  }
  return { size, minHashesPerHost, maxHashesPerHost }
}
