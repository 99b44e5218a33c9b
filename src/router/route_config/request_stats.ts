// Statistics of a virtual cluster or of a route with a stat_prefix.

import type { VirtualClusterInfo } from '../../http/route.ts'
import type { Counter, Scope } from '../../stats/store.ts'
import { CodeStats } from '../code_stats.ts'

/** Handles of `<group>.<name>.upstream_rq_*`. */
export class RequestStats implements VirtualClusterInfo {
  /** The virtual cluster's name, or the route's stat_prefix. */
  readonly name: string
  readonly #total: Counter
  readonly #retry: Counter
  readonly #retrySuccess: Counter
  readonly #retryLimitExceeded: Counter
  readonly #retryOverflow: Counter
  readonly #timeout: Counter
  readonly #codes: CodeStats

  /** `group` is `vhost.<virtual host>.vcluster` or `vhost.<virtual host>.route`. */
  constructor(scope: Scope, group: string, name: string) {
    this.name = name
    const own = scope.createScope(`${group}.${name}.`)
    this.#codes = new CodeStats(own)
    this.#total = own.counter('upstream_rq_total')
    this.#retry = own.counter('upstream_rq_retry')
    this.#retrySuccess = own.counter('upstream_rq_retry_success')
    this.#retryLimitExceeded = own.counter('upstream_rq_retry_limit_exceeded')
    this.#retryOverflow = own.counter('upstream_rq_retry_overflow')
    this.#timeout = own.counter('upstream_rq_timeout')
  }

  onRequest(): void {
    this.#total.inc()
  }

  onResponse(statusCode: number): void {
    this.#codes.charge(statusCode)
  }

  onRequestComplete(durationMs: number): void {
    this.#codes.recordTime(durationMs)
  }

  onRetry(): void {
    this.#retry.inc()
  }

  onRetrySuccess(): void {
    this.#retrySuccess.inc()
  }

  onRetryLimitExceeded(): void {
    this.#retryLimitExceeded.inc()
  }

  onRetryOverflow(): void {
    this.#retryOverflow.inc()
  }

  onTimeout(): void {
    this.#timeout.inc()
  }
}
