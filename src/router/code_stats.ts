// Counts upstream response codes as Envoy names them: `upstream_rq_200`, `upstream_rq_2xx`, and for whom.

import type { Counter } from '../stats/store.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'

interface CodeCounters {
  readonly codes: (Counter | undefined)[]
  readonly classes: (Counter | undefined)[]
  readonly completed: Counter
}

/** Made at a code's first use, as in Envoy: a cluster has only the codes that it has met. */
class ClusterCodes {
  readonly #info: ClusterInfo
  readonly all: CodeCounters
  readonly external: CodeCounters
  readonly internal: CodeCounters | undefined = undefined

  constructor(info: ClusterInfo) {
    this.#info = info
    this.all = codeCounters(info, '')
    this.external = codeCounters(info, 'external.')
  }

  charge(status: number, prefix: '' | 'external.', counters: CodeCounters): void {
    counters.completed.inc()
    const hundred = Math.floor(status / 100)
    counters.classes[hundred] ??= this.#info.scope.counter(`${prefix}upstream_rq_${hundred}xx`)
    counters.classes[hundred]?.inc()
    counters.codes[status] ??= this.#info.scope.counter(`${prefix}upstream_rq_${status}`)
    counters.codes[status]?.inc()
  }
}

function codeCounters(info: ClusterInfo, prefix: string): CodeCounters {
  return { codes: [], classes: [], completed: info.scope.counter(`${prefix}upstream_rq_completed`) }
}

const codesByCluster = new WeakMap<ClusterInfo, ClusterCodes>()

/** `internal`: the request carries x-envoy-internal; its counters are `internal.` instead of `external.`. */
export function chargeUpstreamCode(info: ClusterInfo, status: number, _internal: boolean): void {
  let codes = codesByCluster.get(info)
  if (codes === undefined) {
    codes = new ClusterCodes(info)
    codesByCluster.set(info, codes)
  }
  codes.charge(status, '', codes.all)
  codes.charge(status, 'external.', codes.external)
}
