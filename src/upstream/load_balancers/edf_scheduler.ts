// Earliest deadline first: picks items in proportion to their weights, spread evenly (Envoy's EdfScheduler).

interface Entry<T> {
  readonly item: T
  readonly weight: number
  deadline: number
  /** Order of entry breaks ties. */
  order: number
}

/** A binary heap by deadline; picking is O(log n). */
export class EdfScheduler<T> {
  readonly #heap: Entry<T>[] = []
  #now = 0
  #order = 0

  /** Weights above 0. `start` (0 to 1) shifts the first deadline, so that many schedulers do not move in step. */
  add(item: T, weight: number, start = 1): void {
    this.#push({ item, weight, deadline: this.#now + start / weight, order: this.#order++ })
  }

  pick(): T | undefined {
    const entry = this.#heap[0]
    if (entry === undefined) return undefined
    this.#now = entry.deadline
    entry.deadline = this.#now + 1 / entry.weight
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
