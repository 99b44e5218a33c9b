/** The stats of one process: handles that are looked up by name once, at configuration time, and kept. */
import { BIN_MASK, BINS_PER_BLOCK, BLOCK_SHIFT, PACKED_BINS, packedBin, TABLE_LIMIT } from './histogram_bins.ts'
import { Slab, type SlabLimits, slabBytes } from './slab.ts'
import { NULL_SLOT, SlabWriter } from './slab_writer.ts'
import type { GaugeMode, HistogramUnit } from './stat_log.ts'
import type { StatKind } from './stat_log_writer.ts'
import type { OwnedGroup, StatsOwner } from './stats_owner.ts'

/**
 * A number that only grows; a slot of -0 marks one that nobody wrote. Fields are plain for speed; nobody but the store makes
 * one, or moves it to NULL_SLOT when its last owner has gone.
 */
export class Counter {
  readonly values: Float64Array
  slot: number

  constructor(values: Float64Array, slot: number) {
    this.values = values
    this.slot = slot
  }

  inc(): void {
    this.values[this.slot]++
  }

  add(n: number): void {
    this.values[this.slot] += n
  }

  get type(): 'counter' {
    return 'counter'
  }

  /** What this process counted since the slab was made; a reset by the admin interface does not show here. */
  value(): number {
    return this.slot === NULL_SLOT ? 0 : this.values[this.slot] + 0
  }
}

/** A number that goes up and down. A slot of -0 marks a gauge nobody wrote: any write turns it into another value. */
export class Gauge {
  readonly values: Float64Array
  slot: number

  constructor(values: Float64Array, slot: number) {
    this.values = values
    this.slot = slot
  }

  inc(): void {
    this.values[this.slot]++
  }

  dec(): void {
    this.values[this.slot]--
  }

  add(n: number): void {
    this.values[this.slot] += n
  }

  sub(n: number): void {
    this.values[this.slot] -= n
  }

  set(n: number): void {
    this.values[this.slot] = n
  }

  get type(): 'gauge' {
    return 'gauge'
  }

  /** This process's part of the gauge. */
  value(): number {
    return this.slot === NULL_SLOT ? 0 : this.values[this.slot] + 0
  }
}

/** Counts values in log-linear bins; blocks of bins are taken from the slab when first needed. */
export class Histogram {
  /** Undefined for one that is not kept, or not any more. */
  slab: Slab | undefined
  readonly heap: Float64Array
  readonly heapWords: Uint32Array
  readonly header: number

  constructor(slab: Slab | undefined, header: number) {
    this.slab = slab
    this.heap = slab === undefined ? EMPTY_HEAP : slab.heap
    this.heapWords = slab === undefined ? EMPTY_HEAP_WORDS : slab.heapWords
    this.header = header
  }

  /**
   * Counts one value in the histogram's unit; fractions are cut off, what is negative or no number counts as 0.
   * A percentage is given in millionths: 100 % is 1,000,000.
   */
  recordValue(value: number): void {
    if (this.slab === undefined) return
    if (!(value >= 1)) {
      this.heap[this.header]++
      return
    }
    const bin = value < TABLE_LIMIT ? PACKED_BINS[value | 0] : packedBin(Math.floor(value))
    let block = this.heapWords[this.header * 2 + 2 + (bin >> BLOCK_SHIFT)]
    if (block === 0) {
      block = this.#allocateBlock(bin >> BLOCK_SHIFT)
      if (block === 0) return
    }
    this.heap[block + (bin & BIN_MASK)]++
  }

  #allocateBlock(power: number): number {
    const block = this.slab?.allocateHeap(BINS_PER_BLOCK) ?? 0
    if (block !== 0) Atomics.store(this.heapWords, this.header * 2 + 2 + power, block)
    return block
  }
}

const EMPTY_HEAP = new Float64Array(1)
const EMPTY_HEAP_WORDS = new Uint32Array(1)

/** A text shown among the stats, such as a version. */
export class TextReadout {
  slot: number
  /** Undefined for one that is not kept, or not any more. */
  slab: Slab | undefined

  constructor(slab: Slab | undefined, slot: number) {
    this.slot = slot
    this.slab = slab
  }

  get type(): 'textReadout' {
    return 'textReadout'
  }

  set(text: string): void {
    this.slab?.writeText(this.slot, text)
  }

  value(): string {
    return this.slab?.readText(this.slot) ?? ''
  }
}

type Handle = Counter | Gauge | Histogram | TextReadout

/** Where stats are made: names given here continue the scope's prefix. Asking twice gives the same handle. */
export interface Scope {
  counter(name: string): Counter
  gauge(name: string, mode?: GaugeMode): Gauge
  histogram(name: string, unit: HistogramUnit): Histogram
  textReadout(name: string): TextReadout
  /** A scope whose names begin with this one's prefix, `prefix` and a dot; its stats have the owner of this one's. */
  createScope(prefix: string): Scope
  /** The same names for another owner; stats that were once asked for without one stay for ever. */
  ownedBy(owner: StatsOwner): Scope
}

export interface StatsStoreOptions {
  /** Says which names are not kept (`stats_config.stats_matcher`): their handles work, cost nothing and show nowhere. */
  readonly rejects?: (name: string) => boolean
}

/** Room for what one process of a test or tool needs. */
const LOCAL_LIMITS: SlabLimits = {
  slotLimit: 65_536,
  logLimitBytes: 4 << 20,
  heapLimitBytes: 8 << 20,
  sharedLimit: 1024,
}

/** A store on memory of this process alone. */
export function createLocalStore(options: StatsStoreOptions = {}): StatsStore {
  return new StatsStore(new Slab(new ArrayBuffer(slabBytes(LOCAL_LIMITS)), 0, LOCAL_LIMITS), options)
}

/** The root scope over one slab. Opening a slab that a dead process left goes on with its names and values. */
export class StatsStore implements Scope {
  readonly slab: Slab
  readonly #rejects: ((name: string) => boolean) | undefined
  /** By the names up to their last dot: with a million stats, whole names would cost more. */
  readonly #groups = new Map<string, HandleGroup>()
  readonly #writer: SlabWriter
  #lostNames = 0

  constructor(slab: Slab, options: StatsStoreOptions = {}) {
    this.slab = slab
    this.#rejects = options.rejects
    this.#writer = new SlabWriter(slab)
  }

  counter(name: string): Counter {
    return this.counterIn('', name)
  }

  gauge(name: string, mode: GaugeMode = 'accumulate'): Gauge {
    return this.gaugeIn('', name, mode)
  }

  histogram(name: string, unit: HistogramUnit): Histogram {
    return this.histogramIn('', name, unit)
  }

  textReadout(name: string): TextReadout {
    return this.textReadoutIn('', name)
  }

  createScope(prefix: string): Scope {
    return new PrefixScope(this, scopePrefix('', prefix), undefined)
  }

  ownedBy(owner: StatsOwner): Scope {
    return new PrefixScope(this, '', owner)
  }

  counterIn(prefix: string, leaf: string, owner?: StatsOwner): Counter {
    const kind: StatKind = { type: 'counter', unit: 'unspecified', mode: 'accumulate' }
    return this.#handle(
      Counter,
      kind,
      prefix,
      leaf,
      owner,
      (place) => new Counter(this.slab.values, place ?? NULL_SLOT),
    )
  }

  gaugeIn(prefix: string, leaf: string, mode: GaugeMode, owner?: StatsOwner): Gauge {
    const kind: StatKind = { type: 'gauge', unit: 'unspecified', mode }
    return this.#handle(Gauge, kind, prefix, leaf, owner, (place) => new Gauge(this.slab.values, place ?? NULL_SLOT))
  }

  histogramIn(prefix: string, leaf: string, unit: HistogramUnit, owner?: StatsOwner): Histogram {
    const kind: StatKind = { type: 'histogram', unit, mode: 'accumulate' }
    const make = (place?: number): Histogram => new Histogram(place === undefined ? undefined : this.slab, place ?? 0)
    return this.#handle(Histogram, kind, prefix, leaf, owner, make)
  }

  textReadoutIn(prefix: string, leaf: string, owner?: StatsOwner): TextReadout {
    const kind: StatKind = { type: 'textReadout', unit: 'unspecified', mode: 'accumulate' }
    const slabOf = (place?: number): Slab | undefined => (place === undefined ? undefined : this.slab)
    const make = (place?: number): TextReadout => new TextReadout(slabOf(place), place ?? NULL_SLOT)
    return this.#handle(TextReadout, kind, prefix, leaf, owner, make)
  }

  /** How many stats found no room in the slab; they count into nothing. */
  lostNames(): number {
    return this.#lostNames
  }

  /** The handle of a name, made by `make` at its place where it is new; the place is undefined for one that is not kept. */
  #handle<H extends Handle>(
    handleClass: new (...fields: never[]) => H,
    kind: StatKind,
    prefix: string,
    leaf: string,
    owner: StatsOwner | undefined,
    make: (place?: number) => H,
  ): H {
    if (owner?.isEnded === true) return make()
    const dot = leaf.lastIndexOf('.') + 1
    const group = this.#group(dot === 0 ? prefix : prefix + leaf.slice(0, dot))
    if (owner === undefined) group.isForEver = true
    else owner.claim(group)
    const key = dot === 0 ? leaf : leaf.slice(dot)
    const known = group.handles.get(key)
    if (known instanceof handleClass) return known
    // Two kinds may share a name.
    const typedKey = known === undefined ? key : `${kind.type} ${key}`
    const other = known === undefined ? undefined : group.handles.get(typedKey)
    if (other instanceof handleClass) return other
    const made = make(this.#place(kind, prefix, leaf))
    group.handles.set(typedKey, made)
    return made
  }

  /** The same name may be asked for in different scopes: it is parted at its last dot. */
  #group(names: string): HandleGroup {
    let group = this.#groups.get(names)
    if (group === undefined) {
      group = new HandleGroup(() => this.#remove(names))
      this.#groups.set(names, group)
    }
    return group
  }

  /** Ends all stats of the group: their memory is given to others, and their handles count into nothing. */
  #remove(names: string): void {
    const group = this.#groups.get(names)
    if (group === undefined) return
    this.#groups.delete(names)
    this.#writer.retireInherited(names)
    for (const handle of group.handles.values()) this.#retire(handle)
  }

  #retire(handle: Handle): void {
    if (handle instanceof Histogram) {
      if (handle.slab !== undefined) this.#writer.retire('histogram', handle.header)
      handle.slab = undefined
      return
    }
    const { slot } = handle
    if (slot === NULL_SLOT) return
    handle.slot = NULL_SLOT
    if (handle instanceof TextReadout) handle.slab = undefined
    this.#writer.retire(handle.type, slot)
  }

  /** Where the stat of this name is kept, made if it is new; undefined if it is rejected or finds no room. */
  #place(kind: StatKind, prefix: string, leaf: string): number | undefined {
    const inherited = this.#writer.takeInherited(kind.type, prefix, leaf)
    if (inherited !== undefined) return inherited
    if (this.#rejects?.(prefix + leaf)) return undefined
    const place = this.#writer.append(kind, prefix, leaf)
    if (place === undefined) this.#lostNames++
    return place
  }
}

/** The handles of one group by the last part of their names, and how many own them. */
class HandleGroup implements OwnedGroup {
  readonly handles = new Map<string, Handle>()
  /** Somebody uses them who has no end. */
  isForEver = false
  #owners = 0
  readonly #onUnowned: () => void

  constructor(onUnowned: () => void) {
    this.#onUnowned = onUnowned
  }

  claim(): void {
    this.#owners++
  }

  release(): void {
    if (--this.#owners === 0 && !this.isForEver) this.#onUnowned()
  }
}

class PrefixScope implements Scope {
  readonly #store: StatsStore
  readonly #prefix: string
  readonly #owner: StatsOwner | undefined

  constructor(store: StatsStore, prefix: string, owner: StatsOwner | undefined) {
    this.#store = store
    this.#prefix = prefix
    this.#owner = owner
  }

  counter(name: string): Counter {
    return this.#store.counterIn(this.#prefix, name, this.#owner)
  }

  gauge(name: string, mode: GaugeMode = 'accumulate'): Gauge {
    return this.#store.gaugeIn(this.#prefix, name, mode, this.#owner)
  }

  histogram(name: string, unit: HistogramUnit): Histogram {
    return this.#store.histogramIn(this.#prefix, name, unit, this.#owner)
  }

  textReadout(name: string): TextReadout {
    return this.#store.textReadoutIn(this.#prefix, name, this.#owner)
  }

  createScope(prefix: string): Scope {
    return new PrefixScope(this.#store, scopePrefix(this.#prefix, prefix), this.#owner)
  }

  ownedBy(owner: StatsOwner): Scope {
    return new PrefixScope(this.#store, this.#prefix, owner)
  }
}

/** The prefix of a scope within one of prefix `outer`, with a dot at its end; `outer` where nothing is added. */
export function scopePrefix(outer: string, prefix: string): string {
  const name = sanitizeStatName(prefix)
  return name === '' ? outer : `${outer}${name}.`
}

/** A scope's prefix as Envoy writes it: no dot at either end, and '_' for what address separators are. */
export function sanitizeStatName(name: string): string {
  const end = name.endsWith('.') ? name.length - 1 : name.length
  const start = name.startsWith('.') ? 1 : 0
  return name.slice(start, end).replaceAll('://', '_').replaceAll(':/', '_').replaceAll(':', '_').replaceAll('\0', '_')
}
