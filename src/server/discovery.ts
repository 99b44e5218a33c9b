// What discovery services bring, in main: the runtime (RTDS), all clusters (CDS), all listeners (LDS), and what those name
// one by one.

import type { envoy } from '../../proto/generated/api.d.ts'
import { monotonicMs } from '../common/clock.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { noSource } from '../config/no_source.ts'
import type { ResourceDemand } from '../config/watched_resources.ts'
import { isNodeContextParam } from '../xds/node_context_params.ts'
import { ReloadStats } from '../xds/reload_stats.ts'
import { type ResourceSet, ResourceSetApi } from '../xds/resource_set_api.ts'
import type { ResourceSubscriptionsParts } from '../xds/resource_state.ts'
import { ResourceSubscriptions } from '../xds/resource_subscriptions.ts'
import { clusterType, listenerType } from '../xds/resource_types.ts'
import type { Subscription } from '../xds/subscription.ts'
import { type XdsContext, XdsManager } from '../xds/xds_manager.ts'
import { type OnRuntimeLayer, RuntimeDiscovery } from './runtime_discovery.ts'
import type { Wait } from './waits.ts'

type RuntimeLayerView = envoy.config.bootstrap.v3.RuntimeLayer

export interface DiscoveryParts extends ResourceSubscriptionsParts {
  readonly clusters: ResourceSet
  readonly listeners: ResourceSet
  readonly onRuntimeLayer: OnRuntimeLayer
}

/** CDS or LDS. */
interface SetDiscovery {
  readonly api: ResourceSetApi
  readonly subscription: Subscription
  /** Monotonic clock, while the start waits for the first answer. */
  waitingSinceMs: number | undefined
}

/** Where the bootstrap says where all of a kind come from, and which. */
interface SetService {
  readonly kind: 'cluster' | 'listener'
  readonly typeUrl: string
  readonly scopeName: string
  readonly sourceField: 'cdsConfig' | 'ldsConfig'
  readonly locatorField: 'cdsResourcesLocator' | 'ldsResourcesLocator'
}

const clusterService: SetService = {
  kind: 'cluster',
  typeUrl: clusterType,
  scopeName: 'cluster_manager.cds',
  sourceField: 'cdsConfig',
  locatorField: 'cdsResourcesLocator',
}

const listenerService: SetService = {
  kind: 'listener',
  typeUrl: listenerType,
  scopeName: 'listener_manager.lds',
  sourceField: 'ldsConfig',
  locatorField: 'ldsResourcesLocator',
}

export class Discovery {
  readonly #parts: DiscoveryParts
  readonly #resources: ResourceSubscriptions
  #manager: XdsManager | undefined = undefined
  #runtime: RuntimeDiscovery | undefined = undefined
  /** Monotonic clock, while the start waits for it. */
  #runtimeSinceMs: number | undefined = undefined
  #cds: SetDiscovery | undefined = undefined
  #lds: SetDiscovery | undefined = undefined

  constructor(parts: DiscoveryParts) {
    this.#parts = parts
    this.#resources = new ResourceSubscriptions(parts)
  }

  /** What clusters and listeners name, from the moment on when they are built. */
  get demand(): ResourceDemand {
    return this.#resources
  }

  get clusterVersion(): string {
    return this.#cds?.api.versionInfo ?? ''
  }

  get listenerVersion(): string {
    return this.#lds?.api.versionInfo ?? ''
  }

  resources(): ReturnType<ResourceSubscriptions['states']> {
    return this.#resources.states()
  }

  /** When the clusters are there that management servers are asked over. What is wrong with the sources goes to `errors`. */
  connect(bootstrap: Bootstrap, context: XdsContext, errors: ConfigErrors): void {
    const { dynamicResources, layeredRuntime } = bootstrap
    checkNodeContextParams(bootstrap, errors)
    const { configSources, defaultConfigSource } = bootstrap
    const sources = { adsConfig: dynamicResources?.adsConfig, configSources, defaultConfigSource }
    const manager = new XdsManager(sources, context, errors)
    this.#manager = manager
    const create = (service: SetService, set: ResourceSet): SetDiscovery | undefined => {
      const { kind, typeUrl, scopeName, sourceField, locatorField } = service
      if (dynamicResources === undefined) return undefined
      const locator = dynamicResources[locatorField]
      const source = dynamicResources[sourceField] ?? (locator === '' ? undefined : noSource)
      if (source === undefined) return undefined
      const scope = context.scope.createScope(scopeName)
      const api = new ResourceSetApi(set, kind, kind === 'cluster' ? new ReloadStats(scope) : undefined)
      const collection = locator === '' ? undefined : { locator, at: dynamicResources, field: locatorField }
      const subscription = manager.create(source, typeUrl, api, scope, source, errors, collection)
      return subscription === undefined ? undefined : { api, subscription, waitingSinceMs: undefined }
    }
    const { clusters, listeners, onRuntimeLayer } = this.#parts
    this.#runtime = new RuntimeDiscovery(manager, context.scope.createScope('runtime'), onRuntimeLayer)
    this.#runtime.follow(layeredRuntime?.layers ?? [], errors)
    this.#cds = create(clusterService, clusters)
    this.#lds = create(listenerService, listeners)
    this.#resources.connect(manager, errors)
  }

  /** The clusters of management servers have hosts. Resolves when the runtime has come, which all else may depend on. */
  async start(): Promise<void> {
    this.#manager?.start()
    this.#runtimeSinceMs = monotonicMs()
    await this.#runtime?.start()
    this.#runtimeSinceMs = undefined
    this.#resources.start()
  }

  /** Holds back what is said of clusters on the aggregated stream until the returned function is called. */
  pauseClusters(): () => void {
    return this.#manager?.pause(clusterType) ?? (() => {})
  }

  /** Of a reload: other layers. */
  followRuntime(views: readonly RuntimeLayerView[], errors: ConfigErrors): void {
    this.#runtime?.follow(views, errors)
  }

  /** Resolves with the first clusters, or when they are waited for no longer. */
  startClusters(): Promise<void> {
    return start(this.#cds)
  }

  startListeners(): Promise<void> {
    return start(this.#lds)
  }

  /** What of it the start waits for. */
  *waits(): Iterable<Wait> {
    const runtime = this.#runtimeSinceMs
    if (runtime !== undefined) yield { what: 'the runtime from discovery (RTDS)', sinceMs: runtime }
    const clusters = this.#cds?.waitingSinceMs
    if (clusters !== undefined) yield { what: 'the first clusters from discovery (CDS)', sinceMs: clusters }
    const listeners = this.#lds?.waitingSinceMs
    if (listeners !== undefined) yield { what: 'the first listeners from discovery (LDS)', sinceMs: listeners }
  }

  stop(): void {
    this.#runtime?.stop()
    this.#cds?.subscription.stop()
    this.#lds?.subscription.stop()
    this.#resources.stop()
    this.#manager?.stop()
  }
}

async function start(discovery: SetDiscovery | undefined): Promise<void> {
  if (discovery === undefined) return
  discovery.waitingSinceMs = monotonicMs()
  discovery.subscription.start('*')
  await discovery.api.initialized
  discovery.waitingSinceMs = undefined
}

function checkNodeContextParams(bootstrap: Bootstrap, errors: ConfigErrors): void {
  for (const [index, field] of bootstrap.nodeContextParams.entries()) {
    if (isNodeContextParam(field)) continue
    errors.warn(bootstrap, 'nodeContextParams', `'${field}' is accepted but has no effect`, { index })
  }
}
