// MAGLEV: hosts take turns in filling a table, each in an order of its own (Eisenbud et al., NSDI 2016, listing 1).

import { xxHash64 } from '../../common/hash.ts'
import type { Host } from '../host.ts'
import { type HashTable, hashText, type WeightedHost } from './hash_table.ts'

export interface MaglevSettings {
  /** A prime number up to 5000011. */
  readonly tableSize: number
  readonly useHostname: boolean
}

interface Filler {
  readonly share: number
  /** The next place that it would like. */
  place: number
  readonly skip: number
  /** It takes its turn when as many rounds of its share have passed. */
  due: number
  count: number
}

export class MaglevTable implements HashTable {
  readonly #hosts: readonly Host[]
  /** Indexes of `#hosts`. */
  readonly #table: Uint16Array | Uint32Array
  readonly minEntriesPerHost: number
  readonly maxEntriesPerHost: number

  constructor(hosts: readonly WeightedHost[], { tableSize, useHostname }: MaglevSettings) {
    // The order decides who comes first: it must not depend on that of the configuration.
    const sorted = hosts
      .map((each) => ({ ...each, text: hashText(each.host, useHostname) }))
      .sort((a, b) => (a.text === b.text ? 0 : a.text < b.text ? -1 : 1))
    this.#hosts = sorted.map(({ host }) => host)
    const fillers = sorted.map(({ text, share }) => filler(text, share, tableSize))
    this.#table = hosts.length < 0xffff ? new Uint16Array(tableSize) : new Uint32Array(tableSize)
    if (fillers.length > 0) fill(this.#table, fillers)
    this.minEntriesPerHost = fillers.reduce((min, { count }) => Math.min(min, count), tableSize)
    this.maxEntriesPerHost = fillers.reduce((max, { count }) => Math.max(max, count), 0)
  }

  choose(high: number, low: number, attempt: number): Host | undefined {
    if (this.#hosts.length === 0) return undefined
    if (attempt > 0) {
      // hash ^ (2^64 - attempt), in halves.
      const flipped = (low ^ -attempt) >>> 0
      return this.#at(~high >>> 0, flipped)
    }
    return this.#at(high, low)
  }

  /** The hash modulo the table's size, without a number above 2^53. */
  #at(high: number, low: number): Host {
    const size = this.#table.length
    return this.#hosts[this.#table[((high % size) * (2 ** 32 % size) + low) % size]]
  }
}

function filler(text: string, share: number, tableSize: number): Filler {
  const size = BigInt(tableSize)
  const place = Number(xxHash64(text) % size)
  const skip = Number(xxHash64(text, 1n) % (size - 1n)) + 1
  return { share, place, skip, due: 0, count: 0 }
}

function fill(table: Uint16Array | Uint32Array, fillers: readonly Filler[]): void {
  const size = table.length
  const taken = new Uint8Array(size)
  const most = fillers.reduce((max, { share }) => Math.max(max, share), 0)
  let left = size
  for (let round = 1; left > 0; round++) {
    for (let i = 0; i < fillers.length && left > 0; i++) {
      const each = fillers[i]
      if (round * each.share < each.due) continue
      each.due += most
      while (taken[each.place] === 1) advance(each, size)
      table[each.place] = i
      taken[each.place] = 1
      advance(each, size)
      each.count++
      left--
    }
  }
}

function advance(each: Filler, size: number): void {
  each.place += each.skip
  if (each.place >= size) each.place -= size
}
