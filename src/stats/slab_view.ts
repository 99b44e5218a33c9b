/** One process's log as main has read it: which of the merged stats is at each of the process's places. */
import type { Slab } from './slab.ts'
import { type LoggedStat, StatLogReader, type StatLogSink, type StatPlace } from './stat_log.ts'

/** What becomes of the merged stats. */
export interface SlabViewOwner {
  /** Index of the stat of that name, which the process now keeps at that place. */
  onMade(slab: number, stat: LoggedStat): number
  /** The process does not keep it at that place any more. */
  onGone(slab: number, index: number, place: number): void
}

export class SlabView implements StatLogSink {
  readonly #slab: number
  readonly #log: StatLogReader
  readonly #owner: SlabViewOwner
  #bySlot = new Int32Array(1024)
  readonly #byHeapOffset = new Map<number, number>()
  /** While the log is told anew: the slots and heap offsets that it has told of. */
  #toldSlots: Set<number> | undefined = undefined
  #toldHeapOffsets: Set<number> | undefined = undefined

  /** `index` is the slab's, as the owner counts. */
  constructor(slab: Slab, index: number, owner: SlabViewOwner) {
    this.#slab = index
    this.#log = new StatLogReader(slab.log)
    this.#owner = owner
  }

  /** Takes over what the process has logged since. */
  read(): void {
    this.#log.read(this)
  }

  onMade(stat: LoggedStat): void {
    const before = this.#indexAt(stat)
    const index = this.#owner.onMade(this.#slab, stat)
    // Only a log told anew can have left out that another stat was there.
    if (before !== 0 && before !== index) this.#owner.onGone(this.#slab, before, stat.place)
    this.#setIndexAt(stat, index)
    if (stat.type === 'histogram') this.#toldHeapOffsets?.add(stat.place)
    else this.#toldSlots?.add(stat.place)
  }

  onRetired(at: StatPlace): void {
    const index = this.#indexAt(at)
    if (index === 0) return
    this.#setIndexAt(at, 0)
    this.#owner.onGone(this.#slab, index, at.place)
  }

  onRewritten(): void {
    this.#toldSlots = new Set()
    this.#toldHeapOffsets = new Set()
  }

  onToldAnew(): void {
    for (const [place, index] of this.#bySlot.entries()) {
      if (index !== 0 && this.#toldSlots?.has(place) === false) this.onRetired({ type: 'counter', place })
    }
    for (const place of this.#byHeapOffset.keys()) {
      if (this.#toldHeapOffsets?.has(place) === false) this.onRetired({ type: 'histogram', place })
    }
    this.#toldSlots = undefined
    this.#toldHeapOffsets = undefined
  }

  #indexAt({ type, place }: StatPlace): number {
    return (type === 'histogram' ? this.#byHeapOffset.get(place) : this.#bySlot[place]) ?? 0
  }

  #setIndexAt({ type, place }: StatPlace, index: number): void {
    if (type === 'histogram') {
      if (index === 0) this.#byHeapOffset.delete(place)
      else this.#byHeapOffset.set(place, index)
      return
    }
    if (place >= this.#bySlot.length) {
      const larger = new Int32Array(Math.max(place + 1, this.#bySlot.length * 2))
      larger.set(this.#bySlot)
      this.#bySlot = larger
    }
    this.#bySlot[place] = index
  }
}
