// A few places in memory that processes share, given to keys as they come: a new key takes the place that was not used longest.

import { hash } from 'node:crypto'
import type { NanosecondClock } from './token_bucket.ts'

const lockWord = 0
const keysStart = 1
/** Nobody holds the lock for longer, unless it died with it. */
const lockLimitNs = 100_000_000n

/** How many 64-bit words the bookkeeping of so many places takes. */
export function sharedLruWords(places: number): number {
  return keysStart + 2 * places
}

export class SharedLru {
  readonly #words: BigInt64Array
  readonly #places: number
  readonly #clock: NanosecondClock
  /** Where this process found keys last; others may have given the places away since. */
  readonly #known = new Map<string, { readonly key: bigint; readonly place: number }>()

  /** `words` are `sharedLruWords(places)` of memory, zero at first. */
  constructor(words: BigInt64Array, places: number, clock: NanosecondClock = process.hrtime.bigint) {
    this.#words = words
    this.#places = places
    this.#clock = clock
  }

  /** The place of a key, from 0. `prepare` is called for a place that is given to the key now, before others see it there. */
  placeOf(text: string, prepare: (place: number) => void): number {
    const known = this.#known.get(text)
    if (known !== undefined && Atomics.load(this.#words, keysStart + known.place) === known.key) {
      this.#touch(known.place)
      return known.place
    }
    const key = known?.key ?? keyOf(text)
    const place = this.#locked(() => this.#find(key) ?? this.#give(key, prepare))
    if (this.#known.size >= 2 * this.#places) this.#known.clear()
    this.#known.set(text, { key, place })
    this.#touch(place)
    return place
  }

  #find(key: bigint): number | undefined {
    for (let place = 0; place < this.#places; place++)
      if (Atomics.load(this.#words, keysStart + place) === key) return place
    return undefined
  }

  #give(key: bigint, prepare: (place: number) => void): number {
    let oldest = 0
    for (let place = 1; place < this.#places; place++) if (this.#usedAt(place) < this.#usedAt(oldest)) oldest = place
    Atomics.store(this.#words, keysStart + oldest, 0n)
    prepare(oldest)
    Atomics.store(this.#words, keysStart + oldest, key)
    return oldest
  }

  #usedAt(place: number): bigint {
    return Atomics.load(this.#words, keysStart + this.#places + place)
  }

  #touch(place: number): void {
    Atomics.store(this.#words, keysStart + this.#places + place, this.#clock())
  }

  #locked<T>(act: () => T): T {
    const heldSince = this.#lock()
    try {
      return act()
    } finally {
      // Only what is still its own: whoever was held up for too long has lost it to another.
      Atomics.compareExchange(this.#words, lockWord, heldSince, 0n)
    }
  }

  #lock(): bigint {
    for (;;) {
      const now = this.#clock()
      const since = Atomics.load(this.#words, lockWord)
      if (since !== 0n && now - since < lockLimitNs) continue
      if (Atomics.compareExchange(this.#words, lockWord, since, now) === since) return now
    }
  }
}

/** Keys are what clients send: the hash is one that nobody finds a second text for. */
function keyOf(text: string): bigint {
  const key = hash('sha256', text, 'buffer').readBigInt64LE()
  return key === 0n ? 1n : key
}
