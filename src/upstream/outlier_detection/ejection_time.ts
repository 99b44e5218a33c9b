// How long a host is out: longer each time, and less so again while it stays in.

import type { OutlierSettings } from './outlier_settings.ts'

type Times = Pick<
  OutlierSettings,
  'baseEjectionTimeMs' | 'maxEjectionTimeMs' | 'maxEjectionTimeJitterMs' | 'intervalMs'
>

export class EjectionTime {
  readonly #times: Times
  /** How many times the base time. */
  #multiplier = 0
  #jitterMs = 0
  /** Monotonic; undefined before the first time. */
  startedAtMs: number | undefined = undefined
  endedAtMs: number | undefined = undefined

  constructor(times: Times) {
    this.#times = times
  }

  start(nowMs: number): void {
    const baseMs = this.#times.baseEjectionTimeMs()
    this.startedAtMs = nowMs
    this.#jitterMs = Math.floor(Math.random() * (this.#times.maxEjectionTimeJitterMs() + 1))
    if (this.#multiplier * baseMs < this.#times.maxEjectionTimeMs() + baseMs) this.#multiplier++
  }

  isOver(nowMs: number): boolean {
    const ejectedMs = Math.min(this.#times.baseEjectionTimeMs() * this.#multiplier, this.#times.maxEjectionTimeMs())
    return ejectedMs + this.#jitterMs <= nowMs - (this.startedAtMs ?? 0)
  }

  end(nowMs: number): void {
    this.endedAtMs = nowMs
  }

  /** Once for each interval at whose end the host is in. */
  relax(nowMs: number): void {
    if (this.endedAtMs === undefined || nowMs - this.endedAtMs < this.#times.intervalMs()) return
    if (this.#multiplier > 0) this.#multiplier--
  }
}
