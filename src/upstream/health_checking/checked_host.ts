// One host as the health checkers of its cluster know it: where checks go, and what they have found so far.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { ipAddress, resolveAddress } from '../../network/address.ts'
import type { Gauge } from '../../stats/store.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'
import type { Host } from '../host.ts'
import type { HealthCheckStats } from './health_check_stats.ts'

type HealthCheckConfig = envoy.config.endpoint.v3.Endpoint.HealthCheckConfig
type HealthGauges = Pick<HealthCheckStats, 'healthy' | 'degraded'>

/** What `health_check_config` of an endpoint says. */
export interface CheckTarget {
  readonly address: AddressInfo
  /** In the place of the one that a checker would name; '' for none. */
  readonly hostname: string
  readonly isDisabled: boolean
}

/** Undefined where its address is none, which is said in `errors`. */
export function checkTarget(
  address: AddressInfo,
  view: HealthCheckConfig | undefined,
  errors: ConfigErrors,
): CheckTarget | undefined {
  const base = view?.address === undefined ? address : resolveAddress(view.address, view, 'address', errors)
  if (base === undefined) return undefined
  const port = view?.portValue ?? 0
  return {
    address: port === 0 || base.family === 'pipe' ? base : ipAddress(base.ip, port),
    hostname: view?.hostname ?? '',
    isDisabled: view?.disableActiveHealthCheck ?? false,
  }
}

/** All checkers of a cluster share what they have found of a host. */
export class CheckedHost {
  readonly host: Host
  readonly target: CheckTarget
  /** It is failed, and the last of it was a check that took too long. */
  isTimedOut = false
  /** It has asked for no traffic (`x-envoy-immediate-health-check-fail`), and has not recovered since. */
  isExcluded = false
  /** Nothing is known of it yet, and its cluster has been waiting for that. */
  isPending: boolean
  /** Of the last check that had an HTTP answer; 0 where the last had none. */
  lastHttpStatus = 0
  #isFailed = true
  #isDegraded = false
  /** Checkers may share their stats: each gauge counts the host once, while any of them checks it. */
  readonly #counted = new Map<Gauge, { readonly stats: HealthGauges; checkers: number }>()

  constructor(host: Host, target: CheckTarget, isPending = false) {
    this.host = host
    this.target = target
    this.isPending = isPending
  }

  /** Until the first check has told otherwise. */
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
