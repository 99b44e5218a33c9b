/** The owner's side of a slab: gives stats their places. */
import { BINS_PER_BLOCK, BLOCK_LIMIT } from './histogram_bins.ts'
import type { Slab } from './slab.ts'
import type { LoggedStat, StatType } from './stat_log.ts'
import { type StatKind, StatLogWriter } from './stat_log_writer.ts'

/** Slot of stats that are not kept: writable and never read. */
export const NULL_SLOT = 0
/** Zero count, then BLOCK_LIMIT 32-bit offsets of blocks. */
const HISTOGRAM_HEADER_UNITS = 1 + BLOCK_LIMIT / 2

/** Goes on where an earlier owner of the slab ended, however it ended. */
export class SlabWriter {
  readonly slab: Slab
  /** Stats that an earlier owner left and nobody asked for yet. */
  readonly #inherited = new Map<string, LoggedStat>()
  readonly #log: StatLogWriter
  readonly #freeSlots: number[] = []
  readonly #freeHistograms: number[] = []
  #nextSlot = NULL_SLOT + 1

  constructor(slab: Slab) {
    this.slab = slab
    this.#log = new StatLogWriter(slab.log, slab.limits.slotLimit)
    for (const stat of this.#log.left) {
      this.#inherited.set(inheritanceKey(stat.type, stat.prefix + stat.leaf), stat)
      if (stat.type !== 'histogram') this.#nextSlot = Math.max(this.#nextSlot, stat.place + 1)
    }
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
    return this.#log.add({ ...kind, prefix, leaf, place }) ? place : undefined
  }

  /** Ends a stat: readers forget it, its memory is zeroed and given to the next one. */
  retire(type: StatType, place: number): void {
    if (!this.#log.retire(type, place)) return
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
}

// A counter and a gauge may share a name, as in Envoy.
function inheritanceKey(type: StatType, name: string): string {
  return `${type} ${name}`
}
