/** One stat of all processes together: the classes, and the table that says where each process keeps it. */
import { computeStatistics, HistogramData, type HistogramStatistics, mayHoldValues } from './histogram_statistics.ts'
import type { Slab } from './slab.ts'
import type { GaugeMode, HistogramUnit } from './stat_log.ts'

const NOWHERE = 0
const FIRST_CAPACITY = 1024

/**
 * What a stat object would hold for each process, kept in typed arrays by the stat's index: with a million stats a list of
 * objects each would take most of the memory. Index 0 is no stat, place 0 is nowhere.
 */
export class PlaceTable {
  readonly slabs: readonly Slab[]
  readonly #places: Int32Array[]
  readonly #free: number[] = []
  #next = 1
  /** Where counters stood at the last reset, and at the last flush; made when first needed. */
  #resetAt: Float64Array | undefined = undefined
  #latchedAt: Float64Array | undefined = undefined
  #deltas: Float64Array | undefined = undefined

  constructor(slabs: readonly Slab[]) {
    this.slabs = slabs
    this.#places = slabs.map(() => new Int32Array(FIRST_CAPACITY))
  }

  allocate(): number {
    const index = this.#free.pop() ?? this.#next++
    for (const [i, places] of this.#places.entries()) {
      if (index >= places.length) this.#places[i] = grown(places, new Int32Array(places.length * 2))
    }
    return index
  }

  release(index: number): void {
    this.forget(index)
    this.#free.push(index)
  }

  place(slab: number, index: number): number {
    return this.#places[slab][index]
  }

  setPlace(slab: number, index: number, place: number): void {
    this.#places[slab][index] = place
  }

  hasPlace(index: number): boolean {
    return this.#places.some((places) => places[index] !== NOWHERE)
  }

  /** Sum of the slots of all processes. */
  sum(index: number): number {
    let total = 0
    for (let i = 0; i < this.slabs.length; i++) {
      const place = this.#places[i][index]
      if (place !== NOWHERE) total += this.slabs[i].values[place]
    }
    return total
  }

  /** Whether any process's slot was written since it was made: those that were not hold -0. */
  isWritten(index: number): boolean {
    for (let i = 0; i < this.slabs.length; i++) {
      const place = this.#places[i][index]
      if (place !== NOWHERE && !Object.is(this.slabs[i].values[place], -0)) return true
    }
    return false
  }

  resetAt(index: number): number {
    return this.#resetAt?.[index] ?? 0
  }

  reset(index: number): void {
    this.#resetAt = withRoom(this.#resetAt, this.#next)
    this.#resetAt[index] = this.sum(index)
  }

  latch(index: number): void {
    this.#latchedAt = withRoom(this.#latchedAt, this.#next)
    this.#deltas = withRoom(this.#deltas, this.#next)
    const total = this.sum(index)
    this.#deltas[index] = total - this.#latchedAt[index]
    this.#latchedAt[index] = total
  }

  delta(index: number): number {
    return this.#deltas?.[index] ?? 0
  }

  /** Begins anew, after a process's part of a stat went. */
  forget(index: number): void {
    for (const list of [this.#resetAt, this.#latchedAt, this.#deltas]) {
      if (list !== undefined && index < list.length) list[index] = 0
    }
  }
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}

function withRoom(list: Float64Array | undefined, count: number): Float64Array {
  if (list === undefined) return new Float64Array(Math.max(FIRST_CAPACITY, count * 2))
  return list.length >= count ? list : grown(list, new Float64Array(count * 2))
}

/** The stats whose names are equal up to their last dot. */
export class StatGroup {
  /** Ends in a dot, or is empty. */
  readonly prefix: string
  readonly table: PlaceTable
  readonly stats: MergedStat[] = []
  /** Index of the slab whose process has made all of them. */
  maker = 0
  /** Where the next stat of a process is expected: all make them in the same order. */
  cursor = 0

  constructor(prefix: string, table: PlaceTable) {
    this.prefix = prefix
    this.table = table
  }
}

/** The name without its tags, as Prometheus groups by it. */
export interface Metric {
  readonly extractedName: string
  /** With Envoy's prefix, and only characters that Prometheus allows. */
  readonly name: string
}

/** What a name's tags make of it; undefined until someone asks. */
export interface PrometheusName {
  readonly metric: Metric
  readonly labels: string
}

export class MergedCounter {
  /** 0 once the stat is no more. */
  index: number
  readonly group: StatGroup
  readonly leaf: string
  prometheus: PrometheusName | undefined = undefined

  constructor(index: number, group: StatGroup, leaf: string) {
    this.index = index
    this.group = group
    this.leaf = leaf
  }

  get type(): 'counter' {
    return 'counter'
  }

  get name(): string {
    return this.group.prefix + this.leaf
  }

  /** Counted since start or the last reset. */
  value(): number {
    const { table } = this.group
    return Math.max(0, table.sum(this.index) - table.resetAt(this.index))
  }

  used(): boolean {
    return this.group.table.isWritten(this.index)
  }

  /** Counted between the last two flushes, as stats sinks report it; 0 unless the reader latches counters. */
  delta(): number {
    return this.group.table.delta(this.index)
  }

  forget(): void {
    this.group.table.forget(this.index)
  }
}

export class MergedGauge {
  /** 0 once the stat is no more. */
  index: number
  readonly group: StatGroup
  readonly leaf: string
  readonly mode: GaugeMode
  prometheus: PrometheusName | undefined = undefined

  constructor(index: number, group: StatGroup, leaf: string, mode: GaugeMode) {
    this.index = index
    this.group = group
    this.leaf = leaf
    this.mode = mode
  }

  get type(): 'gauge' {
    return 'gauge'
  }

  get name(): string {
    return this.group.prefix + this.leaf
  }

  value(): number {
    return this.group.table.sum(this.index)
  }

  used(): boolean {
    return this.group.table.isWritten(this.index)
  }

  forget(): void {}
}

export class MergedTextReadout {
  /** 0 once the stat is no more. */
  index: number
  readonly group: StatGroup
  readonly leaf: string
  prometheus: PrometheusName | undefined = undefined

  constructor(index: number, group: StatGroup, leaf: string) {
    this.index = index
    this.group = group
    this.leaf = leaf
  }

  get type(): 'textReadout' {
    return 'textReadout'
  }

  get name(): string {
    return this.group.prefix + this.leaf
  }

  /** The text of the first process that has one. */
  value(): string {
    const { table } = this.group
    for (const [i, slab] of table.slabs.entries()) {
      const place = table.place(i, this.index)
      const text = place === NOWHERE ? '' : slab.readText(place)
      if (text !== '') return text
    }
    return ''
  }

  used(): boolean {
    return this.group.table.sum(this.index) !== 0
  }

  forget(): void {}
}

const EMPTY_DATA = new HistogramData()

export class MergedHistogram {
  /** 0 once the stat is no more. */
  index: number
  readonly group: StatGroup
  readonly leaf: string
  readonly unit: HistogramUnit
  readonly bounds: readonly number[]
  prometheus: PrometheusName | undefined = undefined
  #cumulative = EMPTY_DATA
  #interval = EMPTY_DATA
  #cumulativeStatistics: HistogramStatistics | undefined = undefined
  #intervalStatistics: HistogramStatistics | undefined = undefined

  constructor(index: number, group: StatGroup, leaf: string, unit: HistogramUnit, bounds: readonly number[]) {
    this.index = index
    this.group = group
    this.leaf = leaf
    this.unit = unit
    this.bounds = bounds
  }

  get type(): 'histogram' {
    return 'histogram'
  }

  get name(): string {
    return this.group.prefix + this.leaf
  }

  /** True once a flush found values. */
  used(): boolean {
    return !this.#cumulative.isEmpty()
  }

  /** Everything recorded until the last flush. */
  cumulative(): HistogramStatistics {
    if (this.#cumulative === EMPTY_DATA) return computeStatistics(EMPTY_DATA, this.bounds, this.unit)
    this.#cumulativeStatistics ??= computeStatistics(this.#cumulative, this.bounds, this.unit)
    return this.#cumulativeStatistics
  }

  /** What was recorded between the last two flushes. */
  interval(): HistogramStatistics {
    if (this.#interval === EMPTY_DATA) return computeStatistics(EMPTY_DATA, this.bounds, this.unit)
    this.#intervalStatistics ??= computeStatistics(this.#interval, this.bounds, this.unit)
    return this.#intervalStatistics
  }

  /** Begins anew, after a process's part of it went. */
  forget(): void {
    this.#cumulative = EMPTY_DATA
    this.#interval = EMPTY_DATA
    this.#cumulativeStatistics = undefined
    this.#intervalStatistics = undefined
  }

  latch(): void {
    const { table } = this.group
    const now = new HistogramData()
    let found = false
    for (const [i, slab] of table.slabs.entries()) {
      const place = table.place(i, this.index)
      if (place === NOWHERE || !mayHoldValues(slab, place)) continue
      now.addFromSlab(slab, place)
      found = true
    }
    if (!found || now.isEmpty()) return
    this.#interval = now.minus(this.#cumulative)
    this.#cumulative = now
    this.#cumulativeStatistics = undefined
    this.#intervalStatistics = undefined
  }
}

export type MergedStat = MergedCounter | MergedGauge | MergedTextReadout | MergedHistogram

/** Orders two stats by their names, whole ones made only where one prefix begins the other: sorting a million makes none. */
export function compareStats(a: MergedStat, b: MergedStat, compare: (a: string, b: string) => number): number {
  if (a.group === b.group) return compare(a.leaf, b.leaf)
  const [left, right] = [a.group.prefix, b.group.prefix]
  if (left.startsWith(right) || right.startsWith(left)) return compare(a.name, b.name)
  return compare(left, right)
}
