/** The owner's side of a slab: gives stats their places and puts their names into the log. */
import { BINS_PER_BLOCK, BLOCK_LIMIT } from './histogram_bins.ts'
import { type LoggedStat, type Slab, SlabLogReader, type StatType } from './slab.ts'

/** Slot of stats that are not kept: writable and never read. */
export const NULL_SLOT = 0
/** Zero count, then BLOCK_LIMIT 32-bit offsets of blocks. */
const HISTOGRAM_HEADER_UNITS = 1 + BLOCK_LIMIT / 2

export type StatKind = Pick<LoggedStat, 'type' | 'unit' | 'mode'>

/** Goes on where an earlier owner of the slab ended, however it ended. */
export class SlabWriter {
  readonly slab: Slab
  /** Stats that an earlier owner left and nobody asked for yet. */
  readonly #inherited = new Map<string, LoggedStat>()
  readonly #symbols = new Map<string, number>()
  /** Where the log tells of the stat at a slot, and of the histogram at a heap offset. */
  readonly #slotEntries: Int32Array
  readonly #histogramEntries = new Map<number, number>()
  readonly #freeSlots: number[] = []
  readonly #freeHistograms: number[] = []
  #logHead: number
  #nextSlot = NULL_SLOT + 1

  constructor(slab: Slab) {
    this.slab = slab
    this.#slotEntries = new Int32Array(slab.limits.slotLimit)
    const reader = new SlabLogReader(slab)
    for (let stat = reader.next(); stat !== undefined; stat = reader.next()) {
      const key = inheritanceKey(stat.type, stat.prefix + stat.leaf)
      if (stat.retired) {
        this.#inherited.delete(key)
        continue
      }
      this.#inherited.set(key, stat)
      this.#noteEntry(stat.type, stat.place, reader.entry)
      if (stat.type !== 'histogram') this.#nextSlot = Math.max(this.#nextSlot, stat.place + 1)
    }
    for (const [id, symbol] of reader.symbols.entries()) this.#symbols.set(symbol, id)
    this.#logHead = reader.head
  }

  /** The place of a stat that an earlier owner left. */
  takeInherited(type: StatType, prefix: string, leaf: string): number | undefined {
    if (this.#inherited.size === 0) return undefined
    const key = inheritanceKey(type, prefix + leaf)
    const stat = this.#inherited.get(key)
    this.#inherited.delete(key)
    return stat?.place
  }

  /** Makes a stat named `prefix` followed by `leaf`, and gives its place; undefined when the slab is full. */
  append(kind: StatKind, prefix: string, leaf: string): number | undefined {
    const place = kind.type === 'histogram' ? this.#allocateHistogram() : this.#allocateSlot(kind.type)
    if (place === undefined) return undefined
    const prefixId = this.#symbol(prefix)
    const leafId = this.#symbol(leaf)
    if (prefixId === undefined || leafId === undefined) return undefined
    const entry = this.#logHead
    const head = this.slab.appendStat(entry, { ...kind, place }, prefixId, leafId)
    if (head === undefined) return undefined
    this.#logHead = head
    this.#noteEntry(kind.type, place, entry)
    return place
  }

  /** Ends a stat: readers forget it, its memory is zeroed and given to the next one. */
  retire(type: StatType, place: number): void {
    const entry = type === 'histogram' ? this.#histogramEntries.get(place) : this.#slotEntries[place]
    if (entry === undefined) return
    const head = this.slab.appendRetirement(this.#logHead, entry)
    // Where the log is full the stat stays: its place must not be given to another one.
    if (head === undefined) return
    this.#logHead = head
    if (type === 'histogram') {
      this.#clearHistogram(place)
      this.#freeHistograms.push(place)
      return
    }
    this.slab.values[place] = 0
    this.#freeSlots.push(place)
  }

  /** Ends the stats that an earlier owner left under a prefix. */
  retireInherited(prefix: string): void {
    for (const [key, stat] of this.#inherited) {
      if (!(stat.prefix + stat.leaf).startsWith(prefix)) continue
      this.#inherited.delete(key)
      this.retire(stat.type, stat.place)
    }
  }

  #noteEntry(type: StatType, place: number, entry: number): void {
    if (type === 'histogram') this.#histogramEntries.set(place, entry)
    else this.#slotEntries[place] = entry
  }

  #allocateSlot(type: StatType): number | undefined {
    const slot = this.#freeSlots.pop() ?? this.#nextSlot
    if (slot >= this.slab.limits.slotLimit) return undefined
    if (slot === this.#nextSlot) this.#nextSlot++
    // No write to a counter or gauge leaves -0: see `used` of the reader.
    this.slab.values[slot] = type === 'textReadout' ? 0 : -0
    return slot
  }

  #allocateHistogram(): number | undefined {
    return this.#freeHistograms.pop() ?? this.slab.allocateHeap(HISTOGRAM_HEADER_UNITS)
  }

  #clearHistogram(header: number): void {
    const { heap, heapWords } = this.slab
    heap[header] = 0
    for (let power = 0; power < BLOCK_LIMIT; power++) {
      const block = heapWords[header * 2 + 2 + power]
      if (block !== 0) heap.fill(0, block, block + BINS_PER_BLOCK)
    }
  }

  #symbol(text: string): number | undefined {
    const known = this.#symbols.get(text)
    if (known !== undefined) return known
    const head = this.slab.appendSymbol(this.#logHead, text)
    if (head === undefined) return undefined
    this.#logHead = head
    const id = this.#symbols.size
    this.#symbols.set(text, id)
    return id
  }
}

// A counter and a gauge may share a name, as in Envoy.
function inheritanceKey(type: StatType, name: string): string {
  return `${type} ${name}`
}
