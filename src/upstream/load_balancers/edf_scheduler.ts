// Earliest deadline first: picks items in proportion to their weights, spread evenly (Envoy's EdfScheduler).

interface Entry<T> {
  readonly item: T
  deadline: number
  /** Order of entry breaks ties. */
  order: number
}

/** A binary heap by deadline; picking is O(log n). */
export class EdfScheduler<T> {
  readonly #heap: Entry<T>[] = []
  readonly #weightOf: (item: T) => number
  #now: number
  #order = 0

  /**
   * Weights are above 0, and asked for anew at each pick. `start` (from 0 to 1) is where in the rotation picking begins, so
   * that schedulers over the same items do not move in step.
   */
  constructor(items: readonly T[], weightOf: (item: T) => number, start = 0) {
    this.#weightOf = weightOf
    this.#now = start
    for (const item of items) {
      const weight = weightOf(item)
      this.#push({ item, deadline: (Math.floor(weight * start) + 1) / weight, order: this.#order++ })
    }
  }

  pick(): T | undefined {
    const entry = this.#heap[0]
    if (entry === undefined) return undefined
    this.#now = entry.deadline
    entry.deadline = this.#now + 1 / this.#weightOf(entry.item)
    entry.order = this.#order++
    this.#sink()
    return entry.item
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap
    let i = heap.push(entry) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(entry, heap[parent])) break
      heap[i] = heap[parent]
      i = parent
    }
    heap[i] = entry
  }

  #sink(): void {
    const heap = this.#heap
    const entry = heap[0]
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++
      if (!isBefore(heap[child], entry)) break
      heap[i] = heap[child]
      i = child
    }
    heap[i] = entry
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order)
}
