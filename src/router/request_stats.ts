// The statistics that one request counts in beside its cluster's: of its virtual cluster and of its route.

import type { RequestStatsInfo } from '../http/route.ts'

export class RequestStats {
  /** Undefined for most requests: few routes have any. */
  #targets: RequestStatsInfo[] | undefined = undefined

  add(target: RequestStatsInfo | undefined): void {
    if (target === undefined) return
    this.#targets ??= []
    this.#targets.push(target)
  }

  onRequest(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRequest()
  }

  onRequestComplete(status: number, durationMs: number): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRequestComplete(status, durationMs)
  }

  onTimeout(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onTimeout()
  }

  onRetry(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRetry()
  }

  onRetryOverflow(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRetryOverflow()
  }

  onRetryLimitExceeded(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRetryLimitExceeded()
  }
}
