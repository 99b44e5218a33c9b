import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BIN_MASK, BLOCK_SHIFT, binLeft, binWidth, packedBin } from '../../src/stats/histogram_bins.ts'
import {
  computeStatistics,
  DEFAULT_BUCKETS,
  disjointCounts,
  HistogramData,
} from '../../src/stats/histogram_statistics.ts'
import { createLocalStore } from '../../src/stats/store.ts'

function dataOf(values: readonly number[]): HistogramData {
  const store = createLocalStore()
  const histogram = store.histogram('h', 'ms')
  for (const value of values) histogram.recordValue(value)
  const data = new HistogramData()
  data.addFromSlab(store.slab, histogram.header)
  return data
}

describe('bins', () => {
  test('every integer falls into the bin that its two leading digits name', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (any) => {
        const value = Math.max(1, Math.abs(any))
        const bin = packedBin(value)
        const digits = String(value)
        const leading = digits.length === 1 ? value * 10 : Number(digits.slice(0, 2))
        expect([bin >> BLOCK_SHIFT, bin & BIN_MASK]).toEqual([digits.length - 1, leading - 10])
      }),
    )
  })

  test('neighbours touch', () => {
    expect(binLeft(0, 89) + binWidth(0)).toBeCloseTo(binLeft(1, 0))
    expect(binLeft(3, 5) + binWidth(3)).toBe(binLeft(3, 6))
    expect([binLeft(2, 2), binWidth(2)]).toEqual([120, 10])
  })
})

test('fractions are cut off, negative and absent numbers count as zero, huge ones in the last bin', () => {
  const bins = dataOf([0, 0.9, -5, Number.NaN, 1.9, 15.99, 1e30, Number.POSITIVE_INFINITY]).bins()
  expect(bins.map(({ left, count }) => [left, count])).toEqual([
    [0, 4],
    [1, 1],
    [15, 1],
    [9.9e15, 2],
  ])
})

test('quantiles divide a bin evenly among its values', () => {
  // Nine and eleven eight times each, as a real Envoy printed them.
  const values = [...new Array(8).fill(9), ...new Array(8).fill(11)]
  expect(computeStatistics(dataOf(values), DEFAULT_BUCKETS, 'ms').quantiles).toEqual([
    9.011111111111111, 9.044444444444444, 9.088888888888889, 11.444444444444445, 11.777777777777779, 11.88888888888889,
    11.88888888888889, 11.88888888888889, 11.88888888888889, 11.88888888888889,
  ])
})

test('sum and buckets are computed from the bins as Envoy does', () => {
  const values = [...new Array(8).fill(10), 313, 626, 939, 1252, 1565, 1878, 2191, 2504]
  const statistics = computeStatistics(dataOf(values), [1.05, 15.5, 315, 1200, 1234, 1299, 1300, 123456.789], 'bytes')
  expect(statistics.sum).toBe(11301.555983330549)
  expect(statistics.count).toBe(16)
  // A bin counts for a bound from its lower edge on: [310,320) for 315, [1200,1300) for 1200.
  expect(statistics.cumulativeCounts).toEqual([0, 8, 9, 12, 12, 12, 12, 16])
  expect(disjointCounts(statistics.cumulativeCounts)).toEqual([0, 8, 1, 3, 0, 0, 0, 4])
})

test('an empty histogram has no quantiles and no counts', () => {
  const statistics = computeStatistics(new HistogramData(), [1, 2], 'ms')
  expect(statistics.quantiles.every(Number.isNaN)).toBe(true)
  expect([statistics.count, statistics.sum, statistics.cumulativeCounts]).toEqual([0, 0, [0, 0]])
})

test('percentages recorded in millionths come out as fractions', () => {
  const statistics = computeStatistics(dataOf([500_000, 1_000_000]), [0.5, 1], 'percent')
  expect(statistics.quantiles[0]).toBeCloseTo(0.505)
  expect(statistics.cumulativeCounts).toEqual([1, 2])
})
