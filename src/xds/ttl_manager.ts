// Forgets resources that their server has not renewed in time.

import { monotonicMs } from '../common/clock.ts'
import { Timer } from '../common/timer.ts'

export class TtlManager {
  readonly #deadlines = new Map<string, number>()
  readonly #onExpired: (names: readonly string[]) => void
  readonly #timer = new Timer(() => this.#expire())
  /** When to look again: the earliest deadline, or before it where that one has been renewed. */
  #nextMs = Number.POSITIVE_INFINITY

  constructor(onExpired: (names: readonly string[]) => void) {
    this.#onExpired = onExpired
  }

  /** Sets, or with undefined takes away, how long the resource may stay from now on. */
  update(name: string, ttlMs: number | undefined): void {
    if (ttlMs === undefined) {
      this.#deadlines.delete(name)
      return
    }
    const deadlineMs = monotonicMs() + ttlMs
    this.#deadlines.set(name, deadlineMs)
    if (deadlineMs < this.#nextMs) this.#arm(deadlineMs)
  }

  clear(): void {
    this.#deadlines.clear()
    this.#nextMs = Number.POSITIVE_INFINITY
    this.#timer.disable()
  }

  #arm(nextMs: number): void {
    this.#nextMs = nextMs
    if (nextMs === Number.POSITIVE_INFINITY) this.#timer.disable()
    else this.#timer.enable(Math.max(1, Math.ceil(nextMs - monotonicMs())))
  }

  #expire(): void {
    const now = monotonicMs()
    const expired: string[] = []
    let nextMs = Number.POSITIVE_INFINITY
    for (const [name, deadlineMs] of this.#deadlines) {
      if (deadlineMs > now) {
        nextMs = Math.min(nextMs, deadlineMs)
        continue
      }
      this.#deadlines.delete(name)
      expired.push(name)
    }
    this.#arm(nextMs)
    if (expired.length > 0) this.#onExpired(expired)
  }
}
