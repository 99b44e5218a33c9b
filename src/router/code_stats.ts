// Counts upstream response codes as Envoy names them: `upstream_rq_200`, `upstream_rq_2xx`, and for whom.

import type { Counter, Histogram, Scope } from '../stats/store.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'

/** The stats of one prefix; made at their first use, as in Envoy: a cluster has only the codes it has met. */
class CodeStats {
  readonly #scope: Scope
  readonly #completed: Counter
  #unknown: Counter | undefined = undefined
  readonly #classes: (Counter | undefined)[] = []
  readonly #codes: (Counter | undefined)[] = []
  #time: Histogram | undefined = undefined

  constructor(scope: Scope) {
    this.#scope = scope
    this.#completed = scope.counter('upstream_rq_completed')
  }

  charge(status: number): void {
    const hundred = Math.floor(status / 100)
    this.#completed.inc()
    if (hundred < 1 || hundred > 5) {
      this.#unknown ??= this.#scope.counter('upstream_rq_unknown')
      this.#unknown.inc()
      return
    }
    this.#classes[hundred] ??= this.#scope.counter(`upstream_rq_${hundred}xx`)
    this.#classes[hundred]?.inc()
    this.#codes[status] ??= this.#scope.counter(`upstream_rq_${status}`)
    this.#codes[status]?.inc()
  }

  recordTime(durationMs: number): void {
    this.#time ??= this.#scope.histogram('upstream_rq_time', 'ms')
    this.#time.recordValue(durationMs)
  }
}

class ClusterCodeStats {
  readonly all: CodeStats
  readonly external: CodeStats
  #internal: CodeStats | undefined = undefined
  #retry: CodeStats | undefined = undefined
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
    this.all = new CodeStats(scope)
    this.external = new CodeStats(scope.createScope('external'))
  }

  get internal(): CodeStats {
    this.#internal ??= new CodeStats(this.#scope.createScope('internal'))
    return this.#internal
  }

  get retry(): CodeStats {
    this.#retry ??= new CodeStats(this.#scope.createScope('retry'))
    return this.#retry
  }
}

const statsOfCluster = new WeakMap<ClusterInfo, ClusterCodeStats>()

/** Counts an answer to a caller from inside or outside, or one that was dropped for another try. */
export function chargeUpstreamCode(info: ClusterInfo, status: number, kind: 'internal' | 'external' | 'retry'): void {
  const stats = codeStats(info)
  if (kind === 'retry') {
    stats.retry.charge(status)
    return
  }
  stats.all.charge(status)
  stats[kind].charge(status)
}

/** Records how long the upstream took, from the end of the request to the end of the response. */
export function recordUpstreamTime(info: ClusterInfo, durationMs: number, kind: 'internal' | 'external'): void {
  const stats = codeStats(info)
  stats.all.recordTime(durationMs)
  stats[kind].recordTime(durationMs)
}

export function countInternalRedirect(info: ClusterInfo, succeeded: boolean): void {
  if (succeeded) info.stats.upstreamInternalRedirectSucceededTotal.inc()
  else info.stats.upstreamInternalRedirectFailedTotal.inc()
}

function codeStats(info: ClusterInfo): ClusterCodeStats {
  let stats = statsOfCluster.get(info)
  if (stats === undefined) {
    stats = new ClusterCodeStats(info.scope)
    statsOfCluster.set(info, stats)
  }
  return stats
}
