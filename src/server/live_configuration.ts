// Everything of main that changes with the configuration while the server runs: clusters, listeners, and what they name, from
// the bootstrap's file and from discovery services.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { AccessLogManager } from '../access_log/access_log_manager.ts'
import { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { WatchedResources } from '../config/watched_resources.ts'
import type { Scope } from '../stats/store.ts'
import { createDiscovery } from '../upstream/discovery/discovery.ts'
import { createOutlierEventLog } from '../upstream/outlier_detection/event_log.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { HdsDelegate } from '../xds/hds_delegate.ts'
import type { LoadStatsReporter } from '../xds/load_stats_reporter.ts'
import { nodeContextParams } from '../xds/node_context_params.ts'
import type { XdsContext } from '../xds/xds_manager.ts'
import type { ConfigChange } from './channel.ts'
import { ClusterLifecycle, clustersInOrder, type Origin } from './cluster_lifecycle.ts'
import { ConfigPush } from './config_push.ts'
import { DiscoveredSet } from './discovered_set.ts'
import { Discovery } from './discovery.ts'
import { hdsClusterParts } from './hds_cluster_base.ts'
import { createHdsDelegate } from './health_discovery.ts'
import type { PassedSockets } from './hot_restart/passed_sockets.ts'
import { Instance, type InstanceParts } from './instance.ts'
import { ListenerLifecycle, listenerKeys } from './listener_lifecycle.ts'
import type { ProcessLoad } from './load_numbers.ts'
import { createLoadReporter } from './load_reports.ts'
import { ClusterManagerStats, ListenerManagerStats } from './manager_stats.ts'
import type { Options } from './options.ts'
import { OutlierSlots } from './outlier_slots.ts'
import type { ReloadParts } from './reload.ts'
import type { OnRuntimeLayer } from './runtime_discovery.ts'
import type { WorkerPool } from './worker_pool.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type Listener = envoy.config.listener.v3.Listener

const fromBootstrap: Origin = { isStatic: true, version: '' }

export interface LiveConfigurationParts {
  readonly options: Options
  readonly bootstrap: Bootstrap
  readonly instance: Omit<InstanceParts, 'resources'>
  readonly workers: () => WorkerPool
  /** Of the process before. */
  readonly passedSockets: PassedSockets | undefined
  readonly node: XdsContext['node']
  readonly onRuntimeLayer: OnRuntimeLayer
  /** Of main's own files, for health check events. */
  readonly eventLogs: AccessLogManager
  /** Whether a cluster has ever had a connection for traffic, by what its stats are called. */
  readonly hasTraffic: (clusterName: string) => boolean
}

export class LiveConfiguration {
  readonly instance: Instance
  readonly clusters: ClusterLifecycle
  readonly listeners: ListenerLifecycle
  readonly discoveredClusters: DiscoveredSet<ClusterView>
  readonly discoveredListeners: DiscoveredSet<Listener>
  readonly discovery: Discovery
  readonly #loadReporter: LoadStatsReporter | undefined
  readonly #hdsDelegate: HdsDelegate | undefined
  readonly #push: ConfigPush
  readonly #parts: LiveConfigurationParts

  /** Takes the static clusters on; what is wrong has been found before. */
  constructor(parts: LiveConfigurationParts) {
    this.#parts = parts
    const { options, bootstrap, workers } = parts
    const { scope, errors } = parts.instance
    const push = new ConfigPush(workers)
    this.#push = push
    const resources = new WatchedResources({
      onWanted: (resource, found) => this.discovery.demand.onWanted(resource, found),
      onUnwanted: (resource) => this.discovery.demand.onUnwanted(resource),
      onRequested: (resource, name) => this.discovery.demand.onRequested(resource, name),
    })
    this.instance = new Instance(bootstrap, { ...parts.instance, resources })
    const { context } = this.instance
    const eventLogContext = Object.assign(Object.create(context) as ServerContext, {
      accessLogManager: parts.eventLogs,
    })
    this.clusters = new ClusterLifecycle({
      instance: this.instance,
      stats: new ClusterManagerStats(scope, options.concurrency),
      eventLogs: parts.eventLogs,
      hasTraffic: parts.hasTraffic,
      outlierSlots: new OutlierSlots(() => push.applied()),
      outlierEventLog: createOutlierEventLog(bootstrap.clusterManager?.outlierDetection, eventLogContext),
      push: (change) => push.push(change),
      pauseDiscovery: () => this.discovery.pauseClusters(),
      createDiscovery: ({ info }, context) =>
        createDiscovery(info.config, info.stats, context.errors, {
          scope,
          typedDnsResolverConfig: bootstrap.typedDnsResolverConfig,
          dnsResolutionConfig: bootstrap.dnsResolutionConfig,
          localClusterName: this.instance.clusterManager.localClusterName,
          countMatches: (hosts) => info.transportSockets.countMatches(hosts),
          watch: context,
          clusterScope: info.scope,
        }),
    })
    this.listeners = new ListenerLifecycle({
      instance: this.instance,
      stats: new ListenerManagerStats(scope),
      push: (change) => push.push(change),
      handOver: (socketsOf) => workers().handOver(socketsOf),
      workers: options.concurrency,
      passedSockets: parts.passedSockets,
      drainTimeMs: options.drainTimeSeconds * 1000,
    })
    this.discoveredClusters = new DiscoveredSet(this.clusters, push)
    this.discoveredListeners = new DiscoveredSet(this.listeners, push)
    this.discovery = new Discovery({
      clusters: this.discoveredClusters,
      listeners: this.discoveredListeners,
      onRuntimeLayer: parts.onRuntimeLayer,
      resources: () => resources,
      tellWorkers: (key, view) => push.push({ kind: 'resource', key, view }),
      forget: (key) => void push.push({ kind: 'unusedResource', key }),
      applied: () => push.applied(),
    })
    const { primary, secondary } = clustersInOrder(bootstrap)
    for (const view of primary) this.clusters.addOrUpdate(view, fromBootstrap, errors)
    const xdsContext = this.#xdsContext(scope)
    this.discovery.connect(bootstrap, xdsContext, errors)
    const loadWorkers = {
      loads: async () => (await workers().query('load')) as ProcessLoad[],
      pids: () => workers().pids(),
    }
    for (const view of secondary) this.clusters.addOrUpdate(view, fromBootstrap, errors)
    this.#loadReporter = createLoadReporter(bootstrap, xdsContext, loadWorkers, errors)
    const hdsParts = hdsClusterParts(this.instance, parts)
    this.#hdsDelegate = createHdsDelegate(bootstrap, xdsContext, hdsParts, errors)
  }

  /** Binds their addresses; throws where one cannot be had. */
  addStaticListeners(): void {
    const errors = new ConfigErrors()
    const views = this.#parts.bootstrap.staticResources?.listeners ?? []
    for (const [key, view] of listenerKeys(views)) this.listeners.addOrUpdate(view, fromBootstrap, errors, key)
    if (errors.hasErrors) throw new Error(errors.errors[0].message)
  }

  /** Resolves when all clusters may be used: the bootstrap's, then those of CDS. */
  async startClusters(): Promise<void> {
    await this.clusters.startPrimary()
    await this.discovery.start()
    this.#loadReporter?.start()
    await this.clusters.startAll()
    await this.discovery.startClusters()
    await this.clusters.startAll()
    this.clusters.onInitialized()
    this.#hdsDelegate?.start()
  }

  /** Resolves when all listeners may accept, those of LDS too. */
  async startListeners(): Promise<void> {
    await this.discovery.startListeners()
    await this.listeners.whenWarm()
  }

  /** What a worker that has been there all the time has been told. */
  *changes(): Iterable<ConfigChange> {
    yield* this.clusters.changes()
    for (const { key, view } of this.instance.context.resources.wanted()) yield { kind: 'resource', key, view }
    yield* this.listeners.changes()
  }

  /** Of a reload. */
  replaceSecrets(bootstrap: Bootstrap): void {
    const views = bootstrap.staticResources?.secrets ?? []
    this.instance.context.secrets.replaceStatic(views)
    void this.#push.push({ kind: 'secrets', views })
  }

  /** What a reload needs of all this. */
  forReload(): Pick<ReloadParts, 'options' | 'clusters' | 'listeners' | 'scope' | 'applied'> {
    const { options, instance } = this.#parts
    const applied = (): Promise<void> => this.#push.applied()
    return { options, clusters: this.clusters, listeners: this.listeners, scope: instance.scope, applied }
  }

  stop(): void {
    this.#loadReporter?.stop()
    this.#hdsDelegate?.stop()
    this.discovery.stop()
    this.clusters.stop()
  }

  #xdsContext(scope: Scope): XdsContext {
    const { options, bootstrap, instance, node } = this.#parts
    const { rejectUnknownDynamicFields, ignoreUnknownDynamicFields, skipDeprecatedLogs } = options
    const unknownFields = rejectUnknownDynamicFields ? 'refuse' : ignoreUnknownDynamicFields ? 'ignore' : 'warn'
    const { localInfo, folders, runtime } = instance
    const { clusterManager } = this.instance
    return {
      clusterManager,
      localInfo,
      scope,
      folders,
      node,
      runtime,
      nodeContextParams: () => nodeContextParams(bootstrap.nodeContextParams, node()),
      readOptions: { unknownFields, skipDeprecatedLogs },
    }
  }
}
