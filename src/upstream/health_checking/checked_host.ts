// One host as the health checkers of its cluster know it: where checks go, and what they have found so far.

import type { Gauge } from '../../stats/store.ts'
import type { ActiveHealth, Host } from '../host.ts'
import type { CheckTarget } from './check_target.ts'
import type { HealthCheckStats } from './health_check_stats.ts'

type HealthGauges = Pick<HealthCheckStats, 'healthy' | 'degraded'>

/** What one checker, or several of them together, have found of a host. */
export class CheckedHost implements ActiveHealth {
  readonly host: Host
  readonly target: CheckTarget
  /** It is failed, and the last of it was a check that took too long. */
  isTimedOut = false
  /** It has asked for no traffic (`x-envoy-immediate-health-check-fail`), and has not recovered since. */
  isExcluded = false
  isPending: boolean
  /** Of the last check that had an HTTP answer; 0 where the last had none. */
  lastHttpStatus = 0
  #isFailed: boolean
  #isDegraded = false
  /** Checkers may share their stats: each gauge counts the host once, while any of them checks it. */
  readonly #counted = new Map<Gauge, { readonly stats: HealthGauges; checkers: number }>()

  constructor(host: Host, target: CheckTarget, first = { isFailed: true, isPending: false }) {
    this.host = host
    this.target = target
    this.#isFailed = first.isFailed
    this.isPending = first.isPending
  }

  get isFailed(): boolean {
    return this.#isFailed
  }

  get isDegraded(): boolean {
    return this.#isDegraded
  }

  get isHealthy(): boolean {
    return !this.#isFailed && !this.#isDegraded
  }

  setFailed(isFailed: boolean): void {
    this.#isFailed = isFailed
    for (const { stats } of this.#counted.values()) stats.healthy.add(isFailed ? -1 : 1)
  }

  setDegraded(isDegraded: boolean): void {
    this.#isDegraded = isDegraded
    for (const { stats } of this.#counted.values()) stats.degraded.add(isDegraded ? 1 : -1)
  }

  /** A checker begins to check it. */
  onCheckerAdded(stats: HealthGauges): void {
    const known = this.#counted.get(stats.healthy)
    if (known !== undefined) {
      known.checkers++
      return
    }
    this.#counted.set(stats.healthy, { stats, checkers: 1 })
    this.#count(stats, 1)
  }

  onCheckerRemoved(stats: HealthGauges): void {
    const known = this.#counted.get(stats.healthy)
    if (known === undefined || --known.checkers > 0) return
    this.#counted.delete(stats.healthy)
    this.#count(stats, -1)
  }

  #count({ healthy, degraded }: HealthGauges, by: 1 | -1): void {
    if (!this.#isFailed) healthy.add(by)
    if (this.#isDegraded) degraded.add(by)
  }
}
