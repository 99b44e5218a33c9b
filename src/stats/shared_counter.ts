/** Counts that all processes share and change exactly, such as circuit breakers: one total, and each process's share of it. */
import { readFileSync } from 'node:fs'
import type { Slab } from './slab.ts'

const LOCK_WORD = 0
const COUNT_WORD = 1
const HEADER_WORDS = 16
const SPIN_LIMIT = 1000
const AUDIT_LIMIT = 10_000
/** Lowest bit of a share: an update of the total is under way. */
const PENDING = 1

/** Room for shared counters: how many, and the bytes of all their names. */
export interface SharedAreaLimits {
  readonly sharedLimit: number
  readonly sharedNamesLimitBytes: number
}

export function sharedAreaBytes(limits: SharedAreaLimits): number {
  const bytes = (HEADER_WORDS + limits.sharedLimit * 2) * 4 + limits.sharedNamesLimitBytes
  return Math.ceil(bytes / 4096) * 4096
}

/** The part of the segment that holds the totals and their names; each name keeps its slot for ever. */
export class SharedArea {
  readonly totals: Int32Array
  readonly #header: Int32Array
  /** Where each name ends among the name bytes. */
  readonly #nameEnds: Int32Array
  readonly #nameBytes: Buffer
  readonly #slots = new Map<string, number>()
  #known = 0

  /** Lays the area over `buffer` from `offset` (a multiple of 8). Fresh memory must be all zero. */
  constructor(buffer: ArrayBufferLike, offset: number, limits: SharedAreaLimits) {
    const { sharedLimit, sharedNamesLimitBytes } = limits
    this.#header = new Int32Array(buffer, offset, HEADER_WORDS)
    this.totals = new Int32Array(buffer, offset + HEADER_WORDS * 4, sharedLimit)
    this.#nameEnds = new Int32Array(buffer, offset + (HEADER_WORDS + sharedLimit) * 4, sharedLimit)
    const namesStart = offset + (HEADER_WORDS + sharedLimit * 2) * 4
    this.#nameBytes = Buffer.from(buffer as ArrayBuffer, namesStart, sharedNamesLimitBytes)
  }

  /** The first of the slots of a name, the same in every process; undefined when there is no room for a new one. */
  slotOf(name: string, count = 1): number | undefined {
    this.#learn()
    const known = this.#slots.get(name)
    if (known !== undefined) return known
    this.#lock()
    try {
      this.#learn()
      return this.#slots.get(name) ?? this.#append(name, count)
    } finally {
      Atomics.store(this.#header, LOCK_WORD, 0)
    }
  }

  /** How many slots are in use. */
  slotCount(): number {
    return Atomics.load(this.#header, COUNT_WORD)
  }

  #learn(): void {
    const count = this.slotCount()
    for (; this.#known < count; this.#known++) {
      const start = this.#known === 0 ? 0 : this.#nameEnds[this.#known - 1]
      const end = this.#nameEnds[this.#known]
      // A slot that follows the first of its name has none.
      if (end > start) this.#slots.set(this.#nameBytes.toString('utf8', start, end), this.#known)
    }
  }

  // What is written becomes part of the area only by the count, stored last: a holder of the lock that dies leaves nothing.
  #append(name: string, count: number): number | undefined {
    const slot = this.#known
    const start = slot === 0 ? 0 : this.#nameEnds[slot - 1]
    const end = start + Buffer.byteLength(name)
    if (slot + count > this.totals.length || end > this.#nameBytes.length) return undefined
    this.#nameBytes.write(name, start)
    this.#nameEnds.fill(end, slot, slot + count)
    Atomics.store(this.#header, COUNT_WORD, slot + count)
    this.#learn()
    return slot
  }

  #lock(): void {
    for (let spins = 1; ; spins++) {
      const owner = Atomics.compareExchange(this.#header, LOCK_WORD, 0, process.pid)
      if (owner === 0) return
      if (spins % SPIN_LIMIT !== 0 || isRunning(owner)) continue
      if (Atomics.compareExchange(this.#header, LOCK_WORD, owner, process.pid) === owner) return
    }
  }
}

// A killed process that its parent has not yet waited for still has its id: the state tells it from a running one.
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const state = stat[stat.lastIndexOf(')') + 2]
    return state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}

/**
 * One shared count. Fields are plain for speed; `SharedCounters` makes them.
 *
 * The own share is marked PENDING around each change of the total, so that `reclaimShares` notices a process killed in
 * between. These are plain stores (Atomics.store would double the cost: bench/micro/stats.ts): a kill keeps what was
 * executed, and the atomic operation between them publishes the mark before the new total.
 */
export class SharedCounter {
  readonly totals: Int32Array
  readonly shares: Int32Array
  readonly slot: number

  constructor(totals: Int32Array, shares: Int32Array, slot: number) {
    this.totals = totals
    this.shares = shares
    this.slot = slot
  }

  /** Adds one unless that would exceed `limit`; exact, however many processes try at once. */
  tryAdd(limit: number): boolean {
    const { totals, shares, slot } = this
    const share = shares[slot]
    shares[slot] = share | PENDING
    let seen = Atomics.load(totals, slot)
    while (seen < limit) {
      const found = Atomics.compareExchange(totals, slot, seen, seen + 1)
      if (found === seen) {
        shares[slot] = share + 2
        return true
      }
      seen = found
    }
    shares[slot] = share
    return false
  }

  inc(): void {
    const { totals, shares, slot } = this
    const share = shares[slot]
    shares[slot] = share | PENDING
    Atomics.add(totals, slot, 1)
    shares[slot] = share + 2
  }

  dec(): void {
    const { totals, shares, slot } = this
    const share = shares[slot]
    shares[slot] = share | PENDING
    Atomics.sub(totals, slot, 1)
    shares[slot] = share - 2
  }

  /** The count of all processes together. */
  value(): number {
    return Atomics.load(this.totals, this.slot)
  }

  /** This process's part of it. */
  share(): number {
    return this.shares[this.slot] >> 1
  }
}

/** One process's view of the shared counters. */
export class SharedCounters {
  readonly #area: SharedArea
  readonly #slab: Slab
  readonly #known = new Map<string, readonly SharedCounter[]>()

  constructor(area: SharedArea, slab: Slab) {
    this.#area = area
    this.#slab = slab
  }

  /** The counters of that name, as many in every process. Where the area is full they count in this process alone. */
  counters(name: string, count: number): readonly SharedCounter[] {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const first = this.#area.slotOf(name, count)
    const made = Array.from({ length: count }, (_, i) =>
      first === undefined
        ? new SharedCounter(new Int32Array(1), new Int32Array(1), 0)
        : new SharedCounter(this.#area.totals, this.#slab.shares, first + i),
    )
    this.#known.set(name, made)
    return made
  }

  counter(name: string): SharedCounter {
    return this.counters(name, 1)[0]
  }
}

/**
 * Takes a dead process's shares out of the totals; called by main before the process is replaced. `others` are the slabs
 * of all other processes: where the dead one was killed inside an update, the total is set right from what they hold.
 */
export function reclaimShares(area: SharedArea, dead: Slab, others: readonly Slab[]): void {
  const count = area.slotCount()
  for (let slot = 0; slot < count; slot++) {
    const share = dead.shares[slot]
    if (share === 0) continue
    Atomics.sub(area.totals, slot, share >> 1)
    Atomics.store(dead.shares, slot, 0)
    if ((share & PENDING) !== 0) auditTotal(area, slot, others)
  }
}

// Two equal readings of all shares and the total, with no update under way, are one moment's state. The processes that go
// on are only ever inside an update for nanoseconds, so that such a moment comes at once.
function auditTotal(area: SharedArea, slot: number, slabs: readonly Slab[]): void {
  const read = () => slabs.map((slab) => Atomics.load(slab.shares, slot))
  for (let attempt = 0; attempt < AUDIT_LIMIT; attempt++) {
    const before = read()
    const total = Atomics.load(area.totals, slot)
    const after = read()
    if (before.some((share, i) => share !== after[i] || (share & PENDING) !== 0)) continue
    const sum = before.reduce((partial, share) => partial + (share >> 1), 0)
    if (sum === total || Atomics.compareExchange(area.totals, slot, total, sum) === total) return
  }
}
