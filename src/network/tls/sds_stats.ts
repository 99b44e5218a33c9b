// The statistics of one secret's subscription: `sds.<name>.*`, as Envoy names them.

import { wallMs } from '../../common/clock.ts'
import type { Counter, Gauge, Scope } from '../../stats/store.ts'

export class SdsStats {
  readonly #updateAttempt: Counter
  readonly #updateSuccess: Counter
  readonly #updateRejected: Counter
  readonly #updateTime: Gauge

  constructor(scope: Scope, name: string) {
    const sds = scope.createScope(`sds.${name}`)
    this.#updateAttempt = sds.counter('update_attempt')
    this.#updateSuccess = sds.counter('update_success')
    this.#updateRejected = sds.counter('update_rejected')
    this.#updateTime = sds.gauge('update_time')
    for (const counter of ['init_fetch_timeout', 'key_rotation_failed', 'update_failure']) sds.counter(counter)
    sds.gauge('version')
    sds.histogram('update_duration', 'ms')
    sds.textReadout('version_text')
  }

  onUpdate(accepted: boolean): void {
    this.#updateAttempt.inc()
    if (!accepted) {
      this.#updateRejected.inc()
      return
    }
    this.#updateSuccess.inc()
    this.#updateTime.set(Math.trunc(wallMs()))
  }
}
