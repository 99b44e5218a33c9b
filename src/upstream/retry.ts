// What has a say in where a retry goes: which hosts it shall not have, and which priorities.

import type { ExtensionFactory } from '../config/registry.ts'
import type { Host } from './host.ts'
import type { PriorityLoads } from './load_balancers/priority_load.ts'
import type { HostSet } from './priority_set.ts'

/** Belongs to one request. */
export interface RetryHostPredicate {
  /** A retry shall have another host than this one, if there is one to be had. */
  shouldSelectAnotherHost(host: Host): boolean
  /** A try has had a connection to the host, or could get none. */
  onHostAttempted(host: Host): void
}

/** Category `envoy.retry_host_predicates`. */
export interface RetryHostPredicateFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.retry_host_predicates'
  /** Returns what makes one for a request. */
  createHostPredicate(config: Config): () => RetryHostPredicate
}

/** Belongs to one request. */
export interface RetryPriority {
  /**
   * The loads by which the priority of a retry is drawn, in the place of `original`. `priorityOf` tells which of the
   * priorities a host is in, undefined for one that is in none of them.
   */
  determinePriorityLoad(
    hostSets: readonly HostSet[],
    original: PriorityLoads,
    priorityOf: (host: Host) => number | undefined,
  ): PriorityLoads
  /** As that of RetryHostPredicate. */
  onHostAttempted(host: Host): void
}

/** Category `envoy.retry_priorities`. */
export interface RetryPriorityFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.retry_priorities'
  /** Returns what makes one for a request. */
  createRetryPriority(config: Config): () => RetryPriority
}
