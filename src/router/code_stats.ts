// Counts upstream response codes and times as Envoy names them: `upstream_rq_200`, `upstream_rq_2xx`, and for whom.

import type { Counter, Histogram, Scope } from '../stats/store.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'

/** Stands for a code that is not to be counted: only that there was a response. */
export const uncounted = -1

/** The stats of one prefix; made at their first use, as in Envoy: a cluster has only the codes it has met. */
export class CodeStats {
  readonly #scope: Scope
  #completed: Counter | undefined = undefined
  #unknown: Counter | undefined = undefined
  readonly #classes: (Counter | undefined)[] = []
  readonly #codes: (Counter | undefined)[] = []
  #time: Histogram | undefined = undefined

  constructor(scope: Scope) {
    this.#scope = scope
  }

  charge(status: number): void {
    const hundred = Math.floor(status / 100)
    this.#completed ??= this.#scope.counter('upstream_rq_completed')
    this.#completed.inc()
    if (status === uncounted) return
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

export type RequestOrigin = 'internal' | 'external'

/** Where a caller may choose names, there are no more of them. */
const mostNames = 1000

/** All that one cluster counts of codes, or one alternative name of it (x-envoy-upstream-alt-stat-name). */
export class ClusterCodeStats {
  readonly all: CodeStats
  readonly external: CodeStats
  readonly #scope: Scope
  /** `internal`, `canary`, `retry` and `zone.<from>.<to>`: most clusters have none of them. */
  readonly #parts = new Map<string, CodeStats>()
  readonly #alternatives = new Map<string, ClusterCodeStats>()

  constructor(scope: Scope) {
    this.#scope = scope
    this.all = new CodeStats(scope)
    this.external = new CodeStats(scope.createScope('external'))
  }

  of(origin: RequestOrigin): CodeStats {
    return origin === 'external' ? this.external : this.part('internal')
  }

  part(name: string): CodeStats {
    let part = this.#parts.get(name)
    if (part === undefined) {
      part = new CodeStats(this.#scope.createScope(name))
      this.#parts.set(name, part)
    }
    return part
  }

  /** Undefined where there are too many names already. */
  alternative(name: string): ClusterCodeStats | undefined {
    let stats = this.#alternatives.get(name)
    if (stats === undefined && this.#alternatives.size < mostNames) {
      stats = new ClusterCodeStats(this.#scope.createScope(name))
      this.#alternatives.set(name, stats)
    }
    return stats
  }
}

const statsOfCluster = new WeakMap<ClusterInfo, ClusterCodeStats>()

export function codeStats(info: ClusterInfo): ClusterCodeStats {
  let stats = statsOfCluster.get(info)
  if (stats === undefined) {
    stats = new ClusterCodeStats(info.scope)
    statsOfCluster.set(info, stats)
  }
  return stats
}
