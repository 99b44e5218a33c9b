// The contract between what brings resources of a discovery service (DS) and what applies them.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Scope } from '../stats/store.ts'
import type { CollectionLocator } from './collection_locator.ts'

export type ConfigSource = envoy.config.core.v3.ConfigSource

/** One resource as it came. Resources that cannot be read at all are refused before they get here. */
export interface DiscoveredResource {
  readonly name: string
  /** Other names that ask for it (`Resource.aliases`; virtual hosts have them). */
  readonly aliases: readonly string[]
  /** Its own in delta, the response's in the state of the world. */
  readonly version: string
  /** Bare message name. */
  readonly typeUrl: string
  /** The message as src/config reads it, with origins, so that errors name the path in it. */
  readonly view: object
  /** What reading it has found: unknown fields, bad values. The receiver adds its own. */
  readonly errors: ConfigErrors
  /** It is to be forgotten when it has not been renewed for so long. The subscription does that, by `removed`. */
  readonly ttlMs: number | undefined
  /** Of its content: equal hashes mean that nothing has changed. */
  readonly hash: string
}

/** One response of the management server, or one state of a file. */
export interface ConfigUpdate {
  readonly versionInfo: string
  /** The control plane's identifier; '' where it has none. */
  readonly controlPlane: string
  readonly added: readonly DiscoveredResource[]
  /** Names that the server has withdrawn (delta), or whose TTL is over (also of the state of the world). */
  readonly removed: readonly string[]
  /**
   * True: what is not in `added` does not exist any longer, where the type has that rule (clusters and listeners).
   * False: the rest stays as it is.
   */
  readonly stateOfTheWorld: boolean
}

/** What is wrong with one resource. */
export interface ResourceError {
  readonly name: string
  readonly message: string
}

/** Envoy's ConfigUpdateFailureReason. */
export type UpdateFailureReason = 'connectionFailure' | 'fetchTimedOut' | 'updateRejected'

export interface SubscriptionCallbacks {
  /**
   * Resolves when what is good of the update is in force in all workers, with what is not: nothing makes an ACK, else a
   * NACK with these texts. Called again only after it has resolved. MUST NOT wait for other resources (a cluster's
   * endpoints, a listener's routes): on one stream they come only after that.
   */
  onConfigUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]>
  /**
   * Nothing new is in force, and the subscription keeps trying. `fetchTimedOut` comes once, when `initial_fetch_timeout`
   * is over and nothing has come: whoever waits for the first update goes on without. So he does after
   * `updateRejected`: a whole response or file was of no use (errors that `onConfigUpdate` gave are not told again).
   * After `connectionFailure` he goes on waiting.
   */
  onConfigUpdateFailed(reason: UpdateFailureReason, message: string): void
}

/** One interest in resources of a type. */
export interface Subscription {
  /** `*`: all that there are, or all of the collection that the subscription was made for. MUST be called once. */
  start(names: ReadonlySet<string> | '*'): void
  /** The names that are wanted from now on; not for a subscription to all. */
  updateNames(names: ReadonlySet<string>): void
  /** Asks for more names, without that those asked for before are dropped (on-demand discovery). */
  requestOnDemandUpdate(names: ReadonlySet<string>): void
  stop(): void
}

export interface SubscriptionFactory {
  /**
   * Until the returned function is called no request for resources of the type leaves on the aggregated stream, ACKs
   * included. Envoy holds back clusters so while some that came before are warming.
   */
  pause(typeUrl: string): () => void
  /**
   * `typeUrl` is the bare message name of the resources, `scope` where the update statistics are (`cluster_manager.cds.`).
   * `subject` is the one resource that is asked for, or the collection. Undefined, with an error at `at`, where the source
   * cannot be used, or cannot bring the subject.
   */
  create(
    source: ConfigSource,
    typeUrl: string,
    callbacks: SubscriptionCallbacks,
    scope: Scope,
    at: object,
    errors: ConfigErrors,
    subject?: string | CollectionLocator,
  ): Subscription | undefined
}
