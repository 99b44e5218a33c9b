// How long the event loop of this process keeps waiting what is due.

import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How often the delay is measured: a stall shorter than this may go unseen. */
export const DELAY_RESOLUTION_MS = 10

/** Milliseconds. */
export interface MeasuredDelay {
  readonly maxMs: number
  readonly p99Ms: number
}

export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })

  constructor() {
    this.#histogram.enable()
  }

  /** Of the time since the last call. */
  take(): MeasuredDelay {
    const { count, max } = this.#histogram
    const p99 = this.#histogram.percentile(99)
    this.#histogram.reset()
    return count === 0 ? { maxMs: 0, p99Ms: 0 } : { maxMs: delayMs(max), p99Ms: delayMs(p99) }
  }

  close(): void {
    this.#histogram.disable()
  }
}

/** The monitor counts its own timer's interval into each delay. */
function delayMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - DELAY_RESOLUTION_MS)
}
