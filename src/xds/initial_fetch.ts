// How long the start waits for the first answer of a subscription (`initial_fetch_timeout`).

import { Timer } from '../common/timer.ts'

export const defaultInitialFetchTimeoutMs = 15_000

export class InitialFetch {
  readonly #timeoutMs: number
  readonly #timer: Timer

  /** 0 waits for ever. */
  constructor(timeoutMs: number, onTimeout: () => void) {
    this.#timeoutMs = timeoutMs
    this.#timer = new Timer(onTimeout)
  }

  start(): void {
    if (this.#timeoutMs > 0) this.#timer.enable(this.#timeoutMs)
  }

  /** Something has come, or nothing is wanted any more. */
  end(): void {
    this.#timer.disable()
  }
}
