// Success rates of hosts, one interval at a time, and which of them are too low beside the others.

import type { hostWord } from './host_words.ts'

export interface SuccessRateThreshold {
  /** Percent; -1 for none, as Envoy tells it. */
  readonly average: number
  /** A host below it is an outlier; -1 for none. */
  readonly ejection: number
}

export const noThreshold: SuccessRateThreshold = { average: -1, ejection: -1 }

/** Of one host, by the two totals that the processes count. */
export class SuccessRate {
  readonly #words: Int32Array
  readonly #total: number
  #totalBefore: number
  #successBefore: number
  /** Responses in the last interval. */
  volume = 0
  /** Percent of them. */
  percent = 0
  /** What is told of it; -1 where it had too few responses or too few others to compare it with. */
  told = -1

  constructor(words: Int32Array, total: typeof hostWord.total | typeof hostWord.localOriginTotal) {
    this.#words = words
    this.#total = total
    this.#totalBefore = Atomics.load(words, total)
    this.#successBefore = Atomics.load(words, total + 1)
  }

  /** An interval is over. A response is counted first, then as a success: read the other way round, none is left over. */
  endInterval(): void {
    const success = Atomics.load(this.#words, this.#total + 1)
    const total = Atomics.load(this.#words, this.#total)
    this.volume = (total - this.#totalBefore) >>> 0
    const successes = (success - this.#successBefore) >>> 0
    this.percent = this.volume === 0 ? 0 : Math.min(100, (successes * 100) / this.volume)
    this.#totalBefore = total
    this.#successBefore = success
    this.told = -1
  }
}

/** The average less so many standard deviations. */
export function successRateThreshold(percents: readonly number[], stdevFactor: number): SuccessRateThreshold {
  const average = percents.reduce((sum, percent) => sum + percent, 0) / percents.length
  const variance = percents.reduce((sum, percent) => sum + (percent - average) ** 2, 0) / percents.length
  return { average, ejection: average - stdevFactor * Math.sqrt(variance) }
}
