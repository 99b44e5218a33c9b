// How many requests there were in the sampling window, and how many of them succeeded.

import { monotonicMs } from '../../../../common/clock.ts'

/** Requests that came within a second. */
interface Sample {
  readonly startMs: number
  requests: number
  successes: number
}

export interface RequestCounts {
  readonly requests: number
  readonly successes: number
}

const granularityMs = 1000

/** Of one worker, as in Envoy: each admits by what it has seen itself. */
export class RequestHistory {
  readonly #windowMs: number
  readonly #clock: () => number
  /** Oldest first. */
  readonly #samples: Sample[] = []
  #requests = 0
  #successes = 0

  constructor(windowMs: number, clock: () => number = monotonicMs) {
    this.#windowMs = windowMs
    this.#clock = clock
  }

  record(isSuccess: boolean): void {
    const sample = this.#newest()
    sample.requests++
    this.#requests++
    if (!isSuccess) return
    sample.successes++
    this.#successes++
  }

  counts(): RequestCounts {
    this.#newest()
    return { requests: this.#requests, successes: this.#successes }
  }

  /** Whole requests a second over the window, by what was recorded or asked for last. */
  averageRps(): number {
    return Math.floor(this.#requests / (this.#windowMs / 1000))
  }

  /** The sample of now, once what is older than the window has gone. */
  #newest(): Sample {
    const now = this.#clock()
    while (this.#samples.length > 0 && now - this.#samples[0].startMs >= this.#windowMs) {
      const [oldest] = this.#samples.splice(0, 1)
      this.#requests -= oldest.requests
      this.#successes -= oldest.successes
    }
    const last = this.#samples.at(-1)
    if (last !== undefined && now - last.startMs < granularityMs) return last
    const sample = { startMs: now, requests: 0, successes: 0 }
    this.#samples.push(sample)
    return sample
  }
}
