// Statistics of a virtual cluster or of a route with a stat_prefix.

import type { VirtualClusterInfo } from '../../http/route.ts'
import type { Counter, Histogram, Scope } from '../../stats/store.ts'

const classNames = ['1xx', '2xx', '3xx', '4xx', '5xx']

/** Handles of `<group>.<name>.upstream_rq_*`; those of status codes are made when a code first comes. */
export class RequestStats implements VirtualClusterInfo {
  /** The virtual cluster's name, or the route's stat_prefix. */
  readonly name: string
  readonly #scope: Scope
  readonly #total: Counter
  readonly #retry: Counter
  readonly #retrySuccess: Counter
  readonly #retryLimitExceeded: Counter
  readonly #retryOverflow: Counter
  readonly #timeout: Counter
  #completed: Counter | undefined = undefined
  #time: Histogram | undefined = undefined
  readonly #codes = new Map<number, Counter>()
  readonly #classes = new Map<number, Counter>()

  /** `group` is `vhost.<virtual host>.vcluster` or `vhost.<virtual host>.route`. */
  constructor(scope: Scope, group: string, name: string) {
    this.name = name
    this.#scope = scope.createScope(`${group}.${name}.`)
    this.#total = this.#scope.counter('upstream_rq_total')
    this.#retry = this.#scope.counter('upstream_rq_retry')
    this.#retrySuccess = this.#scope.counter('upstream_rq_retry_success')
    this.#retryLimitExceeded = this.#scope.counter('upstream_rq_retry_limit_exceeded')
    this.#retryOverflow = this.#scope.counter('upstream_rq_retry_overflow')
    this.#timeout = this.#scope.counter('upstream_rq_timeout')
  }

  onRequest(): void {
    this.#total.inc()
  }

  onRequestComplete(statusCode: number, durationMs: number): void {
    this.#completed ??= this.#scope.counter('upstream_rq_completed')
    this.#completed.inc()
    const classIndex = Math.floor(statusCode / 100) - 1
    if (classIndex in classNames) this.#counterOf(this.#classes, classIndex, classNames[classIndex]).inc()
    this.#counterOf(this.#codes, statusCode, String(statusCode)).inc()
    this.#time ??= this.#scope.histogram('upstream_rq_time', 'ms')
    this.#time.recordValue(durationMs)
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

  #counterOf(counters: Map<number, Counter>, key: number, name: string): Counter {
    let counter = counters.get(key)
    if (counter === undefined) {
      counter = this.#scope.counter(`upstream_rq_${name}`)
      counters.set(key, counter)
    }
    return counter
  }
}
