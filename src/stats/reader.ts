/** Main's view of every process's stats: the slabs merged by name, histograms as of the last flush. */
import { computeStatistics, HistogramData, type HistogramStatistics, mayHoldValues } from './histogram_statistics.ts'
import type { SharedArea } from './shared_counter.ts'
import { type GaugeMode, type HistogramUnit, type LoggedStat, type Slab, SlabLogReader } from './slab.ts'
import type { TaggedName, TagProducer } from './tag_extractor.ts'

/** Where one process keeps a stat. */
interface Place {
  readonly slab: Slab
  readonly place: number
  /** Where the log tells of it: a place used again has another entry. */
  readonly entry: number
}

export interface StatsReaderOptions {
  readonly tags: TagProducer
  /** Upper bounds of the buckets of a histogram of that name. */
  readonly bucketsOf: (histogramName: string) => readonly number[]
  /** Where the gauges are that all processes share. */
  readonly shared?: SharedArea
  /** Keep for each counter what it counted between flushes: only stats sinks ask for that. Default false. */
  readonly latchCounters?: boolean
}

/** A name, and what its tags make of it; taken apart when first asked for. */
class StatName {
  readonly name: string
  readonly #producer: TagProducer
  #tagged: TaggedName | undefined

  constructor(name: string, producer: TagProducer) {
    this.name = name
    this.#producer = producer
  }

  tagged(): TaggedName {
    this.#tagged ??= this.#producer.produce(this.name)
    return this.#tagged
  }
}

export class MergedCounter {
  readonly type = 'counter'
  readonly id: StatName
  readonly places: Place[] = []
  #resetAt = 0
  #latchedAt = 0
  #delta = 0

  constructor(id: StatName) {
    this.id = id
  }

  /** Counted since start or the last reset. */
  value(): number {
    return Math.max(0, this.#total() - this.#resetAt)
  }

  used(): boolean {
    return this.places.some(({ slab, place }) => !Object.is(slab.values[place], -0))
  }

  /** Counted between the last two flushes, as stats sinks report it; 0 unless the reader latches counters. */
  delta(): number {
    return this.#delta
  }

  /** The processes' own numbers stay as they are: only the reader starts from here. */
  reset(): void {
    this.#resetAt = this.#total()
  }

  /** Begins anew, after a process's part of it went. */
  forget(): void {
    this.#resetAt = 0
    this.#latchedAt = 0
  }

  latch(): void {
    const total = this.#total()
    this.#delta = total - this.#latchedAt
    this.#latchedAt = total
  }

  #total(): number {
    let total = 0
    for (const { slab, place } of this.places) total += slab.values[place]
    return total
  }
}

export class MergedGauge {
  readonly type = 'gauge'
  readonly id: StatName
  readonly mode: GaugeMode
  readonly places: Place[] = []
  /** The one cell of a shared gauge. */
  cell: { readonly values: Float64Array; readonly index: number } | undefined

  constructor(id: StatName, mode: GaugeMode) {
    this.id = id
    this.mode = mode
    this.cell = undefined
  }

  value(): number {
    let total = 0
    if (this.cell !== undefined) total += this.cell.values[this.cell.index]
    for (const { slab, place } of this.places) total += slab.values[place]
    return total
  }

  used(): boolean {
    if (this.cell !== undefined && !Object.is(this.cell.values[this.cell.index], -0)) return true
    return this.places.some(({ slab, place }) => !Object.is(slab.values[place], -0))
  }
}

export class MergedTextReadout {
  readonly type = 'textReadout'
  readonly id: StatName
  readonly places: Place[] = []

  constructor(id: StatName) {
    this.id = id
  }

  /** The text of the first process that has one. */
  value(): string {
    for (const { slab, place } of this.places) {
      const text = slab.readText(place)
      if (text !== '') return text
    }
    return ''
  }

  used(): boolean {
    return this.places.some(({ slab, place }) => slab.values[place] !== 0)
  }
}

const EMPTY_DATA = new HistogramData()

export class MergedHistogram {
  readonly type = 'histogram'
  readonly id: StatName
  readonly places: Place[] = []
  readonly unit: HistogramUnit
  readonly bounds: readonly number[]
  #cumulative = EMPTY_DATA
  #interval = EMPTY_DATA
  #cumulativeStatistics: HistogramStatistics | undefined
  #intervalStatistics: HistogramStatistics | undefined

  constructor(id: StatName, unit: HistogramUnit, bounds: readonly number[]) {
    this.id = id
    this.unit = unit
    this.bounds = bounds
  }

  /** True once a flush found values. */
  used(): boolean {
    return !this.#cumulative.isEmpty()
  }

  /** Everything recorded until the last flush. */
  cumulative(): HistogramStatistics {
    this.#cumulativeStatistics ??= computeStatistics(this.#cumulative, this.bounds, this.unit)
    return this.#cumulativeStatistics
  }

  /** What was recorded between the last two flushes. */
  interval(): HistogramStatistics {
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
    if (!this.places.some(({ slab, place }) => mayHoldValues(slab, place))) return
    const now = new HistogramData()
    for (const { slab, place } of this.places) now.addFromSlab(slab, place)
    if (now.isEmpty()) return
    this.#interval = now.minus(this.#cumulative)
    this.#cumulative = now
    this.#cumulativeStatistics = undefined
    this.#intervalStatistics = undefined
  }
}

export type MergedStat = MergedCounter | MergedGauge | MergedTextReadout | MergedHistogram

/** All stats there are, each kind sorted by name. */
export interface StatsSnapshot {
  readonly counters: readonly MergedCounter[]
  readonly gauges: readonly MergedGauge[]
  readonly textReadouts: readonly MergedTextReadout[]
  readonly histograms: readonly MergedHistogram[]
}

/** The stats of one kind by name, and the same sorted; sorted anew only when names came or went. */
class StatTable<S extends MergedStat> {
  byName = new Map<string, S>()
  #before = new Map<string, { readonly stat: S; readonly places: readonly Place[] }>()
  #sorted: readonly S[] = []

  sorted(): readonly S[] {
    if (this.#sorted.length !== this.byName.size) {
      this.#sorted = [...this.byName.values()].sort((a, b) => compareText(a.id.name, b.id.name))
    }
    return this.#sorted
  }

  /** The stat of that name: the one there is, the one there was before the start over, or a new one. */
  find(name: string, create: () => S): S {
    const known = this.byName.get(name)
    if (known !== undefined) return known
    const stat = this.#before.get(name)?.stat ?? create()
    this.byName.set(name, stat)
    return stat
  }

  startOver(): void {
    this.#before = new Map()
    for (const [name, stat] of this.byName) {
      this.#before.set(name, { stat, places: stat.places.slice() })
      stat.places.length = 0
    }
    this.byName = new Map()
    this.#sorted = []
  }

  /** Ends a start over: a stat that lost a place has lost what was counted there, and begins anew. */
  settle(): void {
    for (const { stat, places } of this.#before.values()) {
      const isSame = (a: Place, b: Place) => a.slab === b.slab && a.entry === b.entry
      const lost = places.some((place) => !stat.places.some((now) => isSame(now, place)))
      if (lost && (stat.type === 'counter' || stat.type === 'histogram')) stat.forget()
    }
    if (this.#before.size > 0) this.#before = new Map()
  }
}

export class StatsReader {
  readonly #options: StatsReaderOptions
  #logs: readonly SlabLogReader[]
  #version = 0
  readonly #counters = new StatTable<MergedCounter>()
  readonly #gauges = new StatTable<MergedGauge>()
  readonly #textReadouts = new StatTable<MergedTextReadout>()
  readonly #histograms = new StatTable<MergedHistogram>()

  /** `slabs` are the slabs of all processes; each is read at any time, whether its process lives or not. */
  constructor(slabs: readonly Slab[], options: StatsReaderOptions) {
    this.#options = options
    this.#logs = slabs.map((slab) => new SlabLogReader(slab))
  }

  /** The stats now. The objects are live: counters and gauges give their present value whenever asked. */
  snapshot(): StatsSnapshot {
    this.#readLogs()
    return {
      counters: this.#counters.sorted(),
      gauges: this.#gauges.sorted(),
      textReadouts: this.#textReadouts.sorted(),
      histograms: this.#histograms.sorted(),
    }
  }

  /** Ends a flush interval: takes over what the histograms recorded and, if asked to, latches the counters' deltas. */
  flush(): void {
    this.#readLogs()
    if (this.#options.latchCounters) for (const counter of this.#counters.byName.values()) counter.latch()
    for (const histogram of this.#histograms.byName.values()) histogram.latch()
  }

  /** The admin interface's `/reset_counters`. */
  resetCounters(): void {
    this.#readLogs()
    for (const counter of this.#counters.byName.values()) counter.reset()
  }

  #readLogs(): void {
    const { shared } = this.#options
    const version = this.#logs.reduce((sum, log) => sum + log.slab.retiredCount(), shared?.gaugeVersion() ?? 0)
    if (version !== this.#version) this.#startOver(version)
    for (const log of this.#logs) {
      for (let stat = log.next(); stat !== undefined; stat = log.next()) {
        this.#merged(stat).places.push({ slab: log.slab, place: stat.place, entry: log.entry })
      }
    }
    for (const table of [this.#counters, this.#gauges, this.#textReadouts, this.#histograms]) table.settle()
  }

  // Stats went, or shared gauges came or went: all is read anew. Those that stay keep what is known of them.
  #startOver(version: number): void {
    this.#version = version
    this.#logs = this.#logs.map((log) => new SlabLogReader(log.slab))
    const before = this.#gauges.byName.values()
    for (const table of [this.#counters, this.#gauges, this.#textReadouts, this.#histograms]) table.startOver()
    const { shared, tags } = this.#options
    if (shared === undefined) return
    for (const gauge of before) gauge.cell = undefined
    for (const [name, index] of shared.sharedGauges()) {
      const gauge = this.#gauges.find(name, () => new MergedGauge(new StatName(name, tags), 'shared'))
      gauge.cell = { values: shared.gauges, index }
    }
  }

  #merged(stat: LoggedStat): MergedStat {
    const { tags, bucketsOf } = this.#options
    const id = () => new StatName(stat.name, tags)
    switch (stat.type) {
      case 'counter':
        return this.#counters.find(stat.name, () => new MergedCounter(id()))
      case 'gauge':
        return this.#gauges.find(stat.name, () => new MergedGauge(id(), stat.mode))
      case 'textReadout':
        return this.#textReadouts.find(stat.name, () => new MergedTextReadout(id()))
      case 'histogram':
        return this.#histograms.find(stat.name, () => new MergedHistogram(id(), stat.unit, bucketsOf(stat.name)))
    }
  }
}

/** Sets the gauges of a process that died to zero, so that its successor starts from there; used ones stay used. */
export function zeroGauges(slab: Slab): void {
  const log = new SlabLogReader(slab)
  for (let stat = log.next(); stat !== undefined; stat = log.next()) {
    if (stat.type === 'gauge' && !Object.is(slab.values[stat.place], -0)) slab.values[stat.place] = 0
  }
}

/** Order of code units, as Envoy orders bytes. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Order of Envoy's symbolised names, token by token: a shorter token goes before any longer one that it begins. */
export function compareTokens(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (left === right) continue
    if (left === DOT) return -1
    if (right === DOT) return 1
    return left - right
  }
  return a.length - b.length
}

const DOT = 46
