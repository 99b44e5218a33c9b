// What discovery services bring, in main: all clusters (CDS), all listeners (LDS), and what those name one by one.

import type { envoy } from '../../proto/generated/api.d.ts'
import { wallMs } from '../common/clock.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import type { WatchedResources } from '../config/watched_resources.ts'
import type { Scope } from '../stats/store.ts'
import { type ResourceSet, ResourceSetApi } from '../xds/resource_set_api.ts'
import { ResourceSubscriptions } from '../xds/resource_subscriptions.ts'
import type { DiscoveredResource, Subscription, SubscriptionFactory } from '../xds/subscription.ts'
import type { ClusterLifecycle } from './cluster_lifecycle.ts'
import type { ConfigPush } from './config_push.ts'
import type { ListenerLifecycle } from './listener_lifecycle.ts'

type ConfigSource = envoy.config.core.v3.ConfigSource
type ClusterView = envoy.config.cluster.v3.Cluster
type ListenerView = envoy.config.listener.v3.Listener

const clusterType = 'envoy.config.cluster.v3.Cluster'
const listenerType = 'envoy.config.listener.v3.Listener'

export interface DiscoveryParts {
  readonly factory: SubscriptionFactory
  readonly clusters: ClusterLifecycle
  readonly listeners: ListenerLifecycle
  readonly resources: () => WatchedResources
  readonly push: ConfigPush
  readonly scope: Scope
}

/** A resource that was refused and why, as `/config_dump` shows it. */
export interface RefusedResource {
  readonly resource: DiscoveredResource
  readonly message: string
  readonly atMs: number
}

/** CDS or LDS. */
interface SetDiscovery {
  readonly api: ResourceSetApi
  readonly subscription: Subscription
}

export class Discovery {
  readonly resources: ResourceSubscriptions
  readonly refusedClusters = new Map<string, RefusedResource>()
  readonly refusedListeners = new Map<string, RefusedResource>()
  readonly #cds: SetDiscovery | undefined
  readonly #lds: SetDiscovery | undefined

  constructor(bootstrap: Bootstrap, parts: DiscoveryParts, errors: ConfigErrors) {
    const { factory, push, scope, clusters, listeners } = parts
    this.resources = new ResourceSubscriptions({
      factory,
      resources: parts.resources,
      tellWorkers: (key, view) => push.push({ kind: 'resource', key, view }),
      forget: (key) => void push.push({ kind: 'unusedResource', key }),
    })
    const { cdsConfig, ldsConfig } = bootstrap.dynamicResources ?? {}
    const create = (
      source: ConfigSource | undefined,
      typeUrl: string,
      set: ResourceSet,
      kind: string,
      own: Scope,
    ): SetDiscovery | undefined => {
      if (source === undefined) return undefined
      const api = new ResourceSetApi(set, kind)
      const subscription = factory.create(source, typeUrl, api, own, source, errors)
      return subscription === undefined ? undefined : { api, subscription }
    }
    const clusterSet = setOf<ClusterView>(clusters, push, this.refusedClusters)
    const listenerSet = setOf<ListenerView>(listeners, push, this.refusedListeners)
    this.#cds = create(cdsConfig, clusterType, clusterSet, 'cluster', scope.createScope('cluster_manager.cds'))
    this.#lds = create(ldsConfig, listenerType, listenerSet, 'listener', scope.createScope('listener_manager.lds'))
  }

  get clusterVersion(): string {
    return this.#cds?.api.versionInfo ?? ''
  }

  get listenerVersion(): string {
    return this.#lds?.api.versionInfo ?? ''
  }

  /** Resolves with the first clusters, or when they are waited for no longer. */
  startClusters(): Promise<void> {
    return start(this.#cds)
  }

  startListeners(): Promise<void> {
    return start(this.#lds)
  }

  stop(): void {
    this.#cds?.subscription.stop()
    this.#lds?.subscription.stop()
    this.resources.stop()
  }
}

async function start(discovery: SetDiscovery | undefined): Promise<void> {
  discovery?.subscription.start('*')
  await discovery?.api.initialized
}

function setOf<View>(
  lifecycle: {
    addOrUpdate(view: View, origin: { isStatic: boolean; version: string }, errors: ConfigErrors): boolean
    remove(name: string): boolean
    views(isStatic: boolean): ReadonlyMap<string, View>
  },
  push: ConfigPush,
  refused: Map<string, RefusedResource>,
): ResourceSet {
  return {
    addOrUpdate: (view, version, errors) => lifecycle.addOrUpdate(view as View, { isStatic: false, version }, errors),
    remove(name) {
      refused.delete(name)
      lifecycle.remove(name)
    },
    names: () => lifecycle.views(false).keys(),
    applied: () => push.applied(),
    onRefused(resource, message) {
      if (message === undefined) refused.delete(resource.name)
      else refused.set(resource.name, { resource, message, atMs: wallMs() })
    },
  }
}
