// What the subscriptions to resources that the configuration names have in common, and what is told of them.

import { setImmediate } from 'node:timers/promises'
import type { WatchedResource, WatchedResources } from '../config/watched_resources.ts'
import type { StatsOwner } from '../stats/stats_owner.ts'
import type { Subscription, SubscriptionCallbacks } from './subscription.ts'

export interface ResourceSubscriptionsParts {
  readonly resources: () => WatchedResources
  /** Resolves when all workers have the version; undefined: it is gone. */
  readonly tellWorkers: (key: string, view: object | undefined) => Promise<void>
  readonly forget: (key: string) => void
  /** Resolves when all workers have what has been changed so far. */
  readonly applied: () => Promise<void>
}

/** What came last of a resource, for the admin interface. */
export interface ResourceState {
  readonly resource: WatchedResource
  /** '' until it has come. */
  readonly version: string
  /** Wall clock; before it has come, of when it was asked for. */
  readonly lastUpdatedMs: number
}

/** The subscription to one resource, or to one collection of them. */
export interface ResourceSubscription extends ResourceState, SubscriptionCallbacks {
  subscription: Subscription | undefined
  /** Of its own stats: it may outlive whoever wanted the resource first. */
  readonly statsOwner: StatsOwner
  /** There is somewhere to ask. */
  start(): void
  /** A request needs the resource, or this one of the collection. */
  request(name: string): void
}

/** Resolves when the version that `commit` stands for is in force in all processes that use the resource. */
export async function putIntoForce(
  { key, reference }: WatchedResource,
  view: object | undefined,
  commit: () => void,
  { tellWorkers, applied }: ResourceSubscriptionsParts,
): Promise<void> {
  // Workers are told first: what waits for the resource is told to them as soon as it is in force here.
  const told = reference.mainOnly === true ? undefined : tellWorkers(key, view)
  commit()
  if (told !== undefined) return told
  // Main has made something of it by then, such as hosts, or a cluster that is warm now, and tells the workers of that.
  await setImmediate()
  await applied()
}
