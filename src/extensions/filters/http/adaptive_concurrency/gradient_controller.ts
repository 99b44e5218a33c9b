/**
 * How many requests may be under way at a time: the limit follows how the latencies of now compare with the least round
 * trip, which is measured every so often with few requests at a time (Envoy's gradient controller).
 *
 * There is one controller for all workers, as Envoy has one for all its threads: requests under way, samples and what
 * follows from them are in shared memory. Every worker asks and adds samples; the one whose sample is the last that a
 * measurement needs ends it; the first worker alone updates the limit, since that is a matter of time, and tells the
 * gauges. If it dies, the one that replaces it goes on with what is there.
 */

import type { NanosecondClock } from '../../../../common/token_bucket.ts'
import type { SharedCounter } from '../../../../stats/shared_counter.ts'
import type { Counter, Gauge, Scope } from '../../../../stats/store.ts'
import type { GradientSettings } from './gradient_settings.ts'
import type { SharedSamples } from './shared_samples.ts'

/** Words of the shared state. */
const Word = {
  limit: 0,
  /** The limit that comes back after a measurement; 0 while there is none. */
  deferredLimit: 1,
  minRttUs: 2,
  /** When the last measurement began, and when the next one does: nanoseconds of the machine's monotonic clock. */
  epochNs: 3,
  dueNs: 4,
  /** How often in a row an update has found the limit at its least and left it there. */
  timesAtLeast: 5,
} as const
type Word = (typeof Word)[keyof typeof Word]

export const stateWords = 6

const mostTimesAtLeast = 5
const nsPerMs = 1_000_000
const nsPerUs = 1000
const usPerMs = 1000

export interface GradientStats {
  readonly rqBlocked: Counter
  readonly burstQueueSize: Gauge
  readonly concurrencyLimit: Gauge
  /** In thousandths. */
  readonly gradient: Gauge
  readonly minRttCalculationActive: Gauge
  readonly minRttMsecs: Gauge
  readonly sampleRttMsecs: Gauge
}

export function gradientStats(scope: Scope, prefix: string): GradientStats {
  return {
    rqBlocked: scope.counter(`${prefix}rq_blocked`),
    burstQueueSize: scope.gauge(`${prefix}burst_queue_size`, 'neverImport'),
    concurrencyLimit: scope.gauge(`${prefix}concurrency_limit`, 'neverImport'),
    gradient: scope.gauge(`${prefix}gradient`, 'neverImport'),
    minRttCalculationActive: scope.gauge(`${prefix}min_rtt_calculation_active`),
    minRttMsecs: scope.gauge(`${prefix}min_rtt_msecs`, 'neverImport'),
    sampleRttMsecs: scope.gauge(`${prefix}sample_rtt_msecs`, 'neverImport'),
  }
}

export interface GradientParts {
  /** Requests under way, over all workers. */
  readonly inFlight: SharedCounter
  /** `stateWords` words, zero at first. */
  readonly state: BigInt64Array
  readonly samples: SharedSamples
  readonly stats: GradientStats
  /** Gauges of several processes would add up: one of them tells. */
  readonly publishes: boolean
  readonly clock?: NanosecondClock
  /** From 0 up to 1. */
  readonly random?: () => number
}

export class GradientController {
  readonly #settings: GradientSettings
  readonly #parts: GradientParts
  readonly #clock: NanosecondClock
  readonly #random: () => number

  constructor(settings: GradientSettings, parts: GradientParts) {
    this.#settings = settings
    this.#parts = parts
    this.#clock = parts.clock ?? process.hrtime.bigint
    this.#random = parts.random ?? Math.random
    this.#begin()
    this.#publish()
  }

  /** Counts one more request if there may be one; whoever is told true calls `onCompleted` or `onCancelled`. */
  tryForward(): boolean {
    const { inFlight, stats } = this.#parts
    if (inFlight.tryAdd(this.#read(Word.limit))) return true
    stats.rqBlocked.inc()
    return false
  }

  /** Nanoseconds: when a request begins. */
  nowNs(): bigint {
    return this.#clock()
  }

  onCancelled(): void {
    this.#parts.inFlight.dec()
  }

  onCompleted(startNs: bigint): void {
    const { inFlight, samples, state } = this.#parts
    inFlight.dec()
    // What began before a measurement says nothing of it.
    if (startNs < Atomics.load(state, Word.epochNs)) return
    const count = samples.add(Math.floor(Number(this.#clock() - startNs) / nsPerUs))
    if (this.#isMeasuring() && count >= this.#settings.minRttRequestCount()) this.#endMeasurement()
  }

  /** Once every update interval, by one worker. */
  update(): void {
    if (this.#isMeasuring()) {
      this.#publish()
      return
    }
    if (this.#settings.fixedMinRttMs === undefined && this.#clock() >= Atomics.load(this.#parts.state, Word.dueNs)) {
      this.#startMeasurement()
    } else {
      const sampleRttUs = this.#parts.samples.takeQuantile(this.#settings.percentile())
      if (sampleRttUs !== undefined) this.#follow(sampleRttUs)
    }
    this.#publish()
  }

  #begin(): void {
    const { state } = this.#parts
    const { fixedMinRttMs, minConcurrency, minConcurrencyLimit } = this.#settings
    const limit = BigInt(fixedMinRttMs === undefined ? minConcurrency() : minConcurrencyLimit())
    if (Atomics.compareExchange(state, Word.limit, 0n, limit) !== 0n) return
    if (fixedMinRttMs === undefined) this.#startMeasurement()
    else this.#write(Word.minRttUs, fixedMinRttMs * usPerMs)
  }

  // ---- The least round trip --------------------------------------------------------------------------------------

  #isMeasuring(): boolean {
    return this.#read(Word.deferredLimit) > 0
  }

  #startMeasurement(): void {
    const { state, samples } = this.#parts
    Atomics.store(state, Word.epochNs, this.#clock())
    samples.clear()
    this.#write(Word.timesAtLeast, 0)
    this.#write(Word.deferredLimit, this.#read(Word.limit))
    this.#write(Word.limit, this.#settings.minConcurrency())
  }

  #endMeasurement(): void {
    const { state, samples } = this.#parts
    const { percentile, minRttIntervalMs, jitter } = this.#settings
    // Of several workers that see enough samples, one ends it.
    const deferred = Atomics.exchange(state, Word.deferredLimit, 0n)
    if (deferred === 0n) return
    const minRttUs = samples.takeQuantile(percentile())
    if (minRttUs !== undefined) this.#write(Word.minRttUs, minRttUs)
    const intervalMs = minRttIntervalMs()
    const jitterMs = Math.floor(this.#random() * Math.ceil(intervalMs * jitter()))
    Atomics.store(state, Word.dueNs, this.#clock() + BigInt((intervalMs + jitterMs) * nsPerMs))
    Atomics.store(state, Word.limit, deferred)
    this.#publish()
  }

  // ---- The limit -------------------------------------------------------------------------------------------------

  #follow(sampleRttUs: number): void {
    const { stats } = this.#parts
    const { buffer, minConcurrencyLimit, maxConcurrencyLimit } = this.#settings
    const before = this.#read(Word.limit)
    const minRttUs = this.#read(Word.minRttUs)
    const gradient = Math.max(0.5, Math.min(2, (minRttUs * (1 + buffer())) / sampleRttUs))
    const limit = before * gradient
    const headroom = Math.sqrt(limit)
    const least = minConcurrencyLimit()
    const after = Math.max(least, Math.min(maxConcurrencyLimit(), Math.floor(limit + headroom)))
    this.#write(Word.limit, after)
    stats.sampleRttMsecs.set(Math.floor(sampleRttUs / usPerMs))
    stats.gradient.set(Math.floor(gradient * 1000))
    stats.burstQueueSize.set(Math.floor(headroom))
    const timesAtLeast = before === least && after === least ? this.#read(Word.timesAtLeast) + 1 : 0
    this.#write(Word.timesAtLeast, timesAtLeast)
    // A limit that stays at its least may come of a wrong measurement: it is made again.
    if (timesAtLeast >= mostTimesAtLeast && this.#settings.fixedMinRttMs === undefined) this.#startMeasurement()
  }

  #publish(): void {
    const { publishes, stats } = this.#parts
    if (!publishes) return
    stats.concurrencyLimit.set(this.#read(Word.limit))
    stats.minRttCalculationActive.set(this.#isMeasuring() ? 1 : 0)
    stats.minRttMsecs.set(Math.floor(this.#read(Word.minRttUs) / usPerMs))
  }

  #read(word: Word): number {
    return Number(Atomics.load(this.#parts.state, word))
  }

  #write(word: Word, value: number): void {
    Atomics.store(this.#parts.state, word, BigInt(Math.floor(value)))
  }
}
