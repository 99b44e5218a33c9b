// Subscribes to the resources that the configuration names, one by one: routes, hosts, secrets, filters.

import { wallMs } from '../common/clock.ts'
import { ConfigErrors } from '../config/errors.ts'
import { forgetPositions } from '../config/view_origin.ts'
import type { ResourceDemand, WatchedResource } from '../config/watched_resources.ts'
import { StatsOwner } from '../stats/stats_owner.ts'
import { CollectionSubscription } from './collection_subscription.ts'
import { describeErrors } from './read_resource.ts'
import { type RouteStats, routeStats } from './reload_stats.ts'
import {
  putIntoForce,
  type ResourceState,
  type ResourceSubscription,
  type ResourceSubscriptionsParts,
} from './resource_state.ts'
import { clusterLoadAssignmentType, extensionConfigType, routeConfigurationType, secretType } from './resource_types.ts'
import type {
  ConfigUpdate,
  ResourceError,
  Subscription,
  SubscriptionFactory,
  UpdateFailureReason,
} from './subscription.ts'
import { canonicalName } from './xdstp_name.ts'

export class ResourceSubscriptions implements ResourceDemand {
  readonly #parts: ResourceSubscriptionsParts
  readonly #subscriptions = new Map<WatchedResource, ResourceSubscription>()
  #factory: SubscriptionFactory | undefined = undefined
  #isStarted = false

  constructor(parts: ResourceSubscriptionsParts) {
    this.#parts = parts
  }

  onWanted(resource: WatchedResource, errors: ConfigErrors): void {
    const collects = resource.reference.collects !== undefined
    const named = new (collects ? CollectionSubscription : NamedSubscription)(resource, this.#parts)
    this.#subscriptions.set(resource, named)
    if (this.#factory !== undefined) this.#subscribe(named, this.#factory, errors)
  }

  /** What is wanted already, by the first clusters, is subscribed to now: the sources are other clusters of these. */
  connect(factory: SubscriptionFactory, errors: ConfigErrors): void {
    this.#factory = factory
    for (const named of this.#subscriptions.values()) this.#subscribe(named, factory, errors)
  }

  #subscribe(named: ResourceSubscription, factory: SubscriptionFactory, errors: ConfigErrors): void {
    const { source, typeUrl, name, scope, collects, at = source } = named.resource.reference
    const own = scope.ownedBy(named.statsOwner)
    const one = collects === undefined ? name : undefined
    const subject = collects === 'locator' ? { locator: name, at } : one
    named.subscription = factory.create(source, typeUrl, named, own, at, errors, subject)
    if (this.#isStarted) named.start()
  }

  onUnwanted(resource: WatchedResource): void {
    const named = this.#subscriptions.get(resource)
    named?.subscription?.stop()
    named?.statsOwner.end()
    this.#subscriptions.delete(resource)
    this.#parts.forget(resource.key)
  }

  onRequested(resource: WatchedResource, name: string): void {
    this.#subscriptions.get(resource)?.request(name)
  }

  /** From now on what is wanted is asked for: there is somewhere to ask. */
  start(): void {
    this.#isStarted = true
    for (const named of this.#subscriptions.values()) named.start()
  }

  states(): Iterable<ResourceState> {
    return this.#subscriptions.values()
  }

  stop(): void {
    for (const { subscription } of this.#subscriptions.values()) subscription?.stop()
    this.#subscriptions.clear()
  }
}

interface UnexpectedWords {
  /** Where a response must hold the resource; elsewhere one without it says that there is none. */
  readonly isNeeded?: 'always' | 'inFiles'
  readonly count: (count: number, wanted: string) => string
  readonly name: (wanted: string) => string
}

/** How Envoy tells of more than the one resource that was asked for, and of another one. */
const unexpectedWords: Readonly<Record<string, UnexpectedWords>> = {
  [clusterLoadAssignmentType]: {
    count: (count) => `EDS resource length: ${count}`,
    name: (wanted) => `EDS cluster (expecting ${wanted})`,
  },
  [routeConfigurationType]: {
    count: (count) => `RDS resource length: ${count}`,
    name: (wanted) => `RDS configuration (expecting ${wanted})`,
  },
  [secretType]: {
    isNeeded: 'inFiles',
    count: (count, wanted) => {
      const counts = `number of added resources ${count}, number of removed resources 0. Expected sum is 1`
      return `SDS secrets length for ${wanted}, ${counts}`
    },
    name: (wanted) => `SDS secret (expecting ${wanted})`,
  },
  [extensionConfigType]: {
    isNeeded: 'always',
    count: (count) => `number of resources in ExtensionConfigDS response: ${count}`,
    name: () => 'resource name in ExtensionConfigDS response',
  },
}

const otherWords: UnexpectedWords = {
  count: (count) => `resource length: ${count}`,
  name: (wanted) => `resource (expecting ${wanted})`,
}

class NamedSubscription implements ResourceSubscription {
  readonly resource: WatchedResource
  subscription: Subscription | undefined = undefined
  /** It may outlive whoever wanted the resource first. */
  readonly statsOwner = new StatsOwner()
  version = ''
  lastUpdatedMs = wallMs()
  readonly #parts: ResourceSubscriptionsParts
  /** Of routes. */
  readonly #routes: RouteStats | undefined
  #hash = ''
  #isStarted = false

  constructor(resource: WatchedResource, parts: ResourceSubscriptionsParts) {
    this.resource = resource
    this.#parts = parts
    const { typeUrl, scope } = resource.reference
    this.#routes = routeStats(typeUrl, scope.ownedBy(this.statsOwner))
  }

  /** What only requests need is not asked for before one of them does. */
  start(): void {
    if (this.#isStarted || !this.resource.isNeeded) return
    this.#isStarted = true
    this.subscription?.start(new Set([this.resource.reference.name]))
  }

  /** Where it is known already that there is nothing, that is said again. */
  request(): void {
    if (this.#isStarted && this.resource.isSettled) this.#giveUp()
    this.resource.isNeeded = true
    this.start()
  }

  async onConfigUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]> {
    const { isRemovable } = this.resource.reference
    const users = this.resource.users.values()
    const resources = this.#parts.resources()
    if (isRemovable === true && update.removed.length > 0) return this.#remove()
    const unexpected = this.#unexpected(update)
    if (unexpected !== undefined) return this.#refuse(unexpected)
    const [found] = update.added
    if (found === undefined) {
      // It may come later, but nothing waits for it: the management server has answered.
      for (const { onMissing } of users) onMissing?.()
      // Routes that are withdrawn stay.
      if (update.removed.length === 0) this.#routes?.onEmpty()
      this.#giveUp(false)
      return []
    }
    if (found.hash === this.#hash) {
      for (const { onUnchanged } of users) onUnchanged?.()
      return []
    }
    const { errors, view, version } = found
    const commit = errors.hasErrors ? undefined : resources.prepare(this.resource, view, errors)
    if (commit === undefined) return this.#refuse(describeErrors(errors) ?? '')
    forgetPositions(view)
    this.#hash = found.hash
    this.version = version
    this.lastUpdatedMs = wallMs()
    await this.#putIntoForce(view, commit)
    return []
  }

  /** The next version is a new one, even where it says what the last one did. */
  async #remove(): Promise<readonly ResourceError[]> {
    const commit = this.#parts.resources().prepare(this.resource, undefined, new ConfigErrors())
    this.#hash = ''
    this.version = ''
    this.lastUpdatedMs = wallMs()
    if (commit !== undefined) await this.#putIntoForce(undefined, commit)
    return []
  }

  async #putIntoForce(view: object | undefined, commit: () => void): Promise<void> {
    const inForce = putIntoForce(this.resource, view, commit, this.#parts)
    this.#routes?.onReload()
    await inForce
    this.resource.reference.onApplied?.()
  }

  /** A file may hold anything. */
  #unexpected({ added }: ConfigUpdate): string | undefined {
    const { name, typeUrl, source } = this.resource.reference
    const words = unexpectedWords[typeUrl] ?? otherWords
    const isFile = source.path !== undefined || source.pathConfigSource !== undefined
    const isNeeded = words.isNeeded === 'always' || (words.isNeeded === 'inFiles' && isFile)
    if (added.length > 1 || (added.length === 0 && isNeeded)) return `Unexpected ${words.count(added.length, name)}`
    const [found] = added
    if (found === undefined || found.name === canonicalName(name) || found.aliases.includes(name)) return undefined
    return `Unexpected ${words.name(name)}: ${found.name}`
  }

  #refuse(message: string): ResourceError[] {
    this.#giveUp()
    return [{ name: this.resource.reference.name, message }]
  }

  onConfigUpdateFailed(reason: UpdateFailureReason, _message: string): void {
    if (reason !== 'connectionFailure') this.#giveUp()
  }

  /** Nobody waits any longer, requests in the workers neither. */
  #giveUp(hasFailed = true): void {
    const { key, view, reference } = this.resource
    if (hasFailed) reference.onFailed?.()
    if (reference.onDemand === true) void this.#parts.tellWorkers(key, view)
    this.#parts.resources().settle(this.resource)
  }
}
