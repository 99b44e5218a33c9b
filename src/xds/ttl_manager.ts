// Forgets resources that their server has not renewed in time.

import { monotonicMs } from '../common/clock.ts'
import { Timer } from '../common/timer.ts'

export class TtlManager {
  readonly #deadlines = new Map<string, number>()
  readonly #onExpired: (names: readonly string[]) => void
  readonly #timer = new Timer(() => this.#expire())

  constructor(onExpired: (names: readonly string[]) => void) {
    this.#onExpired = onExpired
  }

  /** Sets, or with undefined takes away, how long the resource may stay from now on. */
  update(name: string, ttlMs: number | undefined): void {
    if (ttlMs === undefined) this.#deadlines.delete(name)
    else this.#deadlines.set(name, monotonicMs() + ttlMs)
    this.#arm()
  }

  clear(): void {
    this.#deadlines.clear()
    this.#timer.disable()
  }

  #arm(): void {
    if (this.#deadlines.size === 0) {
      this.#timer.disable()
      return
    }
    const next = Math.min(...this.#deadlines.values())
    this.#timer.enable(Math.max(1, Math.ceil(next - monotonicMs())))
  }

  #expire(): void {
    const now = monotonicMs()
    const expired = [...this.#deadlines].filter(([, deadlineMs]) => deadlineMs <= now).map(([name]) => name)
    for (const name of expired) this.#deadlines.delete(name)
    this.#arm()
    if (expired.length > 0) this.#onExpired(expired)
  }
}
