// Counters and gauges of the process before, added to this one's own, so that they go on as if there had been no restart.

import { StatsReader, type StatsReaderOptions } from '../../stats/reader.ts'
import { MAIN_SLAB, type StatsSegment } from '../../stats/segment.ts'
import type { Counter, Gauge, Scope } from '../../stats/store.ts'

interface Carried<T> {
  readonly own: T
  /** What of the other process is in it. */
  value: number
}

export class PredecessorStats {
  readonly #all: StatsReader
  /** What main's gauges tell, such as how many listeners there are, each process tells of itself. */
  readonly #workers: StatsReader
  readonly #scope: Scope
  readonly #counters = new Map<string, Carried<Counter>>()
  readonly #gauges = new Map<string, Carried<Gauge>>()

  /** The other process's segment stays readable when that has ended. */
  constructor(segment: StatsSegment, options: StatsReaderOptions, scope: Scope) {
    const slabs = segment.slabs()
    this.#all = new StatsReader(slabs, options)
    this.#workers = new StatsReader(slabs.toSpliced(MAIN_SLAB, 1), options)
    this.#scope = scope
  }

  /** Adds what has been counted since the last time. */
  import(): void {
    for (const counter of this.#all.snapshot().counters) {
      if (!counter.used()) continue
      const { name } = counter
      const carried = this.#counters.get(name) ?? { own: this.#scope.counter(name), value: 0 }
      this.#counters.set(name, carried)
      const value = counter.value()
      // A counter that has gone and come again counts from zero.
      carried.own.add(value < carried.value ? value : value - carried.value)
      carried.value = value
    }
    for (const gauge of this.#workers.snapshot().gauges) {
      if (gauge.mode !== 'accumulate' || !gauge.used()) continue
      const { name } = gauge
      const carried = this.#gauges.get(name) ?? { own: this.#scope.gauge(name), value: 0 }
      this.#gauges.set(name, carried)
      carried.own.add(gauge.value() - carried.value)
      carried.value = gauge.value()
    }
  }

  /** The other process has ended: its last counts stay, its connections are no more. */
  end(): void {
    this.import()
    for (const { own, value } of this.#gauges.values()) own.sub(value)
    this.#gauges.clear()
  }
}
