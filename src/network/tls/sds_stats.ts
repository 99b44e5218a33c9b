// The statistics of one secret's subscription: `sds.<name>.*`, as Envoy names them.

import { wallMs } from '../../common/clock.ts'
import { xxHash64 } from '../../common/hash.ts'
import type { Counter, Gauge, Scope, TextReadout } from '../../stats/store.ts'

export class SdsStats {
  readonly #updateAttempt: Counter
  readonly #updateSuccess: Counter
  readonly #updateRejected: Counter
  readonly #updateTime: Gauge
  readonly #version: Gauge
  readonly #versionText: TextReadout

  constructor(scope: Scope, name: string) {
    const sds = scope.createScope(`sds.${name}`)
    this.#updateAttempt = sds.counter('update_attempt')
    this.#updateSuccess = sds.counter('update_success')
    this.#updateRejected = sds.counter('update_rejected')
    this.#updateTime = sds.gauge('update_time')
    this.#version = sds.gauge('version')
    this.#versionText = sds.textReadout('version_text')
    for (const counter of ['init_fetch_timeout', 'key_rotation_failed', 'update_failure']) sds.counter(counter)
    sds.histogram('update_duration', 'ms')
  }

  /** `version` is that of the update; undefined where it was refused. */
  onUpdate(version: string | undefined): void {
    this.#updateAttempt.inc()
    if (version === undefined) {
      this.#updateRejected.inc()
      return
    }
    this.#updateSuccess.inc()
    this.#updateTime.set(Math.trunc(wallMs()))
    this.#version.set(Number(xxHash64(version)))
    this.#versionText.set(version)
  }
}
