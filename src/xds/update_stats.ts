// What a subscription counts, beside the resources it is for: `update_attempt`, `update_success` and so on.

import { wallMs } from '../common/clock.ts'
import { xxHash64 } from '../common/hash.ts'
import type { Counter, Gauge, Histogram, Scope, TextReadout } from '../stats/store.ts'

export class UpdateStats {
  readonly initFetchTimeout: Counter
  readonly updateAttempt: Counter
  readonly updateFailure: Counter
  readonly updateRejected: Counter
  readonly #updateSuccess: Counter
  readonly #updateTime: Gauge
  readonly #version: Gauge
  readonly #updateDuration: Histogram
  readonly #versionText: TextReadout

  constructor(scope: Scope) {
    this.initFetchTimeout = scope.counter('init_fetch_timeout')
    this.updateAttempt = scope.counter('update_attempt')
    this.updateFailure = scope.counter('update_failure')
    this.updateRejected = scope.counter('update_rejected')
    this.#updateSuccess = scope.counter('update_success')
    this.#updateTime = scope.gauge('update_time')
    this.#version = scope.gauge('version')
    this.#updateDuration = scope.histogram('update_duration', 'ms')
    this.#versionText = scope.textReadout('version_text')
  }

  onAccepted(version: string, durationMs: number): void {
    this.#updateSuccess.inc()
    this.#updateTime.set(Math.trunc(wallMs()))
    this.#version.set(Number(xxHash64(Buffer.from(version))))
    this.#versionText.set(version)
    this.#updateDuration.recordValue(Math.trunc(durationMs))
  }
}
