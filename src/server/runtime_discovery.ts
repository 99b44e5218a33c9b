// Runtime discovery (RTDS): the layers of the runtime that management servers bring, asked for before everything else.

import type { envoy, JsonObject } from '../../proto/generated/api.d.ts'
import { fingerprint } from '../common/fingerprint.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Scope } from '../stats/store.ts'
import { describeErrors } from '../xds/read_resource.ts'
import { runtimeType } from '../xds/resource_types.ts'
import type {
  ConfigUpdate,
  ResourceError,
  Subscription,
  SubscriptionCallbacks,
  SubscriptionFactory,
  UpdateFailureReason,
} from '../xds/subscription.ts'

type RuntimeLayerView = envoy.config.bootstrap.v3.RuntimeLayer
type Runtime = envoy.service.runtime.v3.Runtime

/** Takes what has come for the layer of that name; resolves when all workers have it. */
export type OnRuntimeLayer = (layerName: string, layer: JsonObject) => Promise<void>

export class RuntimeDiscovery {
  readonly #factory: SubscriptionFactory
  readonly #scope: Scope
  readonly #onLayer: OnRuntimeLayer
  /** By what the bootstrap says of them. */
  readonly #layers = new Map<string, DiscoveredLayer>()
  #isStarted = false

  /** `scope` is `runtime.` */
  constructor(factory: SubscriptionFactory, scope: Scope, onLayer: OnRuntimeLayer) {
    this.#factory = factory
    this.#scope = scope
    this.#onLayer = onLayer
  }

  /** Follows these layers from now on, and no others. What is wrong with their sources goes to `errors`. */
  follow(views: readonly RuntimeLayerView[], errors: ConfigErrors): void {
    const wanted = new Map(views.filter(({ rtdsLayer }) => rtdsLayer !== undefined).map((v) => [fingerprint(v), v]))
    for (const [key, layer] of this.#layers) {
      if (wanted.has(key)) continue
      layer.subscription?.stop()
      this.#layers.delete(key)
    }
    for (const [key, view] of wanted) {
      if (!this.#layers.has(key)) this.#layers.set(key, this.#subscribe(view, errors))
    }
  }

  #subscribe(view: RuntimeLayerView, errors: ConfigErrors): DiscoveredLayer {
    const rtds = view.rtdsLayer!
    const source = rtds.rtdsConfig
    const layer = new DiscoveredLayer(rtds.name, (values) => this.#onLayer(view.name, values))
    if (source === undefined)
      errors.add(rtds, undefined, 'Missing config source specifier in envoy::config::core::v3::ConfigSource')
    else layer.subscription = this.#factory.create(source, runtimeType, layer, this.#scope, source, errors)
    if (this.#isStarted) layer.start()
    return layer
  }

  /** Resolves when all layers have come, or are waited for no more. */
  async start(): Promise<void> {
    this.#isStarted = true
    for (const layer of this.#layers.values()) layer.start()
    await Promise.all([...this.#layers.values()].map((layer) => layer.initialized.promise))
  }

  stop(): void {
    for (const { subscription } of this.#layers.values()) subscription?.stop()
    this.#layers.clear()
  }
}

class DiscoveredLayer implements SubscriptionCallbacks {
  subscription: Subscription | undefined = undefined
  readonly initialized = Promise.withResolvers<void>()
  readonly #resourceName: string
  readonly #onLayer: (layer: JsonObject) => Promise<void>

  constructor(resourceName: string, onLayer: (layer: JsonObject) => Promise<void>) {
    this.#resourceName = resourceName
    this.#onLayer = onLayer
  }

  start(): void {
    if (this.subscription === undefined) this.initialized.resolve()
    else this.subscription.start(new Set([this.#resourceName]))
  }

  async onConfigUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]> {
    const message = await this.#apply(update)
    this.initialized.resolve()
    return message === undefined ? [] : [{ name: this.#resourceName, message }]
  }

  /** What is wrong with it. A layer that is withdrawn has no values; one that is just not in an answer keeps its own. */
  async #apply({ added, removed }: ConfigUpdate): Promise<string | undefined> {
    const count = added.length + removed.length
    if (count > 1) {
      const numbers = `number of added resources ${added.length}, number of removed resources ${removed.length}`
      return `Unexpected RTDS resource length, ${numbers}`
    }
    const [name] = [...added.map((each) => each.name), ...removed]
    if (name === undefined) return undefined
    if (name !== this.#resourceName) return `Unexpected RTDS runtime (expecting ${this.#resourceName}): ${name}`
    const [found] = added
    const message = found === undefined ? undefined : describeErrors(found.errors)
    if (message !== undefined) return message
    await this.#onLayer((found?.view as Runtime | undefined)?.layer ?? {})
    return undefined
  }

  onConfigUpdateFailed(reason: UpdateFailureReason, _message: string): void {
    // A stream that fails is tried again: the start waits on.
    if (reason !== 'connectionFailure') this.initialized.resolve()
  }
}
