// Asks connections to leave over time, before what they use ends.

import { monotonicMs } from '../common/clock.ts'

/** Whether connections should be asked to leave now: `Connection: close` or GOAWAY at the next chance. */
export interface DrainDecision {
  /** True with a probability that grows over the drain time (gradual), or at once (immediate). */
  drainClose(): boolean
}

export type DrainStrategy = 'gradual' | 'immediate'

/**
 * Gradual: the chance grows with every second, and is certain from half of the drain time on, so that clients have the
 * other half to leave in; immediate: certain at once.
 */
export function drainsNow(elapsedMs: number, drainTimeMs: number, strategy: DrainStrategy): boolean {
  if (strategy === 'immediate' || drainTimeMs === 0) return true
  return Math.random() * Math.ceil(drainTimeMs / 2000) < Math.floor(elapsedMs / 1000)
}

/** The drain of a part of the server, such as one filter chain, that goes while the rest stays. */
export class Drain implements DrainDecision {
  readonly #whole: DrainDecision
  #startedAtMs = -1
  #drainTimeMs = 0
  #strategy: DrainStrategy = 'gradual'

  /** `whole` is what it is a part of. */
  constructor(whole: DrainDecision) {
    this.#whole = whole
  }

  start(drainTimeMs: number, strategy: DrainStrategy): void {
    if (this.#startedAtMs >= 0) return
    this.#startedAtMs = monotonicMs()
    this.#drainTimeMs = drainTimeMs
    this.#strategy = strategy
  }

  drainClose(): boolean {
    if (this.#whole.drainClose()) return true
    return this.#startedAtMs >= 0 && drainsNow(monotonicMs() - this.#startedAtMs, this.#drainTimeMs, this.#strategy)
  }
}
