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
  /** Bare message name. */
  readonly typeUrl: string
  readonly name: string
  /** Where updates of it are counted, such as `http.ingress.rds.local.`. */
  readonly scope: Scope
  /** As `/init_dump` shows what is waited for. */
  readonly initTarget: string
  /** Only main uses it: hosts are told to workers in another way. */
  readonly mainOnly?: boolean
  /** The management server has answered without it. */
  readonly onMissing?: () => void
}

/**
 * Builds what a new version says, and tells what is wrong with it; what is returned puts it into force, and is called only
 * where nobody found anything wrong. What takes long is done in steps. Undefined: the resource is gone.
 */
export type PrepareUpdate = (view: object | undefined, errors: ConfigErrors) => TakeOver | Steps<TakeOver>
type TakeOver = () => void

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
  readonly users = new Set<PrepareUpdate>()
  /** As last accepted. */
  view: object | undefined = undefined
  /** It has come, or is waited for no more. */
  isSettled = false
  readonly onSettled: (() => void)[] = []

  constructor(key: string, reference: ResourceReference) {
    this.key = key
    this.reference = reference
  }
}

/** Who brings what is wanted. */
export interface ResourceDemand {
  /** What is wrong with where it should come from goes to `errors`. */
  onWanted(resource: WatchedResource, errors: ConfigErrors): void
  onUnwanted(resource: WatchedResource): void
}

/** Main subscribes to what is wanted, checks what comes, and tells the workers, who want the same. */
export class WatchedResources {
  readonly #wanted = new Map<string, WatchedResource>()
  /** What has come and is not wanted (yet), in a worker: main tells of a resource before it tells who uses it. */
  readonly #views = new Map<string, object>()
  readonly #demand: ResourceDemand | undefined

  /** `demand` is main's. */
  constructor(demand?: ResourceDemand) {
    this.#demand = demand
  }

  /** Has `prepare` called with the resource as it stands and with every new version, until the context's lifetime ends. */
  watch(reference: ResourceReference, prepare: PrepareUpdate, { initManager, lifetime, errors }: WatchContext): void {
    const key = resourceKey(reference)
    let resource = this.#wanted.get(key)
    if (resource === undefined) {
      resource = new WatchedResource(key, reference)
      resource.view = this.#views.get(key)
      this.#wanted.set(key, resource)
      this.#demand?.onWanted(resource, errors)
    }
    const { users, view } = resource
    users.add(prepare)
    if (view !== undefined) finish(inSteps(prepare(view, errors)))()
    else if (!resource.isSettled) resource.onSettled.push(initManager.add(reference.initTarget))
    lifetime.onEnd(() => {
      users.delete(prepare)
      if (users.size > 0 || this.#wanted.get(key) !== resource) return
      this.#wanted.delete(key)
      this.#demand?.onUnwanted(resource)
    })
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
    const updates: TakeOver[] = []
    for (const prepare of [...resource.users]) updates.push(yield* inSteps(prepare(view, errors)))
    if (errors.errors.length > before) return undefined
    return () => {
      resource.view = view
      for (const update of updates) update()
      this.settle(resource)
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
  }

  /** In a worker: nobody uses it any more. */
  forget(key: string): void {
    this.#views.delete(key)
  }
}

function* inSteps<T extends TakeOver>(prepared: T | Steps<T>): Steps<T> {
  return typeof prepared === 'function' ? prepared : yield* prepared
}

function resourceKey({ typeUrl, name, source }: ResourceReference): string {
  return `${typeUrl} ${name} ${fingerprint(source)}`
}
