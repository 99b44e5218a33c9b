// What the configuration names without saying it, and a discovery service brings: routes, secrets, hosts, filters.

import type { envoy } from '../../proto/generated/api.d.ts'
import { fingerprint } from '../common/fingerprint.ts'
import type { Lifetime } from '../common/lifetime.ts'
import { finish, type Steps } from '../common/steps.ts'
import type { Scope } from '../stats/store.ts'
import { ConfigErrors } from './errors.ts'
import type { InitManager } from './init_manager.ts'

type ConfigSource = envoy.config.core.v3.ConfigSource

export interface ResourceReference {
  /** Where it comes from. */
  readonly source: ConfigSource
  /** What is wrong with that points to it; to the source by default. */
  readonly at?: object
  /** Bare message name. */
  readonly typeUrl: string
  readonly name: string
  /** Where updates of it are counted, such as `http.ingress.rds.local.`. */
  readonly scope: Scope
  /** As `/init_dump` shows what is waited for. */
  readonly initTarget: string
  /** What it is used for, where the same resource used for something else is asked for once more. */
  readonly usedAs?: string
  /** Only main uses it: hosts are told to workers in another way. */
  readonly mainOnly?: boolean
  /** Who withdraws it takes it away from its users: other resources stay as they were. */
  readonly isRemovable?: boolean
  /**
   * Not one resource but a `Collection`: all there are, all below the name, with those that requests ask for, or those that
   * the name locates (`xdstp://authority/type/path/*`).
   */
  readonly collects?: 'all' | 'namespace' | 'locator'
  /** It is asked for when a request needs it; nothing else waits for it. */
  readonly onDemand?: boolean
  /** The management server has answered without it. */
  readonly onMissing?: () => void
  /** It has come again as it was; a collection also where it was refused, or has not come in time. */
  readonly onUnchanged?: () => void
  /** In main, once for all users: a new version, or its removal, is in force in all workers. */
  readonly onApplied?: () => void
  /** In main, once for all users: it was refused, or has not come in time. */
  readonly onFailed?: () => void
}

export interface Collection {
  readonly resources: readonly object[]
  /** Names that the management server has just said something of: that they stand for a resource, or for none. */
  readonly told: readonly string[]
}

/**
 * Builds what a new version says, and tells what is wrong with it; what is returned puts it into force, and is called only
 * where nobody found anything wrong. What takes long is done in steps. Undefined: the resource is gone.
 */
export type PrepareUpdate = (view: object | undefined, errors: ConfigErrors) => TakeOver | Steps<TakeOver>
export type TakeOver = () => void

/** What of the server a watch needs. */
export interface WatchContext {
  readonly resources: WatchedResources
  readonly initManager: InitManager
  readonly lifetime: Lifetime
  readonly errors: ConfigErrors
}

/** One resource and who uses it in this process. */
export class WatchedResource {
  readonly key: string
  readonly reference: ResourceReference
  /** What each watches with. */
  readonly users = new Map<PrepareUpdate, ResourceReference>()
  /** While connections of the last user's leave: updates are for them, and nobody else wants the resource. */
  leaving: { readonly user: PrepareUpdate; readonly timer: NodeJS.Timeout } | undefined = undefined
  /** As last accepted. */
  view: object | undefined = undefined
  /** By more than requests that may come. */
  isNeeded: boolean
  /** It has come, or is waited for no more. */
  isSettled = false
  readonly onSettled: (() => void)[] = []
  /** Requests that wait until something is told of a name. */
  readonly waiting = new Map<string, Set<() => void>>()

  constructor(key: string, reference: ResourceReference) {
    this.key = key
    this.reference = reference
    this.isNeeded = reference.onDemand !== true
  }
}

/** Who brings what is wanted. */
export interface ResourceDemand {
  /** What is wrong with where it should come from goes to `errors`. */
  onWanted(resource: WatchedResource, errors: ConfigErrors): void
  onUnwanted(resource: WatchedResource): void
  /** A request needs it, or of a collection this one. */
  onRequested(resource: WatchedResource, name: string): void
}

/** Main subscribes to what is wanted, checks what comes, and tells the workers, who want the same. */
export class WatchedResources {
  readonly #wanted = new Map<string, WatchedResource>()
  /** What has come and is not wanted (yet), in a worker: main tells of a resource before it tells who uses it. */
  readonly #views = new Map<string, object>()
  readonly #demand: ResourceDemand | undefined

  /** In a worker `demand` is what main has to be told of. */
  constructor(demand?: ResourceDemand) {
    this.#demand = demand
  }

  /** Has `prepare` called with the resource as it stands and with every new version, until the context's lifetime ends. */
  watch(
    reference: ResourceReference,
    prepare: PrepareUpdate,
    { initManager, lifetime, errors }: WatchContext,
  ): WatchedResource {
    const key = resourceKey(reference)
    let resource = this.#wanted.get(key)
    if (resource === undefined) {
      resource = new WatchedResource(key, reference)
      resource.view = this.#views.get(key)
      this.#wanted.set(key, resource)
      this.#demand?.onWanted(resource, errors)
    } else if (!resource.isNeeded && reference.onDemand !== true) this.#demand?.onRequested(resource, reference.name)
    const { users, view } = resource
    this.#stopLeaving(resource)
    users.set(prepare, reference)
    if (view !== undefined) finish(inSteps(prepare(view, errors)))()
    else if (!resource.isSettled && reference.onDemand !== true) {
      const ready = initManager.add(reference.initTarget)
      resource.onSettled.push(ready)
      // Nobody waits for the sake of what is gone.
      lifetime.onEnd(ready)
    }
    lifetime.onEnd((graceMs) => {
      users.delete(prepare)
      if (users.size > 0 || this.#wanted.get(key) !== resource) return
      this.#stopLeaving(resource)
      if (graceMs === 0) this.#drop(resource)
      else resource.leaving = { user: prepare, timer: setTimeout(() => this.#drop(resource), graceMs).unref() }
    })
    return resource
  }

  /**
   * For a request: asks for the resource, or of a collection for this one. `done` is called when something has been told of
   * it. What is returned gives the wait up.
   */
  request(resource: WatchedResource, name: string, done: () => void): () => void {
    const { waiting } = resource
    const group = waiting.get(name) ?? new Set()
    if (group.size === 0) {
      waiting.set(name, group)
      this.#demand?.onRequested(resource, name)
    }
    group.add(done)
    return () => {
      group.delete(done)
      if (group.size === 0 && waiting.get(name) === group) waiting.delete(name)
    }
  }

  /** In main: a worker has such a request. */
  onRequested(key: string, name: string): void {
    const resource = this.#wanted.get(key)
    if (resource !== undefined) this.#demand?.onRequested(resource, name)
  }

  #drop(resource: WatchedResource): void {
    this.#wanted.delete(resource.key)
    this.#demand?.onUnwanted(resource)
    this.settle(resource)
    wake(resource, [...resource.waiting.keys()])
  }

  #stopLeaving(resource: WatchedResource): void {
    clearTimeout(resource.leaving?.timer)
    resource.leaving = undefined
  }

  wanted(): Iterable<WatchedResource> {
    return this.#wanted.values()
  }

  /**
   * Tries a new version on all who use the resource. Undefined, and errors, where one of them finds something wrong; nothing
   * has changed then. Otherwise what puts it into force everywhere at once.
   */
  prepare(resource: WatchedResource, view: object | undefined, errors: ConfigErrors): TakeOver | undefined {
    return finish(this.#prepareInSteps(resource, view, errors))
  }

  *#prepareInSteps(
    resource: WatchedResource,
    view: object | undefined,
    errors: ConfigErrors,
  ): Steps<TakeOver | undefined> {
    const before = errors.errors.length
    const { users, leaving } = resource
    const all = leaving === undefined ? [...users.keys()] : [leaving.user]
    const updates: TakeOver[] = []
    for (const prepare of all) updates.push(yield* inSteps(prepare(view, errors)))
    if (errors.errors.length > before) return undefined
    return () => {
      resource.view = view
      for (const update of updates) update()
      // Who is told that there is none goes on waiting for one, as in Envoy.
      if (view !== undefined) this.settle(resource)
    }
  }

  /** Nobody waits for the resource any more. */
  settle(resource: WatchedResource): void {
    resource.isSettled = true
    for (const ready of resource.onSettled.splice(0)) ready()
  }

  /** In a worker: what main has accepted; undefined where it is gone. */
  *setInSteps(key: string, view: object | undefined): Steps<void> {
    if (view === undefined) this.#views.delete(key)
    else this.#views.set(key, view)
    const resource = this.#wanted.get(key)
    if (resource === undefined) return
    const errors = new ConfigErrors()
    const commit = yield* this.#prepareInSteps(resource, view, errors)
    if (commit === undefined)
      throw new Error(`main accepted what this worker cannot build: ${errors.issues[0].message}`)
    commit()
    const { reference, waiting } = resource
    wake(
      resource,
      reference.collects === undefined ? [...waiting.keys()] : ((view as Collection | undefined)?.told ?? []),
    )
  }

  /** In a worker: nobody uses it any more. */
  forget(key: string): void {
    this.#views.delete(key)
  }
}

/** Lets the requests go on that wait for these names. */
function wake({ waiting }: WatchedResource, names: readonly string[]): void {
  for (const name of names) {
    const group = waiting.get(name)
    waiting.delete(name)
    for (const done of [...(group ?? [])]) done()
  }
}

function* inSteps<T extends TakeOver>(prepared: T | Steps<T>): Steps<T> {
  return typeof prepared === 'function' ? prepared : yield* prepared
}

function resourceKey({ typeUrl, name, source, usedAs = '' }: ResourceReference): string {
  return `${typeUrl} ${name} ${usedAs} ${fingerprint(source)}`
}
