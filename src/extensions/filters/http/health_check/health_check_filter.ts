// Answers health checks, and has every response say so while this proxy is to fail them.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { Counter } from '../../../../stats/store.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'
import type { ClusterManager } from '../../../../upstream/cluster_manager.ts'
import type { PrioritySet } from '../../../../upstream/priority_set.ts'
import type { CachedResponse } from './cached_response.ts'

/** `http.<stat_prefix>.health_check.`: of the checks that are answered here. */
export interface HealthCheckStats {
  readonly requestTotal: Counter
  readonly ok: Counter
  readonly failed: Counter
  readonly cachedResponse: Counter
  readonly failedClusterNotFound: Counter
  readonly failedClusterEmpty: Counter
  readonly failedClusterUnhealthy: Counter
  readonly degraded: Counter
}

export interface HealthCheckSettings {
  /** Checks go upstream, unless there is something to answer them by. */
  readonly passThrough: boolean
  isHealthCheck(headers: HeaderMap): boolean
  readonly cache: CachedResponse | undefined
  /** By cluster, whole percents; empty for none. */
  readonly minHealthyPercents: readonly (readonly [clusterName: string, percent: number])[]
  readonly clusterManager: ClusterManager
  readonly localClusterName: string
  healthCheckFailed(): boolean
  readonly stats: HealthCheckStats
}

interface Answer {
  readonly status: number
  readonly details: string
  readonly isDegraded?: boolean
}

export class HealthCheckFilter extends PassThroughFilter {
  readonly #settings: HealthCheckSettings
  #isHealthCheck = false
  /** It is answered here, when all of it has come. */
  #isAnswered = false

  constructor(settings: HealthCheckSettings) {
    super()
    this.#settings = settings
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    const { passThrough, cache } = this.#settings
    if (!this.#settings.isHealthCheck(headers)) return FilterHeadersStatus.Continue
    this.#isHealthCheck = true
    this.decoderCallbacks.streamInfo.healthCheck = true
    this.#isAnswered = !passThrough || this.#settings.healthCheckFailed() || cache?.get() !== undefined
    if (!this.#isAnswered) return FilterHeadersStatus.Continue
    if (endStream) this.#answer()
    return FilterHeadersStatus.StopIteration
  }

  override decodeData(_data: Buffer, endStream: boolean): FilterDataStatus {
    if (!this.#isAnswered) return FilterDataStatus.Continue
    if (endStream) this.#answer()
    return FilterDataStatus.StopIterationNoBuffer
  }

  override decodeTrailers(): FilterTrailersStatus {
    if (!this.#isAnswered) return FilterTrailersStatus.Continue
    this.#answer()
    return FilterTrailersStatus.StopIteration
  }

  override encodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const { cache, localClusterName } = this.#settings
    if (this.#isHealthCheck) {
      cache?.set(headers.status, headers.has('x-envoy-degraded'))
      headers.set('x-envoy-upstream-healthchecked-cluster', localClusterName)
    } else if (this.#settings.healthCheckFailed()) headers.set('x-envoy-immediate-health-check-fail', 'true')
    return FilterHeadersStatus.Continue
  }

  #answer(): void {
    const { stats } = this.#settings
    const failed = this.#settings.healthCheckFailed()
    const answer: Answer = failed ? { status: 503, details: 'health_check_failed' } : this.#result()
    const { status, details, isDegraded = false } = answer
    const isOk = status >= 200 && status < 300
    stats.requestTotal.inc()
    const outcome = isOk ? stats.ok : stats.failed
    outcome.inc()
    if (isDegraded) stats.degraded.inc()
    this.decoderCallbacks.sendLocalReply({
      status,
      body: '',
      details,
      flag: isOk ? 0 : ResponseFlag.FailedLocalHealthCheck,
      modifyHeaders: (headers) => {
        if (failed) headers.set('x-envoy-immediate-health-check-fail', 'true')
        if (isDegraded) headers.set('x-envoy-degraded', '')
      },
    })
  }

  #result(): Answer {
    const { cache, stats, minHealthyPercents } = this.#settings
    const cached = cache?.get()
    if (cached !== undefined) {
      stats.cachedResponse.inc()
      return { ...cached, details: 'health_check_cached' }
    }
    if (minHealthyPercents.length === 0) return { status: 200, details: 'health_check_ok' }
    return this.#clustersResult() ?? { status: 200, details: 'health_check_ok_cluster_healthy' }
  }

  /** Undefined where all clusters have as many hosts to offer as they have to. */
  #clustersResult(): Answer | undefined {
    const { clusterManager, stats, minHealthyPercents } = this.#settings
    for (const [name, percent] of minHealthyPercents) {
      const cluster = clusterManager.get(name)
      if (cluster === undefined) {
        stats.failedClusterNotFound.inc()
        return { status: 503, details: 'health_check_failed_no_cluster_found' }
      }
      const { total, available } = membership(cluster.prioritySet)
      if (total === 0 && percent > 0) {
        stats.failedClusterEmpty.inc()
        return { status: 503, details: 'health_check_failed_cluster_empty' }
      }
      if (100 * available < total * percent) {
        stats.failedClusterUnhealthy.inc()
        return { status: 503, details: 'health_check_failed_cluster_unhealthy' }
      }
    }
    return undefined
  }
}

function membership({ hostSets }: PrioritySet): { readonly total: number; readonly available: number } {
  let total = 0
  let available = 0
  for (const { hosts, healthyHosts, degradedHosts } of hostSets) {
    total += hosts.length
    available += healthyHosts.length + degradedHosts.length
  }
  return { total, available }
}
