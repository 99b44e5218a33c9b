// Resources in a file that is replaced when they change (`path_config_source`).

import { monotonicMs } from '../common/clock.ts'
import { fileIdentity } from '../common/file_identity.ts'
import { getLogger } from '../common/log.ts'
import { ConfigErrors, renderIssues } from '../config/errors.ts'
import { loadResourceFile, type ResourceDocument } from '../config/load.ts'
import type { WatchedFolders } from '../network/watched_folders.ts'
import { applyUpdate } from './grpc_subscription.ts'
import { readDocument } from './read_document.ts'
import type { ResourceType } from './resource_types.ts'
import { SerialTasks } from './serial_tasks.ts'
import type { DiscoveredResource, Subscription, SubscriptionCallbacks } from './subscription.ts'
import type { UpdateStats } from './update_stats.ts'

const log = getLogger('config')

export interface FilesystemSubscriptionParts {
  readonly path: string
  /** Its changes tell of a new file. */
  readonly folder: string
  readonly folders: WatchedFolders
  readonly type: ResourceType
  readonly callbacks: SubscriptionCallbacks
  readonly stats: UpdateStats
}

/** All resources of the file go to the receiver, whatever names it asks for, as in Envoy. */
export class FilesystemSubscription implements Subscription {
  readonly #parts: FilesystemSubscriptionParts
  readonly #reads = new SerialTasks()
  /** Which file it was that was read last. */
  #identity = ''
  #unwatch: (() => void) | undefined
  #isStopped = false

  constructor(parts: FilesystemSubscriptionParts) {
    this.#parts = parts
  }

  start(): void {
    const { folders, folder, path } = this.#parts
    this.#unwatch = folders.watch(folder, () => this.#onChange())
    this.#identity = fileIdentity(path)
    this.#reads.add(() => this.#refresh())
  }

  /** The file is not asked for anything; the statistics are as with other sources. */
  updateNames(): void {
    this.#parts.stats.updateAttempt.inc()
  }

  requestOnDemandUpdate(): void {}

  stop(): void {
    this.#isStopped = true
    this.#unwatch?.()
  }

  /** Something in the folder has changed: the file itself, or what a symbolic link leads to. */
  #onChange(): void {
    const identity = fileIdentity(this.#parts.path)
    if (identity === this.#identity) return
    this.#identity = identity
    this.#reads.add(() => this.#refresh())
  }

  async #refresh(): Promise<void> {
    if (this.#isStopped) return
    const { path, stats, callbacks, type } = this.#parts
    const startedAtMs = monotonicMs()
    stats.updateAttempt.inc()
    const issues = new ConfigErrors(path)
    const document = loadResourceFile(path, issues)
    if (document === undefined) {
      const problem = renderIssues(issues.errors)
      log.warn(`Filesystem config update failure: ${problem}`)
      stats.updateFailure.inc()
      callbacks.onConfigUpdateFailed('updateRejected', problem)
      return
    }
    const resources = this.#read(document, issues)
    if (resources === undefined) return
    const errors = await applyUpdate(callbacks, {
      versionInfo: document.versionInfo,
      controlPlane: '',
      added: resources,
      removed: [],
      stateOfTheWorld: true,
    })
    if (errors.length === 0) stats.onAccepted(document.versionInfo, monotonicMs() - startedAtMs)
    else this.#countRejected(type.rejection(errors))
  }

  #read(document: ResourceDocument, issues: ConfigErrors): DiscoveredResource[] | undefined {
    try {
      return readDocument(document, this.#parts.type, issues)
    } catch (error) {
      const { message } = error as Error
      this.#countRejected(message)
      this.#parts.callbacks.onConfigUpdateFailed('updateRejected', message)
      return undefined
    }
  }

  #countRejected(message: string): void {
    log.warn(`Filesystem config update rejected: ${this.#parts.path}: ${message}`)
    this.#parts.stats.updateRejected.inc()
  }
}
