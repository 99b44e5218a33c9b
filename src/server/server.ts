// One running server, in main: initialises in Envoy's order, serves, drains, ends.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AccessLogManager } from '../access_log/access_log_manager.ts'
import { monotonicMs, wallMs } from '../common/clock.ts'
import { allLoggers, getLogger, type LogLevel, type LogSettings, reopenLog, setAllLevels } from '../common/log.ts'
import { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import { Runtime } from '../config/runtime.ts'
import { WatchedResources } from '../config/watched_resources.ts'
import { NodeHealth } from '../stats/node_health.ts'
import { StatsReader } from '../stats/reader.ts'
import { createSegment, MAIN_SLAB, type StatsSegment } from '../stats/segment.ts'
import { StatsStore } from '../stats/store.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import { createDiscovery } from '../upstream/discovery/discovery.ts'
import type { LocalInfo, ServerContext } from '../upstream/server_context.ts'
import type { XdsContext } from '../xds/xds_manager.ts'
import { logSettings } from './application_log.ts'
import type { ConfigChange, DrainState, HostNumbers, ProfilerQuery, WorkerSettings } from './channel.ts'
import { ClusterLifecycle, clustersInOrder, type Origin } from './cluster_lifecycle.ts'
import { ConfigPush } from './config_push.ts'
import { DiscoveredSet } from './discovered_set.ts'
import { Discovery } from './discovery.ts'
import { DrainManager, notDraining } from './drain_decision.ts'
import { FolderWatcher } from './folder_watcher.ts'
import { hostKeys } from './host_keys.ts'
import { Instance, statsSettings } from './instance.ts'
import { ListenerLifecycle, listenerKeys } from './listener_lifecycle.ts'
import { localInfo } from './local_info.ts'
import { ClusterManagerStats, ListenerManagerStats } from './manager_stats.ts'
import { serverNode } from './node.ts'
import type { Options } from './options.ts'
import { Reload, type ReloadReport } from './reload.ts'
import type { ReloadPlan } from './reload_plan.ts'
import { RuntimeLayers } from './runtime_layers.ts'
import type { BoundListener, DrainListenersOptions, ServerControl, ServerState } from './server_control.ts'
import { ServerStats } from './server_stats.ts'
import { createCells, sharedMemory } from './shared_cells.ts'
import { checkBootstrap } from './validate.ts'
import { WorkerPool } from './worker_pool.ts'

const log = getLogger('main')
const defaultStatsFlushMs = 5000
/** How long a worker may take to write its access logs when the server ends. */
const stopGraceMs = 2000
/** How long a worker may take to write its heap to a file. */
const heapSnapshotTimeoutMs = 60_000
const fromBootstrap: Origin = { isStatic: true, version: '' }

export class Server implements ServerControl {
  readonly options: Options
  /** As last reloaded. */
  bootstrap: Bootstrap
  readonly localInfo: LocalInfo
  readonly startedAtWallMs = wallMs()
  readonly stats: StatsReader
  readonly adminAccessLogManager: AccessLogManager
  readonly nodeHealth = new NodeHealth()
  readonly ended: Promise<number>
  readonly #startedAtMs = monotonicMs()
  readonly #registry: ExtensionRegistry
  readonly #log: LogSettings
  readonly #segment: StatsSegment
  readonly #store: StatsStore
  readonly #serverStats: ServerStats
  readonly #listenerStats: ListenerManagerStats
  readonly #runtime = new Runtime()
  readonly #runtimeLayers: RuntimeLayers
  readonly #folderWatcher = new FolderWatcher((folder) => void this.#workers.apply({ type: 'folder', folder }))
  readonly #instance: Instance
  readonly #push = new ConfigPush(() => this.#workers)
  readonly #clusters: ClusterLifecycle
  readonly #listeners: ListenerLifecycle
  readonly #discovery: Discovery
  readonly #reload: Reload
  #stopFollowing: (() => void) | undefined
  readonly #workers: WorkerPool
  #state: ServerState = 'PRE_INITIALIZING'
  #healthCheckFailed: boolean
  #drain: DrainState = notDraining
  #stopping: Promise<void> | undefined
  #end!: (code: number) => void
  #flushTimer: NodeJS.Timeout | undefined

  constructor(options: Options, bootstrap: Bootstrap, registry: ExtensionRegistry) {
    this.options = options
    this.bootstrap = bootstrap
    this.#registry = registry
    this.localInfo = localInfo(bootstrap, options)
    // A file that an operator leaves there keeps the proxy out of service from its start.
    this.#healthCheckFailed = bootstrap.flagsPath !== '' && existsSync(join(bootstrap.flagsPath, 'drain'))
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    const errors = new ConfigErrors()
    this.#log = logSettings(bootstrap, options, errors)
    const settings = statsSettings(bootstrap, options.statsTags, errors)
    this.#segment = createSegment(options.concurrency)
    this.#store = new StatsStore(this.#segment.slab(MAIN_SLAB), {
      rejects: settings.rejects,
      shared: this.#segment.shared,
    })
    this.adminAccessLogManager = new AccessLogManager(this.#store, {
      flushIntervalMs: options.fileFlushIntervalMs,
      flushMinSizeBytes: options.fileFlushMinSizeBytes,
    })
    this.stats = new StatsReader(this.#segment.slabs(), {
      tags: settings.tags,
      bucketsOf: settings.bucketsOf,
      shared: this.#segment.shared,
    })
    this.#runtimeLayers = new RuntimeLayers(
      bootstrap.layeredRuntime?.layers,
      this.localInfo.clusterName,
      this.#store,
      () => this.#onRuntimeChange(),
    )
    this.#runtime.update(this.#runtimeLayers.merged())
    const cellsFd = createCells(this.#segment)
    const drainManager = new DrainManager(() => this.#healthCheckFailed)
    this.#instance = new Instance(bootstrap, {
      scope: this.#store,
      runtime: this.#runtime,
      registry,
      accessLogManager: new AccessLogManager(this.#store, { opensFiles: false }),
      shared: sharedMemory(this.#segment, cellsFd, MAIN_SLAB),
      folders: this.#folderWatcher.folders,
      resources: new WatchedResources({
        onWanted: (resource, found) => this.#discovery.demand.onWanted(resource, found),
        onUnwanted: (resource) => this.#discovery.demand.onUnwanted(resource),
      }),
      localInfo: this.localInfo,
      errors,
      drainManager,
      healthCheckFailed: () => this.#healthCheckFailed,
      workerIndex: -1,
      concurrency: options.concurrency,
    })
    this.#clusters = new ClusterLifecycle({
      instance: this.#instance,
      stats: new ClusterManagerStats(this.#store, options.concurrency),
      push: (change) => this.#push.push(change),
      createDiscovery: ({ info }, context) =>
        createDiscovery(info.config, info.stats, context.errors, {
          scope: this.#store,
          typedDnsResolverConfig: bootstrap.typedDnsResolverConfig,
          dnsResolutionConfig: bootstrap.dnsResolutionConfig,
          countMatches: (hosts) => info.transportSockets.countMatches(hosts),
          watch: context,
          clusterScope: info.scope,
        }),
    })
    this.#listenerStats = new ListenerManagerStats(this.#store)
    this.#listeners = new ListenerLifecycle({
      instance: this.#instance,
      stats: this.#listenerStats,
      push: (change) => this.#push.push(change),
      handOver: (socketsOf) => this.#workers.handOver(socketsOf),
      workers: options.concurrency,
      drainTimeMs: options.drainTimeSeconds * 1000,
    })
    this.#discovery = new Discovery({
      clusters: new DiscoveredSet(this.#clusters, this.#push),
      listeners: new DiscoveredSet(this.#listeners, this.#push),
      resources: () => this.#instance.context.resources,
      tellWorkers: (key, view) => this.#push.push({ kind: 'resource', key, view }),
      forget: (key) => void this.#push.push({ kind: 'unusedResource', key }),
    })
    this.#reload = new Reload({
      options,
      clusters: this.#clusters,
      listeners: this.#listeners,
      scope: this.#store,
      current: () => this.bootstrap,
      check: (next, issues) => checkBootstrap(next, options, registry, issues),
      adopt: (next, plan) => this.#adopt(next, plan),
      applied: () => this.#push.applied(),
    })
    const { primary, secondary } = clustersInOrder(bootstrap)
    for (const view of primary) this.#clusters.addOrUpdate(view, fromBootstrap, errors)
    this.#discovery.connect(bootstrap, this.#xdsContext(), errors)
    for (const view of secondary) this.#clusters.addOrUpdate(view, fromBootstrap, errors)
    const monitors = bootstrap.overloadManager?.resourceMonitors ?? []
    this.#serverStats = new ServerStats(this.#store, options, {
      version: bootstrap.statsServerVersionOverride,
      resourceMonitors: monitors.map((monitor) => monitor.name),
    })
    const restarts = this.#store.counter('nuncio.worker_restarts')
    this.#workers = new WorkerPool({
      segment: this.#segment,
      cellsFd,
      concurrency: options.concurrency,
      settingsFor: (index) => this.#workerSettings(index),
      socketsOf: (index) => this.#listeners.socketsOf(index),
      onRestart: () => restarts.inc(),
      onFatal: (reason) => {
        log.critical(reason)
        void this.stop().then(() => this.#end(1))
      },
    })
  }

  get context(): ServerContext {
    return this.#instance.context
  }

  get clusterManager(): ClusterManager {
    return this.#instance.clusterManager
  }

  /** In Envoy's order: clusters and what they need, then listeners and what they need, then workers that accept. */
  async start(): Promise<void> {
    if (!this.bootstrap.statsFlushOnAdmin) {
      const intervalMs = this.bootstrap.statsFlushInterval ?? defaultStatsFlushMs
      this.#flushTimer = setInterval(() => this.#flushStats(), intervalMs)
    }
    this.#addStaticListeners()
    this.#runtimeLayers.startWatching()
    await this.#startClusters()
    this.#state = 'INITIALIZING'
    log.info('all clusters initialized. initializing init manager')
    await this.#discovery.startListeners()
    await this.#listeners.whenWarm()
    if (this.options.mode === 'init_only') return
    await this.#workers.start()
    this.#listenerStats.workersStarted.set(1)
    this.#state = 'LIVE'
    this.#serverStats.onInitialized(monotonicMs() - this.#startedAtMs)
    log.info('all dependencies initialized. starting workers')
    const { configPath, watch } = this.options
    if (watch && configPath !== undefined) this.#stopFollowing = this.#reload.follow(configPath)
  }

  /** What management servers are asked with. */
  #xdsContext(): XdsContext {
    const { rejectUnknownDynamicFields, ignoreUnknownDynamicFields, skipDeprecatedLogs } = this.options
    const unknownFields = rejectUnknownDynamicFields ? 'refuse' : ignoreUnknownDynamicFields ? 'ignore' : 'warn'
    return {
      clusterManager: this.clusterManager,
      localInfo: this.localInfo,
      scope: this.#store,
      folders: this.#folderWatcher.folders,
      node: () => serverNode(this),
      readOptions: { unknownFields, skipDeprecatedLogs },
    }
  }

  /** Throws where an address cannot be had. */
  #addStaticListeners(): void {
    const errors = new ConfigErrors()
    for (const [key, view] of listenerKeys(this.bootstrap.staticResources?.listeners ?? []))
      this.#listeners.addOrUpdate(view, fromBootstrap, errors, key)
    if (errors.hasErrors) throw new Error(errors.errors[0].message)
  }

  async #startClusters(): Promise<void> {
    await this.#clusters.startPrimary()
    this.#discovery.start()
    await this.#clusters.startAll()
    await this.#discovery.startClusters()
    await this.#clusters.startAll()
    this.#clusters.onInitialized()
  }

  #onRuntimeChange(): Promise<void> {
    const values = this.#runtimeLayers.merged()
    this.#runtime.update(values)
    return this.#workers.apply({ type: 'runtime', values })
  }

  #workerSettings(workerIndex: number): WorkerSettings {
    const { options, bootstrap } = this
    return {
      workerIndex,
      concurrency: options.concurrency,
      bootstrap: withoutListenersAndClusters(bootstrap),
      changes: [...this.#changes()],
      drainTimeMs: options.drainTimeSeconds * 1000,
      drainStrategy: options.drainStrategy,
      localInfo: this.localInfo,
      runtime: this.#runtimeLayers.merged(),
      logLevels: allLoggers().map((logger) => [logger.name, logger.level]),
      log: this.#log,
      fileFlushIntervalMs: options.fileFlushIntervalMs,
      fileFlushMinSizeBytes: options.fileFlushMinSizeBytes,
      drain: this.#drain,
      healthCheckFailed: this.#healthCheckFailed,
    }
  }

  /** Of a reload: what no lifecycle holds. */
  async #adopt(bootstrap: Bootstrap, plan: ReloadPlan): Promise<void> {
    this.bootstrap = bootstrap
    if (plan.runtime) await this.#runtimeLayers.replace(bootstrap.layeredRuntime?.layers)
  }

  /** What a worker that has been there all the time has been told. */
  *#changes(): Iterable<ConfigChange> {
    yield* this.#clusters.changes()
    for (const { key, view } of this.context.resources.wanted()) yield { kind: 'resource', key, view }
    yield* this.#listeners.changes()
  }

  #updateServerStats(): void {
    const { globalConnectionLimit, secrets } = this.context
    this.#serverStats.update(this.startedAtWallMs, this.state(), globalConnectionLimit.active(), secrets.contexts)
  }

  #flushStats(): void {
    this.#updateServerStats()
    this.stats.flush()
  }

  // ---- ServerControl ---------------------------------------------------------------------------------------------

  extensions(): readonly { category: string; name: string; typeUrls: readonly string[] }[] {
    return this.#registry.factories()
  }

  state(): ServerState {
    if (this.#state !== 'LIVE') return this.#state
    return this.#healthCheckFailed ? 'DRAINING' : 'LIVE'
  }

  /** Brings `server.*` up to date before it is read. */
  refreshServerStats(): void {
    if (this.bootstrap.statsFlushOnAdmin) this.#flushStats()
    else this.#updateServerStats()
  }

  unreadyTargets(): readonly string[] {
    return this.#clusters.unready().map((name) => `Cluster ${name}`)
  }

  listeners(): readonly BoundListener[] {
    return [...this.#listeners.active()].map(({ built, sockets }) => ({ built, addresses: sockets.addresses }))
  }

  runtimeLayers(): RuntimeLayers['layers'] {
    return this.#runtimeLayers.layers
  }

  get hasAdminLayer(): boolean {
    return this.#runtimeLayers.hasAdminLayer
  }

  modifyRuntime(changes: Readonly<Record<string, string>>): Promise<void> {
    return this.#runtimeLayers.modify(changes)
  }

  setLogLevels(levels: readonly (readonly [name: string, level: LogLevel])[]): Promise<void> {
    for (const [name, level] of levels) {
      if (name === '*') setAllLevels(level)
      else getLogger(name).level = level
    }
    return this.#workers.apply({ type: 'logLevels', levels })
  }

  failHealthCheck(failed: boolean): Promise<void> {
    this.#healthCheckFailed = failed
    return this.#workers.apply({ type: 'healthCheck', failed })
  }

  async drainListeners({ graceful, inboundOnly, skipExit }: DrainListenersOptions): Promise<void> {
    // Who wants the listeners to go on wants a drain, whether he says so or not.
    if (!graceful && !skipExit) {
      await this.#stopListeners(inboundOnly)
      return
    }
    // A drain that is under way goes on as it was started.
    if (this.#drain.direction !== 'none') return
    const drainTimeMs = this.options.drainTimeSeconds * 1000
    const direction = inboundOnly ? 'inboundOnly' : 'all'
    this.#drain = { startedAtWallMs: wallMs(), drainTimeMs, strategy: this.options.drainStrategy, direction }
    this.#instance.setDrain(this.#drain)
    if (!skipExit) setTimeout(() => void this.#stopListeners(inboundOnly), drainTimeMs).unref()
    await this.#workers.apply({ type: 'drain', drain: this.#drain })
  }

  /** New connections are refused from now on; those that are open go on. */
  async #stopListeners(inboundOnly: boolean): Promise<void> {
    this.#listeners.stopListening(inboundOnly)
    await this.#workers.apply({ type: 'stopListeners', inboundOnly })
  }

  reload(dryRun: boolean): Promise<ReloadReport> {
    return this.#reload.run(dryRun)
  }

  reloadProblem(): string | undefined {
    return this.#reload.problem
  }

  reopenLogs(): Promise<void> {
    reopenLog()
    this.adminAccessLogManager.reopen()
    return this.#workers.apply({ type: 'reopenLogs' })
  }

  quit(): void {
    void this.stop().then(() => this.#end(0))
  }

  async hostNumbers(): Promise<ReadonlyMap<string, HostNumbers>> {
    const sums = new Map<string, HostNumbers>()
    for (const answer of (await this.#workers.query('hostStats')) as HostNumbers[][]) {
      const keyOf = hostKeys()
      for (const numbers of answer) {
        const key = keyOf(numbers.cluster, numbers.address)
        const sum = sums.get(key)
        sums.set(key, sum === undefined ? numbers : addNumbers(sum, numbers))
      }
    }
    return sums
  }

  async memoryUsage(): Promise<readonly NodeJS.MemoryUsage[]> {
    const workers = (await this.#workers.query('memory')) as NodeJS.MemoryUsage[]
    return [process.memoryUsage(), ...workers]
  }

  workerPids(): readonly number[] {
    return this.#workers.pids()
  }

  async queryWorkers(what: ProfilerQuery): Promise<readonly unknown[]> {
    return this.#workers.query(what)
  }

  async writeHeapSnapshot(workerIndex: number): Promise<string | undefined> {
    return (await this.#workers.queryOne(workerIndex, 'heapSnapshot', heapSnapshotTimeoutMs)) as string | undefined
  }

  /** Ends everything, once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    log.info('shutting down server instance')
    clearInterval(this.#flushTimer)
    this.#runtimeLayers.close()
    this.#folderWatcher.close()
    this.#stopFollowing?.()
    this.#discovery.stop()
    this.#clusters.stop()
    await Promise.all([this.#workers.stop(stopGraceMs), this.adminAccessLogManager.flushAll()])
    log.info('exiting')
  }
}

function addNumbers(a: HostNumbers, b: HostNumbers): HostNumbers {
  return {
    cluster: a.cluster,
    address: a.address,
    cxTotal: a.cxTotal + b.cxTotal,
    cxActive: a.cxActive + b.cxActive,
    cxConnectFail: a.cxConnectFail + b.cxConnectFail,
    rqTotal: a.rqTotal + b.rqTotal,
    rqActive: a.rqActive + b.rqActive,
    rqSuccess: a.rqSuccess + b.rqSuccess,
    rqError: a.rqError + b.rqError,
    rqTimeout: a.rqTimeout + b.rqTimeout,
  }
}

function withoutListenersAndClusters(bootstrap: Bootstrap): Bootstrap {
  const { staticResources } = bootstrap
  if (staticResources === undefined) return bootstrap
  return { ...bootstrap, staticResources: { ...staticResources, listeners: [], clusters: [] } }
}
