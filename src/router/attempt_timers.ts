// The timers of one attempt. None runs before it has a connection.

import { Timer } from '../common/timer.ts'
import { gatherWrites } from '../network/write_batch.ts'
import type { RequestTimeouts } from './timeouts.ts'

export interface AttemptTimerCallbacks {
  onPerTryTimeout(): void
  onPerTryIdleTimeout(): void
  onMaxDuration(): void
}

/** Made for attempts alone that have a limit: most have none. */
export class AttemptTimers {
  readonly #timeouts: RequestTimeouts
  readonly #perTry: Timer
  readonly #perTryIdle: Timer
  readonly #maxDuration: Timer

  constructor(timeouts: RequestTimeouts, callbacks: AttemptTimerCallbacks) {
    this.#timeouts = timeouts
    this.#perTry = new Timer(() => {
      this.#perTryIdle.disable()
      gatherWrites(() => callbacks.onPerTryTimeout())
    })
    this.#perTryIdle = new Timer(() => {
      this.#perTry.disable()
      gatherWrites(() => callbacks.onPerTryIdleTimeout())
    })
    this.#maxDuration = new Timer(() => gatherWrites(() => callbacks.onMaxDuration()))
  }

  onConnected(): void {
    arm(this.#maxDuration, this.#timeouts.maxDurationMs)
  }

  /** There is a connection, and the request has come whole. */
  onRequestComplete(): void {
    arm(this.#perTry, this.#timeouts.perTryMs)
    arm(this.#perTryIdle, this.#timeouts.perTryIdleMs)
  }

  /** The response has begun: it may take its time. */
  onHeaders(): void {
    this.#perTry.disable()
    this.onProgress()
  }

  /** More of the response has come. */
  onProgress(): void {
    if (this.#perTryIdle.enabled) this.#perTryIdle.enable(this.#timeouts.perTryIdleMs)
  }

  disarm(): void {
    this.#perTry.disable()
    this.#perTryIdle.disable()
    this.#maxDuration.disable()
  }
}

/** 0 is no limit. */
function arm(timer: Timer, durationMs: number): void {
  if (durationMs > 0) timer.enable(durationMs)
}
