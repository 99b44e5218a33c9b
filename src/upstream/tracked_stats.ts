// Histograms that a cluster has only where track_cluster_stats asks for them.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { Histogram, Scope } from '../stats/store.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

/** `request_response_sizes`: sizes in bytes, heads as the sums of their names and values. */
export class SizeStats {
  readonly #rqHeadersSize: Histogram
  readonly #rqHeadersCount: Histogram
  readonly #rqBodySize: Histogram
  readonly #rsHeadersSize: Histogram
  readonly #rsHeadersCount: Histogram
  readonly #rsBodySize: Histogram

  constructor(scope: Scope) {
    this.#rqHeadersSize = scope.histogram('upstream_rq_headers_size', 'bytes')
    this.#rqHeadersCount = scope.histogram('upstream_rq_headers_count', 'unspecified')
    this.#rqBodySize = scope.histogram('upstream_rq_body_size', 'bytes')
    this.#rsHeadersSize = scope.histogram('upstream_rs_headers_size', 'bytes')
    this.#rsHeadersCount = scope.histogram('upstream_rs_headers_count', 'unspecified')
    this.#rsBodySize = scope.histogram('upstream_rs_body_size', 'bytes')
  }

  onRequest(headers: HeaderMap, bodyBytes: number): void {
    // Envoy has the host only once, as the authority.
    const hostCount = headers.authority !== '' && headers.names.includes('host') ? 1 : 0
    this.#rqHeadersSize.recordValue(headers.byteSize())
    this.#rqHeadersCount.recordValue(headers.length + pseudoCount(headers) - hostCount)
    this.#rqBodySize.recordValue(bodyBytes)
  }

  /** As it came, before anything of it is changed. */
  onResponseHeaders(headers: HeaderMap): void {
    this.#rsHeadersSize.recordValue(headers.byteSize())
    this.#rsHeadersCount.recordValue(headers.length + 1)
  }

  onResponseEnd(bodyBytes: number): void {
    this.#rsBodySize.recordValue(bodyBytes)
  }
}

/** Pseudo-headers count among the headers, as in Envoy. */
function pseudoCount({ method, path, authority, scheme }: HeaderMap): number {
  return [method, path, authority, scheme].filter((each) => each !== '').length
}

/** `timeout_budgets`: how much of its timeout a request, and each try of it, has used. */
export class BudgetStats {
  readonly #request: Histogram
  readonly #perTry: Histogram

  constructor(scope: Scope) {
    this.#request = scope.histogram('upstream_rq_timeout_budget_percent_used', 'unspecified')
    this.#perTry = scope.histogram('upstream_rq_timeout_budget_per_try_percent_used', 'unspecified')
  }

  onRequestComplete(durationMs: number, timeoutMs: number): void {
    this.#request.recordValue(share(durationMs, timeoutMs))
  }

  onTryComplete(durationMs: number, timeoutMs: number): void {
    this.#perTry.recordValue(share(durationMs, timeoutMs))
  }
}

/** Whole percent; nothing is used of no timeout. */
function share(durationMs: number, timeoutMs: number): number {
  return timeoutMs <= 0 ? 0 : Math.floor((100 * Math.floor(durationMs)) / timeoutMs)
}

export function sizeStats(view: ClusterView, scope: Scope): SizeStats | undefined {
  return view.trackClusterStats?.requestResponseSizes === true ? new SizeStats(scope) : undefined
}

export function budgetStats(view: ClusterView, scope: Scope): BudgetStats | undefined {
  const wanted = view.trackClusterStats?.timeoutBudgets === true || view.trackTimeoutBudgets
  return wanted ? new BudgetStats(scope) : undefined
}
