// CDS and LDS: all clusters or all listeners that a management server has, each taken by itself, the bad ones refused.

import { setImmediate } from 'node:timers/promises'
import type { ConfigErrors } from '../config/errors.ts'
import { describeErrors } from './read_resource.ts'
import type { ReloadStats } from './reload_stats.ts'
import type {
  ConfigUpdate,
  DiscoveredResource,
  ResourceError,
  SubscriptionCallbacks,
  UpdateFailureReason,
} from './subscription.ts'

/** What takes the resources. */
export interface ResourceSet {
  /** An update begins: what was refused of the one before is of no interest any more. */
  beginUpdate(): void
  /** False where nothing changes, as where the resource has errors. */
  addOrUpdate(view: object, version: string, errors: ConfigErrors): boolean
  /** False where there is none. */
  remove(name: string): boolean
  /** Those that came this way. */
  names(): Iterable<string>
  /** Resolves when all workers have what has been taken so far. */
  applied(): Promise<void>
  onRefused(resource: DiscoveredResource, message: string): void
}

/** Resources that are taken before others have a turn: building a cluster takes some tenths of a millisecond. */
const resourcesAtOnce = 32

export class ResourceSetApi implements SubscriptionCallbacks {
  /** Resolves with the first update, or when none is waited for any longer. */
  readonly initialized: Promise<void>
  /** Of the last update that has changed something. */
  versionInfo = ''
  readonly #set: ResourceSet
  /** `cluster` or `listener`. */
  readonly #kind: string
  readonly #reloads: ReloadStats | undefined
  #hasChanges = false
  #onInitialized!: () => void

  constructor(set: ResourceSet, kind: string, reloads?: ReloadStats) {
    this.#set = set
    this.#kind = kind
    this.#reloads = reloads
    this.initialized = new Promise((resolve) => {
      this.#onInitialized = resolve
    })
  }

  async onConfigUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]> {
    this.#set.beginUpdate()
    this.#hasChanges = false
    for (const name of this.#removedBy(update)) {
      if (this.#set.remove(name)) this.versionInfo = update.versionInfo
    }
    const refused: ResourceError[] = []
    const seen = new Set<string>()
    for (const [index, resource] of update.added.entries()) {
      if (index % resourcesAtOnce === resourcesAtOnce - 1) await setImmediate()
      const message = seen.has(resource.name)
        ? `duplicate ${this.#kind} ${resource.name} found`
        : this.#take(resource, update)
      seen.add(resource.name)
      if (message === undefined) continue
      this.#set.onRefused(resource, message)
      refused.push({ name: resource.name, message })
    }
    await this.#set.applied()
    if (refused.length === 0 && this.#hasChanges) this.#reloads?.onReload()
    this.#onInitialized()
    return refused
  }

  onConfigUpdateFailed(reason: UpdateFailureReason, _message: string): void {
    // A stream that fails is tried again: the start waits on.
    if (reason !== 'connectionFailure') this.#onInitialized()
  }

  #removedBy(update: ConfigUpdate): string[] {
    if (!update.stateOfTheWorld) return [...update.removed]
    const present = new Set(update.added.map(({ name }) => name))
    return [...this.#set.names()].filter((name) => !present.has(name))
  }

  /** What is wrong with it. */
  #take({ view, version, errors }: DiscoveredResource, { versionInfo }: ConfigUpdate): string | undefined {
    if (!errors.hasErrors && this.#set.addOrUpdate(view, version, errors)) {
      this.versionInfo = versionInfo
      this.#hasChanges = true
    }
    return describeErrors(errors)
  }
}
