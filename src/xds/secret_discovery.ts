// Secrets that management servers give (SDS): a subscription for each that is wanted, and its secret to all processes.

import { ConfigErrors } from '../config/errors.ts'
import { tryOutSecret } from '../network/tls/secret_file.ts'
import type { SecretManager, SecretView, WantedSecret } from '../network/tls/secret_manager.ts'
import type { Scope } from '../stats/store.ts'
import { describeErrors } from './read_resource.ts'
import { secretType } from './resource_types.ts'
import type {
  ConfigUpdate,
  DiscoveredResource,
  ResourceError,
  Subscription,
  SubscriptionCallbacks,
  SubscriptionFactory,
} from './subscription.ts'

export interface SecretDiscoveryParts {
  readonly factory: SubscriptionFactory
  /** Main's own. */
  readonly secrets: SecretManager
  readonly scope: Scope
  /** What is wrong with sources. */
  readonly errors: ConfigErrors
  /** Tells the workers; resolves when they have it. */
  readonly publish: (key: string, secret: SecretView) => Promise<void>
  /** The secret is there, or will not come for now: nobody need wait for it any longer. */
  readonly onSettled?: (wanted: WantedSecret) => void
}

export class SecretDiscovery {
  readonly #parts: SecretDiscoveryParts
  readonly #subscriptions: Subscription[] = []

  constructor(parts: SecretDiscoveryParts) {
    this.#parts = parts
  }

  /** Asks for what is wanted, now and later. */
  start(): void {
    this.#parts.secrets.onWanted((wanted) => this.#subscribe(wanted))
  }

  stop(): void {
    this.#parts.secrets.onWanted(() => {})
    for (const subscription of this.#subscriptions.splice(0)) subscription.stop()
  }

  #subscribe(wanted: WantedSecret): void {
    const { factory, scope, errors } = this.#parts
    const { name, sdsConfig } = wanted.config
    if (sdsConfig === undefined) return
    const own = scope.createScope(`sds.${name}`)
    own.counter('key_rotation_failed')
    const receiver = new SecretReceiver(wanted, this.#parts)
    const subscription = factory.create(sdsConfig, secretType, receiver, own, wanted.config, errors)
    if (subscription === undefined) return
    this.#subscriptions.push(subscription)
    subscription.start(new Set([name]))
  }
}

/** One secret. */
class SecretReceiver implements SubscriptionCallbacks {
  readonly #wanted: WantedSecret
  readonly #parts: SecretDiscoveryParts
  #hash = ''

  constructor(wanted: WantedSecret, parts: SecretDiscoveryParts) {
    this.#wanted = wanted
    this.#parts = parts
  }

  /** A secret that is withdrawn stays in use: connections need one. */
  async onConfigUpdate({ added }: ConfigUpdate): Promise<readonly ResourceError[]> {
    if (added.length === 0) return []
    const [resource] = added
    const message = added.length > 1 ? `Unexpected SDS secrets length: ${added.length}` : this.#problem(resource)
    if (message === undefined && resource.hash !== this.#hash) {
      const secret = resource.view as SecretView
      this.#hash = resource.hash
      this.#parts.secrets.onSecret(this.#wanted.key, secret)
      await this.#parts.publish(this.#wanted.key, secret)
    }
    this.#parts.onSettled?.(this.#wanted)
    return message === undefined ? [] : [{ name: resource.name, message }]
  }

  #problem({ name, view, errors }: DiscoveredResource): string | undefined {
    const { kind, config } = this.#wanted
    if (name !== config.name) return `Unexpected SDS secret (expecting ${config.name}): ${name}`
    const read = describeErrors(errors)
    if (read !== undefined) return read
    const secret = view as SecretView
    if (secret.type !== kind) return `secret '${name}' is a ${secret.type ?? 'nothing'}; what is wanted is a ${kind}`
    const problems = new ConfigErrors(name)
    tryOutSecret(secret, problems)
    return describeErrors(problems)
  }

  onConfigUpdateFailed(reason: 'connectionFailure' | 'fetchTimedOut' | 'updateRejected'): void {
    if (reason !== 'connectionFailure') this.#parts.onSettled?.(this.#wanted)
  }
}
