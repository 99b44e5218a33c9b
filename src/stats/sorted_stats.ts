/** The stats of one kind in the order of their names, kept so while stats come and go. */
import { compareStats, type MergedStat } from './merged_stat.ts'
import { compareText } from './name_order.ts'

/** Up to this part of the list new ones are put in one by one, beyond it all is sorted. */
const FEW = 1 / 16

export class SortedStats<S extends MergedStat> {
  #list: readonly S[] = []
  #added: S[] = []
  #someRemoved = false

  add(stat: S): S {
    this.#added.push(stat)
    return stat
  }

  /** Some stat is no more: its index is 0. */
  onRemoved(): void {
    this.#someRemoved = true
  }

  /** In the order of whole names. The list given stays as it is when stats come or go later. */
  list(): readonly S[] {
    if (this.#someRemoved) {
      this.#list = this.#list.filter((stat) => stat.index !== 0)
      this.#added = this.#added.filter((stat) => stat.index !== 0)
      this.#someRemoved = false
    }
    if (this.#added.length > 0) {
      const added = this.#added.sort(byName)
      this.#added = []
      this.#list =
        added.length < this.#list.length * FEW ? merge(this.#list, added) : [...this.#list, ...added].sort(byName)
    }
    return this.#list
  }
}

function byName(a: MergedStat, b: MergedStat): number {
  return compareStats(a, b, compareText)
}

function merge<S extends MergedStat>(list: readonly S[], added: readonly S[]): S[] {
  const merged: S[] = []
  let from = 0
  for (const stat of added) {
    const to = placeOf(stat, list, from)
    for (let i = from; i < to; i++) merged.push(list[i])
    merged.push(stat)
    from = to
  }
  for (let i = from; i < list.length; i++) merged.push(list[i])
  return merged
}

/** Index of the first stat from `low` on that is not before `stat`. */
function placeOf(stat: MergedStat, list: readonly MergedStat[], low: number): number {
  let high = list.length
  let start = low
  while (start < high) {
    const middle = (start + high) >>> 1
    if (byName(list[middle], stat) < 0) start = middle + 1
    else high = middle
  }
  return start
}
