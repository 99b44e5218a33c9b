// One direction of a stream whose body passes at the limit's pace, and what is counted of it.

import { monotonicMs } from '../../../../common/clock.ts'
import { StreamRateLimiter } from '../../../../http/stream_rate_limiter.ts'
import type { BandwidthLimitSettings, DirectionStats } from './settings.ts'

/** Where the data goes, and who must wait while too much of it is held. */
export interface DirectionCallbacks {
  inject(data: Buffer, endStream: boolean): void
  /** All data has gone: the trailers may follow. */
  continueIteration(): void
  pauseData(): void
  resumeData(): void
  /** The body is over; before its end passes on. */
  onFinished(): void
}

export class LimitedDirection {
  readonly #limiter: StreamRateLimiter
  readonly #stats: DirectionStats
  readonly #callbacks: DirectionCallbacks
  /** When the first piece of the body came; undefined outside of a body. */
  #startedMs: number | undefined = undefined
  /** Whole milliseconds from the first piece to the end; 0 as long as there is none. */
  durationMs = 0
  /** Milliseconds, in whole fill intervals, that data waited for the bucket. */
  delayMs = 0

  constructor(
    { bucket, fillIntervalMs }: BandwidthLimitSettings,
    stats: DirectionStats,
    bufferLimitBytes: number,
    callbacks: DirectionCallbacks,
  ) {
    this.#stats = stats
    this.#callbacks = callbacks
    this.#limiter = new StreamRateLimiter(
      bucket,
      bufferLimitBytes,
      {
        writeData: (data, endStream) => {
          if (endStream) this.#finish()
          callbacks.inject(data, endStream)
        },
        continueIteration: () => {
          this.#finish()
          callbacks.continueIteration()
        },
        pauseData: () => callbacks.pauseData(),
        resumeData: () => callbacks.resumeData(),
        dataAllowed: (bytes, isHeldBack) => {
          stats.allowedSize.set(bytes)
          stats.allowedTotalSize.add(bytes)
          if (!isHeldBack) return
          stats.enforced.inc()
          this.delayMs += fillIntervalMs
        },
      },
      fillIntervalMs,
    )
    stats.enabled.inc()
  }

  get holdsData(): boolean {
    return this.#limiter.holdsData
  }

  writeData(data: Buffer, endStream: boolean): void {
    if (this.#startedMs === undefined) {
      this.#startedMs = monotonicMs()
      this.#stats.pending.inc()
    }
    this.#stats.incomingSize.set(data.length)
    this.#stats.incomingTotalSize.add(data.length)
    this.#limiter.writeData(data, endStream)
  }

  /** Whether the trailers must wait. */
  onTrailers(): boolean {
    if (this.#limiter.onTrailers()) return true
    this.#finish()
    return false
  }

  #finish(): void {
    if (this.#startedMs === undefined) return
    const durationMs = Math.floor(monotonicMs() - this.#startedMs)
    this.durationMs = durationMs
    this.#callbacks.onFinished()
    this.#stats.transferDuration.recordValue(durationMs)
    this.#endPending()
  }

  /** A stream that ends before its body is no longer pending either. */
  destroy(): void {
    this.#limiter.destroy()
    this.#endPending()
  }

  #endPending(): void {
    if (this.#startedMs === undefined) return
    this.#startedMs = undefined
    this.#stats.pending.dec()
  }
}
