// A subscription over a mux: its statistics, and how long the start waits for its first answer.

import { monotonicMs } from '../common/clock.ts'
import { getLogger } from '../common/log.ts'
import type { GrpcMux, Watch, WatchCallbacks } from './grpc_mux.ts'
import { InitialFetch } from './initial_fetch.ts'
import { type ResourceType, typeUrlOf } from './resource_types.ts'
import type { ConfigUpdate, ResourceError, Subscription, SubscriptionCallbacks } from './subscription.ts'
import type { UpdateStats } from './update_stats.ts'

const log = getLogger('config')

export interface GrpcSubscriptionParts {
  readonly mux: GrpcMux
  /** The mux is this subscription's alone, and begins and ends with it. */
  readonly ownsMux: boolean
  readonly type: ResourceType
  readonly callbacks: SubscriptionCallbacks
  readonly stats: UpdateStats
  readonly initialFetchTimeoutMs: number
  /** What `*` stands for, where that is not all there are. */
  readonly collection?: string | undefined
}

export class GrpcSubscription implements Subscription, WatchCallbacks {
  readonly #parts: GrpcSubscriptionParts
  readonly #typeUrl: string
  readonly #initialFetch: InitialFetch
  #watch: Watch | undefined
  #isStopped = false

  constructor(parts: GrpcSubscriptionParts) {
    this.#parts = parts
    this.#typeUrl = typeUrlOf(parts.type.name)
    this.#initialFetch = new InitialFetch(parts.initialFetchTimeoutMs, () => this.#onFetchTimeout())
  }

  start(names: ReadonlySet<string> | '*'): void {
    const { mux, ownsMux, type, stats, collection } = this.#parts
    const wanted = names === '*' && collection !== undefined ? new Set([collection]) : names
    this.#initialFetch.start()
    this.#watch = mux.addWatch(type, wanted, this)
    stats.updateAttempt.inc()
    if (ownsMux) mux.start()
  }

  updateNames(names: ReadonlySet<string>): void {
    this.#watch?.update(names)
    this.#parts.stats.updateAttempt.inc()
  }

  requestOnDemandUpdate(names: ReadonlySet<string>): void {
    this.#watch?.add(names)
    this.#parts.stats.updateAttempt.inc()
  }

  stop(): void {
    this.#isStopped = true
    this.#initialFetch.end()
    this.#watch?.remove()
    if (this.#parts.ownsMux) this.#parts.mux.stop()
  }

  async onUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]> {
    if (this.#isStopped) return []
    const { stats, callbacks, type } = this.#parts
    this.#initialFetch.end()
    const startedAtMs = monotonicMs()
    const wasReadable = update.added.every(({ errors }) => errors.errors.every((each) => each.isInExtension === true))
    const errors = await applyUpdate(callbacks, update)
    if (errors.length === 0) stats.onAccepted(update.versionInfo, monotonicMs() - startedAtMs)
    else {
      this.#countRejected(type.rejection(errors))
      // As Envoy: what could be read and not be applied, by the delta protocol, counts as asked for once more.
      if (wasReadable && !update.stateOfTheWorld) stats.updateAttempt.inc()
    }
    stats.updateAttempt.inc()
    return errors
  }

  onRejected(message: string): void {
    this.#initialFetch.end()
    this.#countRejected(message)
    this.#parts.stats.updateAttempt.inc()
    this.#parts.callbacks.onConfigUpdateFailed('updateRejected', message)
  }

  #countRejected(message: string): void {
    this.#parts.stats.updateRejected.inc()
    log.warn(`gRPC config for ${this.#typeUrl} rejected: ${message}`)
  }

  /** It tries again by itself; who waits goes on waiting. */
  onConnectionFailure(message: string): void {
    const { stats, callbacks } = this.#parts
    stats.updateFailure.inc()
    stats.updateAttempt.inc()
    log.debug(`gRPC update for ${this.#typeUrl} failed: ${message}`)
    callbacks.onConfigUpdateFailed('connectionFailure', message)
  }

  #onFetchTimeout(): void {
    const { stats, callbacks } = this.#parts
    stats.initFetchTimeout.inc()
    stats.updateAttempt.inc()
    log.warn(`gRPC config: initial fetch timed out for ${this.#typeUrl}`)
    callbacks.onConfigUpdateFailed('fetchTimedOut', `initial fetch timed out for ${this.#typeUrl}`)
  }
}

/** What is thrown counts as refused: an update must never end a subscription. */
export async function applyUpdate(
  callbacks: SubscriptionCallbacks,
  update: ConfigUpdate,
): Promise<readonly ResourceError[]> {
  try {
    return await callbacks.onConfigUpdate(update)
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log.error(`an update could not be applied: ${text}`)
    return [{ name: update.added[0]?.name ?? '', message: error instanceof Error ? error.message : String(error) }]
  }
}
