// Lets the first cluster choose the host of a request's first try, the second that of its second, and so on.

import type { Cluster } from '../../../upstream/cluster.ts'
import type { ClusterManager } from '../../../upstream/cluster_manager.ts'
import type { Host } from '../../../upstream/host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../../../upstream/load_balancer.ts'

export class CompositeLoadBalancer implements LoadBalancer {
  readonly #names: readonly string[]
  readonly #clusterManager: ClusterManager

  constructor(names: readonly string[], clusterManager: ClusterManager) {
    this.#names = names
    this.#clusterManager = clusterManager
  }

  lookForHost(context: LoadBalancerContext, done: () => void): (() => void) | undefined {
    const [first] = this.#clustersFor(context)
    return first?.loadBalancer.lookForHost?.(context, done)
  }

  /** A cluster that has no host to offer makes way for the next one; behind the last there is none. */
  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    for (const cluster of this.#clustersFor(context)) {
      const host = cluster.chooseHost(context)
      if (host !== undefined) return host
    }
    return undefined
  }

  /** From that of the try on, those that are there. What is no request, and so no try, has none. */
  *#clustersFor(context: LoadBalancerContext | undefined): Iterable<Cluster> {
    const attempt = context?.streamInfo?.attemptCount ?? 0
    if (attempt === 0) return
    for (const name of this.#names.slice(attempt - 1)) {
      const cluster = this.#clusterManager.get(name)
      if (cluster !== undefined) yield cluster
    }
  }

  peekAnotherHost(): undefined {
    return undefined
  }

  /** It has no hosts of its own. */
  onHostsChanged(): void {}

  onLocalClusterChanged(): void {}
}
