// The timers of one request at the router: the response, one try, the longest duration, and the pause before a retry.

import { Timer } from '../common/timer.ts'
import { gatherWrites } from '../network/write_batch.ts'

export interface RequestTimerCallbacks {
  onResponseTimeout(): void
  onPerTryTimeout(): void
  onMaxDuration(): void
  onBackOffOver(): void
}

/** Each is made when it is first armed: most requests need one. Durations are milliseconds. */
export class RequestTimers {
  readonly #callbacks: RequestTimerCallbacks
  #response: Timer | undefined = undefined
  #perTry: Timer | undefined = undefined
  #maxDuration: Timer | undefined = undefined
  #backOff: Timer | undefined = undefined

  constructor(callbacks: RequestTimerCallbacks) {
    this.#callbacks = callbacks
  }

  armResponse(timeoutMs: number): void {
    this.#response ??= new Timer(() => gatherWrites(() => this.#callbacks.onResponseTimeout()))
    this.#response.enable(timeoutMs)
  }

  armPerTry(timeoutMs: number): void {
    this.#perTry ??= new Timer(() => gatherWrites(() => this.#callbacks.onPerTryTimeout()))
    this.#perTry.enable(timeoutMs)
  }

  armMaxDuration(durationMs: number): void {
    this.#maxDuration ??= new Timer(() => gatherWrites(() => this.#callbacks.onMaxDuration()))
    this.#maxDuration.enable(durationMs)
  }

  armBackOff(delayMs: number): void {
    this.#backOff ??= new Timer(() => gatherWrites(() => this.#callbacks.onBackOffOver()))
    this.#backOff.enable(delayMs)
  }

  disarmPerTry(): void {
    this.#perTry?.disable()
  }

  disarm(): void {
    this.#response?.disable()
    this.#perTry?.disable()
    this.#maxDuration?.disable()
    this.#backOff?.disable()
  }
}
