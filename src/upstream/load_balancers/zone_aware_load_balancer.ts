// What ROUND_ROBIN, LEAST_REQUEST and RANDOM share: which priority and which hosts of it a pick is made from.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { Runtime } from '../../config/runtime.ts'
import type { ClusterInfo } from '../cluster_info.ts'
import type { ClusterStats } from '../cluster_stats.ts'
import type { Host } from '../host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../load_balancer.ts'
import type { PrioritySet } from '../priority_set.ts'
import type { ServerContext } from '../server_context.ts'
import type { CreateHostPicker, HostPicker } from './host_picker.ts'
import { HostSource } from './host_source.ts'
import { indexOfLoad, isInPanic, type PriorityLoads, priorityLoads, sum } from './priority_load.ts'
import { type ZoneRouting, type ZoneRoutingSettings, zoneRouting } from './zone_routing.ts'

type LocalityLbConfig = envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig

const defaultPanicPercent = 50
const defaultMinClusterSize = 6

export interface ZoneAwareSettings extends ZoneRoutingSettings {
  /** Percentage of available hosts below which a priority uses all of its hosts. */
  readonly panicThreshold: () => number
  /** In a panic no host is given. */
  readonly failTrafficOnPanic: boolean
  readonly localityWeighted: boolean
  /** The cluster of the proxy itself; undefined where `local_cluster_name` names none. */
  readonly ownCluster: () => PrioritySet | undefined
}

/** `config` is `locality_lb_config` of the policy. */
export function zoneAwareSettings(
  config: LocalityLbConfig | undefined,
  info: ClusterInfo,
  context: ServerContext,
): ZoneAwareSettings {
  const { runtime, clusterManager } = context
  const zone = config?.zoneAwareLbConfig
  return {
    panicThreshold: panicThreshold(info, runtime),
    failTrafficOnPanic: zone?.failTrafficOnPanic ?? false,
    localityWeighted: config?.localityWeightedLbConfig !== undefined,
    ownCluster: () => (clusterManager.localClusterName === info.name ? undefined : clusterManager.localPrioritySet()),
    routingEnabled: percent(runtime, 'upstream.zone_routing.enabled', Math.round(zone?.routingEnabled?.value ?? 100)),
    minClusterSize: minClusterSize(runtime, zone?.minClusterSize ?? defaultMinClusterSize),
    byWeight: zone?.localityBasis === 'HEALTHY_HOSTS_WEIGHT',
    forceLocalityDirectRouting: zone?.forceLocalityDirectRouting ?? false,
  }
}

/** Percentage of available hosts below which a priority panics. */
export function panicThreshold(info: ClusterInfo, runtime: Runtime): () => number {
  const configured = info.config.commonLbConfig?.healthyPanicThreshold?.value ?? defaultPanicPercent
  return percent(runtime, 'upstream.healthy_panic_threshold', Math.round(configured))
}

function percent(runtime: Runtime, key: string, byDefault: number): () => number {
  return () => Math.min(100, runtime.getInteger(key, byDefault))
}

function minClusterSize(runtime: Runtime, byDefault: number): () => number {
  return () => runtime.getInteger('upstream.zone_routing.min_cluster_size', byDefault)
}

export class ZoneAwareLoadBalancer implements LoadBalancer {
  readonly #settings: ZoneAwareSettings
  readonly #stats: ClusterStats
  readonly #createPicker: CreateHostPicker
  #prioritySet: PrioritySet | undefined = undefined
  #sources: readonly HostSource[] = []
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] }
  #zoneRouting: ZoneRouting | undefined = undefined
  #panicThreshold = 0
  /** Nearly all clusters: one list of hosts takes everything, and there is nothing to draw before the pick. */
  #only: HostPicker | undefined = undefined

  constructor(settings: ZoneAwareSettings, stats: ClusterStats, createPicker: CreateHostPicker) {
    this.#settings = settings
    this.#stats = stats
    this.#createPicker = createPicker
  }

  onHostsChanged(prioritySet: PrioritySet): void {
    const { localityWeighted } = this.#settings
    this.#prioritySet = prioritySet
    this.#sources = prioritySet.hostSets.map((set) => new HostSource(set, localityWeighted, this.#createPicker))
    this.#weigh()
    this.onLocalClusterChanged()
  }

  onLocalClusterChanged(): void {
    const own = this.#settings.ownCluster()
    const first = this.#sources[0]
    if (own === undefined || first === undefined || this.#settings.localityWeighted) return
    this.#zoneRouting = zoneRouting(first.set, own.hostSets[0], this.#settings, this.#stats)
    this.#weigh()
  }

  #weigh(): void {
    const sources = this.#sources
    this.#panicThreshold = this.#settings.panicThreshold()
    this.#loads = priorityLoads(this.#prioritySet?.hostSets ?? [], this.#panicThreshold)
    const { healthy, panic } = this.#loads
    const isPlain = healthy[0] === 100 && !panic[0] && !sources[0].isLocalityWeighted && this.#zoneRouting === undefined
    this.#only = isPlain ? sources[0].everywhere('healthyHosts') : undefined
  }

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    const loads = context?.priorityLoads ?? this.#retryLoads(context)
    const picker = loads === undefined ? (this.#only ?? this.#choosePicker(this.#loads)) : this.#choosePicker(loads)
    return picker?.pick()
  }

  #retryLoads(context: LoadBalancerContext | undefined): PriorityLoads | undefined {
    const hostSets = this.#prioritySet?.hostSets ?? []
    return context?.retryPriority?.determinePriorityLoad(hostSets, this.#loads, (host) => host.priority)
  }

  peekAnotherHost(): Host | undefined {
    return (this.#only ?? this.#choosePicker(this.#loads))?.peek()
  }

  #choosePicker({ healthy, degraded }: PriorityLoads): HostPicker | undefined {
    const { panic } = this.#loads
    const point = 1 + Math.floor(Math.random() * 100)
    let priority = indexOfLoad(healthy, point, 0)
    let state: 'healthyHosts' | 'degradedHosts' = 'healthyHosts'
    if (priority < 0) {
      state = 'degradedHosts'
      priority = Math.max(0, indexOfLoad(degraded, point, sum(healthy)))
    }
    const source = this.#sources[priority]
    if (panic[priority]) {
      this.#stats.lbHealthyPanic.inc()
      return this.#settings.failTrafficOnPanic ? undefined : source.all()
    }
    if (priority > 0 || this.#zoneRouting === undefined || !this.#routesByZone()) return source.available(state)
    return this.#inZone(source, state, this.#zoneRouting)
  }

  #routesByZone(): boolean {
    const percent = this.#settings.routingEnabled()
    return percent >= 100 || Math.random() * 100 < percent
  }

  #inZone(source: HostSource, state: 'healthyHosts' | 'degradedHosts', routing: ZoneRouting): HostPicker | undefined {
    const own = this.#settings.ownCluster()?.hostSets[0]
    if (own === undefined || isInPanic(own, this.#panicThreshold)) {
      this.#stats.lbLocalClusterNotOk.inc()
      return this.#settings.failTrafficOnPanic ? undefined : source.available(state)
    }
    return source.inLocality(state, routing.chooseLocality())
  }
}
