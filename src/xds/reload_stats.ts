// What is counted of configuration that discovery has changed, beside the updates that have brought it.

import { wallMs } from '../common/clock.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'

export class ReloadStats {
  readonly #reloads: Counter
  readonly #reloadTimeMs: Gauge

  constructor(scope: Scope) {
    this.#reloads = scope.counter('config_reload')
    this.#reloadTimeMs = scope.gauge('config_reload_time_ms')
  }

  onReload(): void {
    this.#reloads.inc()
    this.#reloadTimeMs.set(Math.trunc(wallMs()))
  }
}
