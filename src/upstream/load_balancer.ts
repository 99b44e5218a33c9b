// The contract of load balancing policies.

import type { HeaderMap } from '../common/header_map.ts'
import type { Connection } from '../network/connection.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { Host } from './host.ts'
import type { PriorityLoads } from './load_balancers/priority_load.ts'
import type { OverrideHost } from './override_host.ts'
import type { PrioritySet } from './priority_set.ts'
import type { RetryPriority } from './retry.ts'

/** What a choice may depend on. What only some policies ask for is found out when they ask. */
export interface LoadBalancerContext {
  /** The number by which policies that hash choose; undefined where there is none for the request or connection. */
  hashKey(): bigint | undefined
  /** The `envoy.lb` metadata that hosts must have. */
  metadataMatch(): MetadataMatch | undefined
  /** How many hosts were turned down for this choice: a policy that would give the same one again gives another. */
  readonly attempt: number
  /** In the place of the loads that the hosts' health makes; set by policies that choose priorities for others. */
  priorityLoads: PriorityLoads | undefined
  /** Has a say in the priority of a retry; undefined for everything else. */
  readonly retryPriority: RetryPriority | undefined
  /** A host that a filter has chosen: it goes before what a cluster's load balancer would say. */
  readonly overrideHost?: OverrideHost | undefined
  readonly downstreamConnection: Connection | undefined
  readonly streamInfo: StreamInfo | undefined
  /** Undefined for a connection. */
  readonly downstreamHeaders: HeaderMap | undefined
  /** Gives the client a cookie by which its next request finds the same host. */
  addCookie(setCookie: string): void
  /** Why there is no host to choose, where the load balancer knows: %RESPONSE_CODE_DETAILS%. */
  noHostDetails?: string | undefined
  /** There is no host to choose yet: it is being looked for. */
  isHostPending?: boolean
}

export type MetadataMatch = Readonly<Record<string, unknown>>

export interface LoadBalancer {
  /**
   * For a request, where hosts may have to be looked for before one can be chosen: calls `done` when they have been, unless
   * what is returned has given the wait up. Undefined where nothing has to be waited for.
   */
  lookForHost?(context: LoadBalancerContext, done: () => void): (() => void) | undefined
  /** Undefined where no host can be had. */
  chooseHost(context: LoadBalancerContext | undefined): Host | undefined
  /** The host that a coming choice will likely give, for connecting to it before; undefined where that cannot be known. */
  peekAnotherHost(): Host | undefined
  /** The hosts have changed. */
  onHostsChanged(prioritySet: PrioritySet): void
  /** The hosts of the proxy's own cluster (`local_cluster_name`) have changed. */
  onLocalClusterChanged(): void
  /** The cluster is gone, or has another load balancer. */
  destroy?(): void
}

/** Of a cluster that cannot be built. */
export const noHosts: LoadBalancer = {
  chooseHost: () => undefined,
  peekAnotherHost: () => undefined,
  onHostsChanged: () => {},
  onLocalClusterChanged: () => {},
}
