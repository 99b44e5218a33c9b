// The contract of load balancing policies.

import type { Connection } from '../network/connection.ts'
import type { Host } from './host.ts'
import type { PrioritySet } from './priority_set.ts'

/** What a choice may depend on. */
export interface LoadBalancerContext {
  readonly hash?: bigint | undefined
  /** The `envoy.lb` metadata that the route asks for. */
  readonly metadataMatch?: Readonly<Record<string, unknown>> | undefined
  readonly downstreamConnection?: Connection | undefined
}

export interface LoadBalancer {
  /** Undefined where no host can be had. */
  chooseHost(context: LoadBalancerContext | undefined): Host | undefined
  /** The host that a coming choice will likely give, for connecting to it before; undefined where that cannot be known. */
  peekAnotherHost(): Host | undefined
  /** The hosts have changed. */
  onHostsChanged(prioritySet: PrioritySet): void
  /** The hosts of the proxy's own cluster (`local_cluster_name`) have changed. */
  onLocalClusterChanged(): void
}
