// `cluster.<name>.ratelimit.<stat_prefix>.*`: counted in the cluster that a request is for.

import type { Counter } from '../../../../stats/store.ts'
import type { ClusterInfo } from '../../../../upstream/cluster_info.ts'

interface RateLimitStats {
  readonly ok: Counter
  readonly overLimit: Counter
  readonly error: Counter
  readonly failureModeAllowed: Counter
}

const statsOfCluster = new WeakMap<ClusterInfo, Map<string, RateLimitStats>>()

/** `prefix` ends with a dot, or is empty. */
export function rateLimitStats(cluster: ClusterInfo, prefix: string): RateLimitStats {
  let ofCluster = statsOfCluster.get(cluster)
  if (ofCluster === undefined) {
    ofCluster = new Map()
    statsOfCluster.set(cluster, ofCluster)
  }
  let stats = ofCluster.get(prefix)
  if (stats === undefined) {
    stats = new CounterNames(cluster, prefix)
    ofCluster.set(prefix, stats)
  }
  return stats
}

/** Counters come into being with their first count, as in Envoy. */
class CounterNames implements RateLimitStats {
  readonly #cluster: ClusterInfo
  readonly #prefix: string

  constructor(cluster: ClusterInfo, prefix: string) {
    this.#cluster = cluster
    this.#prefix = prefix
  }

  get ok(): Counter {
    return this.#counter('ok')
  }

  get overLimit(): Counter {
    return this.#counter('over_limit')
  }

  get error(): Counter {
    return this.#counter('error')
  }

  get failureModeAllowed(): Counter {
    return this.#counter('failure_mode_allowed')
  }

  #counter(name: string): Counter {
    return this.#cluster.scope.counter(`ratelimit.${this.#prefix}${name}`)
  }
}
