/** Main's view of every process's stats: the slabs merged by name, histograms as of the last flush. */
import {
  MergedCounter,
  MergedGauge,
  MergedHistogram,
  type MergedStat,
  MergedTextReadout,
  PlaceTable,
  StatGroup,
} from './merged_stat.ts'
import type { Slab } from './slab.ts'
import { SlabView, type SlabViewOwner } from './slab_view.ts'
import { SortedStats } from './sorted_stats.ts'
import type { LoggedStat, StatType } from './stat_log.ts'
import type { TagProducer } from './tag_extractor.ts'

export interface StatsReaderOptions {
  readonly tags: TagProducer
  /** Upper bounds of the buckets of a histogram of that name. */
  readonly bucketsOf: (histogramName: string) => readonly number[]
  /** Keep for each counter what it counted between flushes: only stats sinks ask for that. Default false. */
  readonly latchCounters?: boolean
}

/** All stats there are, each kind sorted by name. */
export interface StatsSnapshot {
  readonly counters: readonly MergedCounter[]
  readonly gauges: readonly MergedGauge[]
  readonly textReadouts: readonly MergedTextReadout[]
  readonly histograms: readonly MergedHistogram[]
  /** Takes names apart. */
  readonly tags: TagProducer
}

export class StatsReader implements SlabViewOwner {
  readonly #options: StatsReaderOptions
  readonly #views: readonly SlabView[]
  readonly #table: PlaceTable
  readonly #groups = new Map<string, StatGroup>()
  /** One string for each last part of a name, however many names end in it. */
  readonly #leaves = new Map<string, string>()
  readonly #byIndex: (MergedStat | undefined)[] = [undefined]
  readonly #counters = new SortedStats<MergedCounter>()
  readonly #gauges = new SortedStats<MergedGauge>()
  readonly #textReadouts = new SortedStats<MergedTextReadout>()
  readonly #histograms = new SortedStats<MergedHistogram>()

  /** `slabs` are the slabs of all processes; each is read at any time, whether its process lives or not. */
  constructor(slabs: readonly Slab[], options: StatsReaderOptions) {
    this.#options = options
    this.#views = slabs.map((slab, index) => new SlabView(slab, index, this))
    this.#table = new PlaceTable(slabs)
  }

  /** The stats now. The objects are live: counters and gauges give their present value whenever asked. */
  snapshot(): StatsSnapshot {
    this.#readLogs()
    return {
      counters: this.#counters.list(),
      gauges: this.#gauges.list(),
      textReadouts: this.#textReadouts.list(),
      histograms: this.#histograms.list(),
      tags: this.#options.tags,
    }
  }

  /** The counter of that whole name; undefined where no process has made one. */
  counter(name: string): MergedCounter | undefined {
    this.#readLogs()
    const dot = name.lastIndexOf('.') + 1
    const leaf = name.slice(dot)
    const group = this.#groups.get(name.slice(0, dot))
    return group?.stats.find((stat): stat is MergedCounter => stat instanceof MergedCounter && stat.leaf === leaf)
  }

  /** Ends a flush interval: takes over what the histograms recorded and, if asked to, latches the counters' deltas. */
  flush(): void {
    this.#readLogs()
    if (this.#options.latchCounters) for (const counter of this.#counters.list()) this.#table.latch(counter.index)
    for (const histogram of this.#histograms.list()) histogram.latch()
  }

  /** The admin interface's `/reset_counters`. The processes' own numbers stay: only the reader starts from here. */
  resetCounters(): void {
    this.#readLogs()
    for (const counter of this.#counters.list()) this.#table.reset(counter.index)
  }

  #readLogs(): void {
    for (const view of this.#views) view.read()
  }

  onMade(slab: number, logged: LoggedStat): number {
    const stat = this.#find(slab, logged)
    this.#table.setPlace(slab, stat.index, logged.place)
    return stat.index
  }

  /** A stat that lost a place has lost what was counted there: it begins anew, or goes with its last place. */
  onGone(slab: number, index: number, place: number): void {
    const stat = this.#byIndex[index]
    if (stat === undefined || this.#table.place(slab, index) !== place) return
    this.#table.setPlace(slab, index, 0)
    stat.forget()
    if (this.#table.hasPlace(index)) return
    const { group } = stat
    group.stats.splice(group.stats.indexOf(stat), 1)
    group.cursor = 0
    if (group.stats.length === 0) this.#groups.delete(group.prefix)
    this.#byIndex[index] = undefined
    this.#table.release(index)
    // Whoever still holds it reads nothing from now on, and the lists drop it.
    stat.index = 0
    for (const list of [this.#counters, this.#gauges, this.#textReadouts, this.#histograms]) list.onRemoved()
  }

  /** The stat of that name, made if it is new. Names are kept in two parts, at the last dot, for many share the first. */
  #find(slab: number, { type, prefix, leaf, unit, mode }: LoggedStat): MergedStat {
    const dot = leaf.lastIndexOf('.') + 1
    const group = this.#group(dot === 0 ? prefix : prefix + leaf.slice(0, dot))
    const last = this.#interned(dot === 0 ? leaf : leaf.slice(dot))
    // What one process alone has made is there once; looking for each of a group's stats among all before it takes long.
    if (group.maker !== slab && group.stats.length > 0) {
      group.maker = severalMakers
      const known = findIn(group, type, last)
      if (known !== undefined) return known
    } else group.maker = slab
    const stat = this.#make(type, group, last, { unit, mode })
    this.#byIndex[stat.index] = stat
    group.stats.push(stat)
    group.cursor = group.stats.length
    return stat
  }

  #make(type: StatType, group: StatGroup, leaf: string, { unit, mode }: Pick<LoggedStat, 'unit' | 'mode'>): MergedStat {
    const index = this.#table.allocate()
    switch (type) {
      case 'counter':
        return this.#counters.add(new MergedCounter(index, group, leaf))
      case 'gauge':
        return this.#gauges.add(new MergedGauge(index, group, leaf, mode))
      case 'textReadout':
        return this.#textReadouts.add(new MergedTextReadout(index, group, leaf))
      case 'histogram': {
        const bounds = this.#options.bucketsOf(group.prefix + leaf)
        return this.#histograms.add(new MergedHistogram(index, group, leaf, unit, bounds))
      }
    }
  }

  #group(prefix: string): StatGroup {
    const known = this.#groups.get(prefix)
    if (known !== undefined) return known
    // A flat copy: a concatenation or a slice would keep its parts.
    const flat = Buffer.from(prefix).toString()
    const made = new StatGroup(flat, this.#table)
    this.#groups.set(flat, made)
    return made
  }

  #interned(leaf: string): string {
    const known = this.#leaves.get(leaf)
    if (known !== undefined) return known
    this.#leaves.set(leaf, leaf)
    return leaf
  }
}

/** Of a group whose stats several processes have. */
const severalMakers = -1

function findIn(group: StatGroup, type: StatType, leaf: string): MergedStat | undefined {
  const { stats, cursor } = group
  for (let i = 0; i < stats.length; i++) {
    const at = cursor + i < stats.length ? cursor + i : cursor + i - stats.length
    const stat = stats[at]
    if (stat.leaf !== leaf || stat.type !== type) continue
    group.cursor = at + 1 < stats.length ? at + 1 : 0
    return stat
  }
  return undefined
}

/** Sets the gauges of a process that died to zero, so that its successor starts from there; used ones stay used. */
export function zeroGauges(slab: Slab): void {
  const gauges = new Set<number>()
  for (const entry of slab.log.part(slab.log.generation).entries()) {
    if (entry.kind === 'symbol' || entry.stat.type !== 'gauge') continue
    if (entry.kind === 'retired') gauges.delete(entry.stat.place)
    else gauges.add(entry.stat.place)
  }
  for (const place of gauges) if (!Object.is(slab.values[place], -0)) slab.values[place] = 0
}
