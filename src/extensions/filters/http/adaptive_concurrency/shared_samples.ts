// Latencies that all workers have measured: counts by bins, in memory that they share.

import {
  BIN_MASK,
  BINS_PER_BLOCK,
  BLOCK_SHIFT,
  binLeft,
  binWidth,
  packedBin,
} from '../../../../stats/histogram_bins.ts'
import { type Bin, computeQuantiles } from '../../../../stats/histogram_statistics.ts'

/** Powers of ten: up to a day in microseconds. */
const powers = 11
const largest = 10 ** powers - 1
const countWord = 0
const zerosWord = 1
const firstBinWord = 2

export const sampleWords = firstBinWord + powers * BINS_PER_BLOCK

export class SharedSamples {
  readonly #words: BigInt64Array

  /** `words`: as many as `sampleWords`, zero at first. */
  constructor(words: BigInt64Array) {
    this.#words = words
  }

  /** Adds a latency in whole microseconds; returns how many there are now. */
  add(latencyUs: number): number {
    Atomics.add(this.#words, wordOf(latencyUs), 1n)
    return Number(Atomics.add(this.#words, countWord, 1n)) + 1
  }

  count(): number {
    return Number(Atomics.load(this.#words, countWord))
  }

  /**
   * The quantile of all there are, in whole microseconds, which are then taken out; undefined if there are none. A sample
   * that comes meanwhile may be lost, which matters to nobody.
   */
  takeQuantile(quantile: number): number | undefined {
    const bins: Bin[] = []
    const zeros = this.#take(zerosWord)
    if (zeros > 0) bins.push({ left: 0, width: 0, count: zeros })
    for (let power = 0; power < powers; power++) {
      for (let place = 0; place < BINS_PER_BLOCK; place++) {
        const count = this.#take(firstBinWord + power * BINS_PER_BLOCK + place)
        if (count > 0) bins.push({ left: binLeft(power, place), width: binWidth(power), count })
      }
    }
    Atomics.store(this.#words, countWord, 0n)
    const total = bins.reduce((sum, { count }) => sum + count, 0)
    return total === 0 ? undefined : Math.floor(computeQuantiles(bins, total, [quantile])[0])
  }

  clear(): void {
    for (let word = 0; word < sampleWords; word++) Atomics.store(this.#words, word, 0n)
  }

  #take(word: number): number {
    return Number(Atomics.exchange(this.#words, word, 0n))
  }
}

function wordOf(latencyUs: number): number {
  if (latencyUs < 1) return zerosWord
  const bin = packedBin(Math.min(latencyUs, largest))
  return firstBinWord + (bin >> BLOCK_SHIFT) * BINS_PER_BLOCK + (bin & BIN_MASK)
}
