// Many resources that are one part of the configuration: all scopes of a connection manager, the virtual hosts below a route
// configuration, the endpoints of a locality. They are kept, checked and put into force together.

import { wallMs } from '../common/clock.ts'
import { ConfigErrors } from '../config/errors.ts'
import type { Collection, WatchedResource } from '../config/watched_resources.ts'
import { StatsOwner } from '../stats/stats_owner.ts'
import { describeErrors } from './read_resource.ts'
import { type RouteStats, routeStats } from './reload_stats.ts'
import { putIntoForce, type ResourceSubscription, type ResourceSubscriptionsParts } from './resource_state.ts'
import { lbEndpointType } from './resource_types.ts'
import type {
  ConfigUpdate,
  DiscoveredResource,
  ResourceError,
  Subscription,
  UpdateFailureReason,
} from './subscription.ts'

type Held = ReadonlyMap<string, DiscoveredResource>

export class CollectionSubscription implements ResourceSubscription {
  readonly resource: WatchedResource
  subscription: Subscription | undefined = undefined
  readonly statsOwner = new StatsOwner()
  version = ''
  lastUpdatedMs = wallMs()
  readonly #parts: ResourceSubscriptionsParts
  readonly #reloads: RouteStats | undefined
  #held: Held = new Map()

  constructor(resource: WatchedResource, parts: ResourceSubscriptionsParts) {
    this.resource = resource
    this.#parts = parts
    const { typeUrl, scope } = resource.reference
    const own = scope.ownedBy(this.statsOwner)
    this.#reloads = routeStats(typeUrl, own)
    // It stays at 0, as in Envoy: nobody is told of a response that says nothing of the collection.
    if (typeUrl === lbEndpointType) own.counter('update_empty')
  }

  start(): void {
    const { collects, name } = this.resource.reference
    this.subscription?.start(collects === 'namespace' ? new Set([name]) : '*')
  }

  request(name: string): void {
    this.subscription?.requestOnDemandUpdate(new Set([name]))
  }

  /** All or nothing: what is wrong with one is told of each. */
  async onConfigUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]> {
    const message = await this.#apply(update)
    if (message === undefined) return []
    this.#onNothingNew()
    const names = update.added.length === 0 ? [this.resource.reference.name] : update.added.map(({ name }) => name)
    return names.map((name) => ({ name, message }))
  }

  /** What is wrong with it: nothing has changed then. */
  async #apply({ added, removed, stateOfTheWorld, versionInfo }: ConfigUpdate): Promise<string | undefined> {
    const bad = added.find(({ errors }) => errors.hasErrors)
    if (bad !== undefined) return describeErrors(bad.errors)
    const { collects } = this.resource.reference
    const next = new Map(stateOfTheWorld ? [] : this.#held)
    for (const name of removed) next.delete(name)
    const named = new Set<string>()
    for (const each of added) {
      if (named.has(each.name))
        return `Error adding/updating scoped route(s): duplicate scoped route configuration '${each.name}' found`
      named.add(each.name)
      next.set(each.name, each)
    }
    const isNews = !isSame(this.#held, next)
    // Of a namespace every word counts: requests may wait for it.
    if (!isNews && collects !== 'namespace') {
      this.#onNothingNew()
      return undefined
    }
    const collection: Collection = {
      resources: [...next.values()].map(({ view }) => view),
      told: [...added.flatMap(({ name, aliases }) => [name, ...aliases]), ...removed],
    }
    const errors = new ConfigErrors()
    const commit = this.#parts.resources().prepare(this.resource, collection, errors)
    if (commit === undefined) return describeErrors(errors)
    this.#held = next
    if (isNews) {
      this.version = versionInfo
      this.lastUpdatedMs = wallMs()
      this.#reloads?.onReload()
    }
    await putIntoForce(this.resource, collection, commit, this.#parts)
    return undefined
  }

  onConfigUpdateFailed(reason: UpdateFailureReason, _message: string): void {
    if (reason !== 'connectionFailure') this.#onNothingNew()
  }

  #onNothingNew(): void {
    for (const { onUnchanged } of this.resource.users.values()) onUnchanged?.()
    this.#parts.resources().settle(this.resource)
  }
}

function isSame(a: Held, b: Held): boolean {
  return a.size === b.size && [...a].every(([name, { hash }]) => b.get(name)?.hash === hash)
}
