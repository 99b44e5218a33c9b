// The checks of one host by one checker, one after the other, and what follows from each.

import { Timer } from '../../common/timer.ts'
import { gatherWrites } from '../../network/write_batch.ts'
import type { CheckIntervals, HealthTransition } from './check_intervals.ts'
import type { CheckedHost } from './checked_host.ts'
import type { FailureType, HealthCheckEventLogger } from './event_logger.ts'
import type { HealthCheckStats } from './health_check_stats.ts'
import type { HealthProbe, ProbeCallbacks, ProbeFailure, ProbeKind } from './health_probe.ts'

/** What the sessions of one checker share. */
export interface SessionSettings {
  readonly timeoutMs: number
  readonly healthyThreshold: number
  readonly unhealthyThreshold: number
  readonly intervals: CheckIntervals
  readonly stats: HealthCheckStats
  readonly kind: ProbeKind
  readonly events: HealthCheckEventLogger
  /** Each check has been taken into account when this is called. */
  readonly onChecked: (host: CheckedHost, transition: HealthTransition, isPassed: boolean) => void
}

export class HealthCheckSession implements ProbeCallbacks {
  readonly #host: CheckedHost
  readonly #settings: SessionSettings
  readonly #probe: HealthProbe
  readonly #intervalTimer = new Timer(() => gatherWrites(() => this.#check()))
  readonly #timeoutTimer = new Timer(() => gatherWrites(() => this.#onTimeout()))
  #isFirstCheck = true
  /** In a row, while the host is failed. */
  #successes = 0
  /** In a row, while it is not. */
  #failures = 0
  #isClosed = false

  constructor(host: CheckedHost, settings: SessionSettings) {
    this.#host = host
    this.#settings = settings
    this.#probe = settings.kind.createProbe(host, this)
    host.onCheckerAdded(settings.stats)
  }

  start(): void {
    const delayMs = this.#settings.intervals.initialMs()
    if (delayMs === 0) gatherWrites(() => this.#check())
    else this.#intervalTimer.enable(delayMs)
  }

  /** The host is gone, or its checker: neither counts any more. */
  close(): void {
    this.#isClosed = true
    this.#intervalTimer.disable()
    this.#timeoutTimer.disable()
    this.#host.onCheckerRemoved(this.#settings.stats)
    this.#probe.close()
  }

  #check(): void {
    this.#timeoutTimer.enable(this.#settings.timeoutMs)
    this.#settings.stats.attempt.inc()
    this.#probe.start()
  }

  #onTimeout(): void {
    this.#probe.onTimeout()
    this.#fail('NETWORK_TIMEOUT', false)
  }

  onSuccess(isDegraded: boolean): void {
    const { stats, events } = this.#settings
    this.#failures = 0
    const recovery = this.#recover()
    if (recovery !== 'changed') events.onSuccess(this.#host)
    const wasPending = this.#takePending()
    const degradedChanged = this.#setDegraded(isDegraded)
    // As in Envoy, what was decided about the threshold stands.
    const changed = wasPending || (degradedChanged && recovery === 'unchanged')
    stats.success.inc()
    this.#over(true, changed ? 'changed' : recovery)
  }

  onFailure(failure: ProbeFailure, isRetriable: boolean): void {
    this.#fail(failure, isRetriable)
  }

  /** The next check comes when it would have come. */
  onPassiveFailure(): void {
    const transition = this.#countFailure('PASSIVE', false)
    this.#isFirstCheck = false
    this.#settings.onChecked(this.#host, transition, false)
  }

  #fail(failure: FailureType, isRetriable: boolean): void {
    this.#over(false, this.#countFailure(failure, isRetriable))
  }

  #countFailure(failure: FailureType, isRetriable: boolean): HealthTransition {
    const host = this.#host
    const { stats, events } = this.#settings
    const isNetwork = failure === 'NETWORK' || failure === 'NETWORK_TIMEOUT'
    if (failure !== 'ACTIVE') host.lastHttpStatus = 0
    this.#successes = 0
    const change = this.#giveUp(failure, isNetwork || isRetriable)
    host.isTimedOut = host.isFailed && failure === 'NETWORK_TIMEOUT'
    const wasPending = this.#takePending()
    events.onFailure(host, failure, this.#isFirstCheck)
    stats.failure.inc()
    if (isNetwork) stats.networkFailure.inc()
    else if (failure === 'PASSIVE') stats.passiveFailure.inc()
    return wasPending ? 'changed' : change
  }

  /** The very first check decides at once, so that a start need not wait for the threshold. */
  #recover(): HealthTransition {
    const host = this.#host
    const { events, healthyThreshold } = this.#settings
    if (!host.isFailed) return 'unchanged'
    if (!this.#isFirstCheck && ++this.#successes < healthyThreshold) return 'changePending'
    this.#successes = 0
    host.setFailed(false)
    host.isTimedOut = false
    host.isExcluded = false
    events.onAdded(host, this.#isFirstCheck)
    return 'changed'
  }

  #giveUp(failure: FailureType, waitsForThreshold: boolean): HealthTransition {
    const host = this.#host
    const { events, unhealthyThreshold } = this.#settings
    if (host.isFailed) return 'unchanged'
    if (waitsForThreshold && ++this.#failures < unhealthyThreshold) return 'changePending'
    this.#failures = 0
    host.setFailed(true)
    events.onEjected(host, failure)
    return 'changed'
  }

  #takePending(): boolean {
    const was = this.#host.isPending
    this.#host.isPending = false
    return was
  }

  #setDegraded(isDegraded: boolean): boolean {
    const host = this.#host
    if (isDegraded === host.isDegraded) return false
    host.setDegraded(isDegraded)
    this.#settings.events.onDegraded(host)
    return true
  }

  /** Whoever hears of it may take the host away. */
  #over(succeeded: boolean, transition: HealthTransition): void {
    const { onChecked, intervals } = this.#settings
    this.#isFirstCheck = false
    this.#timeoutTimer.disable()
    onChecked(this.#host, transition, succeeded)
    if (!this.#isClosed) this.#intervalTimer.enable(intervals.nextMs(succeeded, transition))
  }
}
