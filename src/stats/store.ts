/** The stats of one process: handles that are looked up by name once, at configuration time, and kept. */
import { BIN_MASK, BINS_PER_BLOCK, BLOCK_SHIFT, PACKED_BINS, packedBin, TABLE_LIMIT } from './histogram_bins.ts'
import type { SharedArea } from './shared_counter.ts'
import { type GaugeMode, type HistogramUnit, Slab, type SlabLimits, slabBytes } from './slab.ts'
import { NULL_SLOT, SlabWriter, type StatKind } from './slab_writer.ts'

/** A number that only grows; a slot of -0 marks one that nobody wrote. Fields are plain for speed; nobody but the store makes one. */
export class Counter {
  readonly values: Float64Array
  readonly slot: number

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
  readonly slot: number

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
  readonly slab: Slab | undefined
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
  readonly slot: number
  readonly #slab: Slab | undefined

  constructor(slab: Slab | undefined, slot: number) {
    this.slot = slot
    this.#slab = slab
  }

  get type(): 'textReadout' {
    return 'textReadout'
  }

  set(text: string): void {
    this.#slab?.writeText(this.slot, text)
  }

  value(): string {
    return this.#slab?.readText(this.slot) ?? ''
  }
}

type Handle = Counter | Gauge | Histogram | TextReadout

/** Where stats are made: names given here continue the scope's prefix. Asking twice gives the same handle. */
export interface Scope {
  counter(name: string): Counter
  /** `mode` 'shared' is for what every process sets to the same thing, such as the size of a cluster: see GaugeMode. */
  gauge(name: string, mode?: GaugeMode): Gauge
  histogram(name: string, unit: HistogramUnit): Histogram
  textReadout(name: string): TextReadout
  /** A scope whose names begin with this one's prefix, `prefix` and a dot. */
  createScope(prefix: string): Scope
}

export interface StatsStoreOptions {
  /** Says which names are not kept (`stats_config.stats_matcher`): their handles work, cost nothing and show nowhere. */
  readonly rejects?: (name: string) => boolean
  /** Where gauges of mode 'shared' live; without it they are this process's own. */
  readonly shared?: SharedArea
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
  /** Handles by the last part of a name, by what is before that: with a million stats, whole names would cost more. */
  readonly #handles = new Map<string, Map<string, Handle>>()
  readonly #shared: SharedArea | undefined
  readonly #writer: SlabWriter
  #lostNames = 0

  constructor(slab: Slab, options: StatsStoreOptions = {}) {
    this.slab = slab
    this.#rejects = options.rejects
    this.#shared = options.shared
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
    return new PrefixScope(this, scopePrefix('', prefix))
  }

  counterIn(prefix: string, leaf: string): Counter {
    const { handles, key } = this.#lookUp(prefix, leaf)
    const known = handles.get(key)
    if (known instanceof Counter) return known
    const typedKey = known === undefined ? key : `counter ${key}`
    const other = known === undefined ? undefined : handles.get(typedKey)
    if (other instanceof Counter) return other
    const place = this.#place({ type: 'counter', unit: 'unspecified', mode: 'accumulate' }, prefix, leaf)
    const made = new Counter(this.slab.values, place ?? NULL_SLOT)
    handles.set(typedKey, made)
    return made
  }

  gaugeIn(prefix: string, leaf: string, mode: GaugeMode): Gauge {
    const { handles, key } = this.#lookUp(prefix, leaf)
    const known = handles.get(key)
    if (known instanceof Gauge) return known
    const typedKey = known === undefined ? key : `gauge ${key}`
    const other = known === undefined ? undefined : handles.get(typedKey)
    if (other instanceof Gauge) return other
    const made =
      mode === 'shared' && this.#shared !== undefined
        ? this.#sharedGauge(this.#shared, prefix + leaf)
        : new Gauge(
            this.slab.values,
            this.#place({ type: 'gauge', unit: 'unspecified', mode }, prefix, leaf) ?? NULL_SLOT,
          )
    handles.set(typedKey, made)
    return made
  }

  histogramIn(prefix: string, leaf: string, unit: HistogramUnit): Histogram {
    const { handles, key } = this.#lookUp(prefix, leaf)
    const known = handles.get(key)
    if (known instanceof Histogram) return known
    const typedKey = known === undefined ? key : `histogram ${key}`
    const other = known === undefined ? undefined : handles.get(typedKey)
    if (other instanceof Histogram) return other
    const place = this.#place({ type: 'histogram', unit, mode: 'accumulate' }, prefix, leaf)
    const made = new Histogram(place === undefined ? undefined : this.slab, place ?? 0)
    handles.set(typedKey, made)
    return made
  }

  textReadoutIn(prefix: string, leaf: string): TextReadout {
    const { handles, key } = this.#lookUp(prefix, leaf)
    const known = handles.get(key)
    if (known instanceof TextReadout) return known
    const typedKey = known === undefined ? key : `textReadout ${key}`
    const other = known === undefined ? undefined : handles.get(typedKey)
    if (other instanceof TextReadout) return other
    const place = this.#place({ type: 'textReadout', unit: 'unspecified', mode: 'accumulate' }, prefix, leaf)
    const made = new TextReadout(place === undefined ? undefined : this.slab, place ?? NULL_SLOT)
    handles.set(typedKey, made)
    return made
  }

  /** How many stats found no room in the slab; they count into nothing. */
  lostNames(): number {
    return this.#lostNames
  }

  /**
   * Ends all stats of this process whose names begin with `prefix` and a dot, as when a cluster goes: they show no more, and
   * a stat made later under such a name starts from zero. Their handles MUST NOT be used after: the memory goes to others.
   */
  removeScope(prefix: string): void {
    const start = scopePrefix('', prefix)
    this.#writer.retireInherited(start)
    for (const [names, handles] of this.#handles) {
      if (!names.startsWith(start)) continue
      this.#handles.delete(names)
      for (const handle of handles.values()) this.#retire(handle)
    }
  }

  #retire(handle: Handle): void {
    if (handle instanceof Histogram) {
      if (handle.header !== 0) this.#writer.retire('histogram', handle.header)
      return
    }
    if (handle.slot === NULL_SLOT) return
    if (handle instanceof Gauge && handle.values === this.#shared?.gauges) this.#shared.removeGauge(handle.slot)
    else this.#writer.retire(handle.type, handle.slot)
  }

  /** Where the handle of a name is kept. The same name may be asked for in different scopes: it is parted at its last dot. */
  #lookUp(prefix: string, leaf: string): { handles: Map<string, Handle>; key: string } {
    const dot = leaf.lastIndexOf('.') + 1
    const names = dot === 0 ? prefix : prefix + leaf.slice(0, dot)
    let handles = this.#handles.get(names)
    if (handles === undefined) {
      handles = new Map()
      this.#handles.set(names, handles)
    }
    return { handles, key: dot === 0 ? leaf : leaf.slice(dot) }
  }

  #sharedGauge(shared: SharedArea, name: string): Gauge {
    if (this.#rejects?.(name)) return new Gauge(shared.gauges, NULL_SLOT)
    const index = shared.gaugeIndexOf(name)
    if (index === undefined) this.#lostNames++
    return new Gauge(shared.gauges, index ?? NULL_SLOT)
  }

  /** Where the slab keeps the stat of this name, made if it is new; undefined if it is rejected or finds no room. */
  #place(kind: StatKind, prefix: string, leaf: string): number | undefined {
    const inherited = this.#writer.takeInherited(kind.type, prefix, leaf)
    if (inherited !== undefined) return inherited
    if (this.#rejects?.(prefix + leaf)) return undefined
    const place = this.#writer.append(kind, prefix, leaf)
    if (place === undefined) this.#lostNames++
    return place
  }
}

class PrefixScope implements Scope {
  readonly #store: StatsStore
  readonly #prefix: string

  constructor(store: StatsStore, prefix: string) {
    this.#store = store
    this.#prefix = prefix
  }

  counter(name: string): Counter {
    return this.#store.counterIn(this.#prefix, name)
  }

  gauge(name: string, mode: GaugeMode = 'accumulate'): Gauge {
    return this.#store.gaugeIn(this.#prefix, name, mode)
  }

  histogram(name: string, unit: HistogramUnit): Histogram {
    return this.#store.histogramIn(this.#prefix, name, unit)
  }

  textReadout(name: string): TextReadout {
    return this.#store.textReadoutIn(this.#prefix, name)
  }

  createScope(prefix: string): Scope {
    return new PrefixScope(this.#store, scopePrefix(this.#prefix, prefix))
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
