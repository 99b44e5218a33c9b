// How long to wait before the next try, so that many clients that fail together do not come back together.

/** Grows by two from try to try, and is random below that (Envoy's JitteredExponentialBackOffStrategy). */
export class JitteredBackOff {
  readonly #baseMs: number
  readonly #maxMs: number
  readonly #random: () => number
  #limitMs: number

  /** MUST have `baseMs` of 1 or more and not above `maxMs`. `random` is from 0 to below 1. */
  constructor(baseMs: number, maxMs: number, random: () => number = Math.random) {
    this.#baseMs = baseMs
    this.#maxMs = maxMs
    this.#random = random
    this.#limitMs = baseMs
  }

  nextBackOffMs(): number {
    const limit = this.#limitMs
    this.#limitMs = Math.min(limit * 2, this.#maxMs)
    return Math.floor(this.#random() * limit)
  }

  /** It has worked: the next failure starts from the base again. */
  reset(): void {
    this.#limitMs = this.#baseMs
  }
}
