/** What is told of a histogram: quantiles, counts by bucket and the sum, computed from its bins as libcircllhist does. */
import { BINS_PER_BLOCK, BLOCK_LIMIT, binLeft, binWidth } from './histogram_bins.ts'
import type { Slab } from './slab.ts'
import type { HistogramUnit } from './stat_log.ts'

/** Quantiles that Envoy shows, as fractions. */
export const SUPPORTED_QUANTILES: readonly number[] = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1]

/** Upper bounds of the buckets of a histogram for which `histogram_bucket_settings` says nothing. */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
]

/** Stored percentages are millionths. */
const PERCENT_SCALE = 1_000_000

export interface Bin {
  readonly left: number
  readonly width: number
  readonly count: number
}

/** Counts of a histogram's bins: how many zeros, and for each power of ten that has any, its 90 counts. */
export class HistogramData {
  zeros = 0
  readonly blocks: (Float64Array | undefined)[] = new Array(BLOCK_LIMIT).fill(undefined)

  isEmpty(): boolean {
    return this.zeros === 0 && this.blocks.every((block) => block === undefined)
  }

  /** Adds what the histogram at heap offset `header` of a slab holds now. */
  addFromSlab(slab: Slab, header: number): void {
    this.zeros += slab.heap[header]
    for (let power = 0; power < BLOCK_LIMIT; power++) {
      const start = Atomics.load(slab.heapWords, header * 2 + 2 + power)
      if (start === 0 || !hasCount(slab.heap, start)) continue
      const block = this.#block(power)
      for (let place = 0; place < BINS_PER_BLOCK; place++) block[place] += slab.heap[start + place]
    }
  }

  /** What this holds more than `earlier`; blocks without a difference are left out. */
  minus(earlier: HistogramData): HistogramData {
    const difference = new HistogramData()
    difference.zeros = this.zeros - earlier.zeros
    for (const [power, block] of this.blocks.entries()) {
      if (block === undefined) continue
      const before = earlier.blocks[power]
      if (before?.every((count, place) => count === block[place])) continue
      difference.blocks[power] = before === undefined ? block : block.map((count, place) => count - before[place])
    }
    return difference
  }

  /** The bins that are not empty, in rising order. */
  bins(): Bin[] {
    const bins: Bin[] = this.zeros > 0 ? [{ left: 0, width: 0, count: this.zeros }] : []
    for (const [power, block] of this.blocks.entries()) {
      if (block === undefined) continue
      for (let place = 0; place < BINS_PER_BLOCK; place++) {
        if (block[place] > 0) bins.push({ left: binLeft(power, place), width: binWidth(power), count: block[place] })
      }
    }
    return bins
  }

  #block(power: number): Float64Array {
    const block = this.blocks[power] ?? new Float64Array(BINS_PER_BLOCK)
    this.blocks[power] = block
    return block
  }
}

function hasCount(heap: Float64Array, start: number): boolean {
  for (let place = 0; place < BINS_PER_BLOCK; place++) if (heap[start + place] !== 0) return true
  return false
}

/** Whether the histogram at heap offset `header` of a slab may hold values; false costs next to nothing to find. */
export function mayHoldValues(slab: Slab, header: number): boolean {
  if (slab.heap[header] !== 0) return true
  for (let power = 0; power < BLOCK_LIMIT; power++) if (slab.heapWords[header * 2 + 2 + power] !== 0) return true
  return false
}

export interface HistogramStatistics {
  /** In the histogram's unit; a percentage is scaled to a fraction of 1 here, quantiles and sum alike. */
  readonly bins: readonly Bin[]
  /** One for each of SUPPORTED_QUANTILES; NaN where there are no values. */
  readonly quantiles: readonly number[]
  readonly count: number
  readonly sum: number
  readonly bounds: readonly number[]
  /** For each bound, how many values lie in bins that begin at or below it. */
  readonly cumulativeCounts: readonly number[]
}

export function computeStatistics(
  data: HistogramData,
  bounds: readonly number[],
  unit: HistogramUnit,
): HistogramStatistics {
  const bins = data.bins()
  const scale = unit === 'percent' ? 1 / PERCENT_SCALE : 1
  let count = 0
  let sum = 0
  for (const bin of bins) {
    count += bin.count
    sum += midpoint(bin) * bin.count
  }
  return {
    bins,
    quantiles: computeQuantiles(bins, count, SUPPORTED_QUANTILES).map((value) => value * scale),
    count,
    sum: sum * scale,
    bounds,
    cumulativeCounts: bounds.map((bound) => countUpTo(bins, bound / scale)),
  }
}

/** Differences of neighbours: how many values fall into each bucket alone. */
export function disjointCounts(cumulative: readonly number[]): number[] {
  return cumulative.map((count, i) => (i === 0 ? count : count - cumulative[i - 1]))
}

// The point that balances a bin under a density falling with the square of the value (a Pareto distribution).
function midpoint(bin: Bin): number {
  if (bin.left === 0) return 0
  return bin.left + bin.width * (bin.left / (bin.left + bin.left + bin.width))
}

function countUpTo(bins: readonly Bin[], bound: number): number {
  let count = 0
  for (const bin of bins) if (bin.left <= bound) count += bin.count
  return count
}

/**
 * A bin's n values are taken to divide it evenly into n + 1 parts; the quantile is the value of rank ceil(q * count).
 * `quantiles` rise; NaN for each where there are no values.
 */
export function computeQuantiles(bins: readonly Bin[], count: number, quantiles: readonly number[]): number[] {
  if (count === 0) return quantiles.map(() => Number.NaN)
  let at = 0
  let below = 0
  return quantiles.map((quantile) => {
    const target = quantile * count
    while (at < bins.length - 1 && below + bins[at].count < target) {
      below += bins[at].count
      at++
    }
    const bin = bins[at]
    const rank = Math.min(bin.count, Math.max(1, Math.ceil(target - below)))
    return bin.left + (bin.width * rank) / (bin.count + 1)
  })
}
