// What all checks of a host have found together: it has to pass each of them.

import type { Gauge } from '../stats/store.ts'
import { CheckedHost } from '../upstream/health_checking/checked_host.ts'
import type { ActiveHealth, Host } from '../upstream/host.ts'

/** Of a cluster with several checks, beside what each counts of its own. */
export interface HealthTotals {
  readonly healthy: Gauge
  readonly degraded: Gauge
}

export class HostHealth implements ActiveHealth {
  readonly host: Host
  /** One for each health check of the cluster. */
  readonly checks: readonly CheckedHost[]
  readonly #hostname: string
  readonly #totals: HealthTotals | undefined
  /** Those that have not told anything yet. */
  readonly #unknown: Set<CheckedHost>
  #isCountedHealthy = false
  #isCountedDegraded = false

  constructor(
    host: Host,
    count: number,
    first: Pick<ActiveHealth, 'isFailed' | 'isPending'>,
    totals: HealthTotals | undefined,
  ) {
    const target = host.healthCheck ?? { address: host.address, hostname: '', isDisabled: false }
    this.host = host
    this.#hostname = target.hostname
    this.checks = Array.from({ length: count }, () => new CheckedHost(host, target, first))
    this.#unknown = new Set(this.checks)
    this.#totals = totals
    this.#count(!this.isFailed, this.isDegraded)
  }

  get isFailed(): boolean {
    return this.checks.some(({ isFailed }) => isFailed)
  }

  get isDegraded(): boolean {
    return this.checks.some(({ isDegraded }) => isDegraded)
  }

  get isPending(): boolean {
    return this.checks.some(({ isPending }) => isPending)
  }

  get isExcluded(): boolean {
    return this.checks.some(({ isExcluded }) => isExcluded)
  }

  get isTimedOut(): boolean {
    return this.checks.some(({ isTimedOut }) => isTimedOut)
  }

  /** Of all that is to be said of how a host is checked, its name may change while it stays the same. */
  get isUpToDate(): boolean {
    return this.#hostname === (this.host.healthCheck?.hostname ?? '')
  }

  /** Each of its checks has told something. */
  get isKnown(): boolean {
    return this.#unknown.size === 0
  }

  onChecked(check: CheckedHost): void {
    this.#unknown.delete(check)
    this.#count(!this.isFailed, this.isDegraded)
  }

  /** It is checked no more. */
  leave(): void {
    this.#count(false, false)
  }

  #count(isHealthy: boolean, isDegraded: boolean): void {
    if (this.#totals === undefined) return
    if (isHealthy !== this.#isCountedHealthy) this.#totals.healthy.add(isHealthy ? 1 : -1)
    if (isDegraded !== this.#isCountedDegraded) this.#totals.degraded.add(isDegraded ? 1 : -1)
    this.#isCountedHealthy = isHealthy
    this.#isCountedDegraded = isDegraded
  }
}
