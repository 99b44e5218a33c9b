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
import { createAsyncGrpcClient } from '../grpc/async_grpc_client.ts'
import { NodeHealth } from '../stats/node_health.ts'
import { StatsReader } from '../stats/reader.ts'
import { createSegment, MAIN_SLAB, type StatsSegment } from '../stats/segment.ts'
import { StatsStore } from '../stats/store.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import { HostResolution } from '../upstream/dns_cache/host_resolution.ts'
import { routingPriorities } from '../upstream/resource_manager.ts'
import type { LocalInfo, ServerContext } from '../upstream/server_context.ts'
import { AccessLogStreams } from './access_log_streams.ts'
import { logSettings } from './application_log.ts'
import type { WorkerSettings } from './channel.ts'
import { DrainManager } from './drain_decision.ts'
import { FolderWatcher } from './folder_watcher.ts'
import type { HandoverChild } from './hot_restart/child.ts'
import { PredecessorStats } from './hot_restart/predecessor_stats.ts'
import { statsSettings } from './instance.ts'
import { LiveConfiguration } from './live_configuration.ts'
import { localInfo } from './local_info.ts'
import { serverNode } from './node.ts'
import type { Options } from './options.ts'
import { OriginalDstHosts } from './original_dst_hosts.ts'
import { Reload, type ReloadReport } from './reload.ts'
import type { ReloadPlan } from './reload_plan.ts'
import { RuntimeLayers } from './runtime_layers.ts'
import type { BoundListener, DrainListenersOptions, ServerControl, ServerState } from './server_control.ts'
import { ServerDrain } from './server_drain.ts'
import { ServerStats } from './server_stats.ts'
import { createCells, sharedMemory } from './shared_cells.ts'
import { checkBootstrap } from './validate.ts'
import { WorkerPool } from './worker_pool.ts'
import { WorkerReports } from './worker_reports.ts'

const log = getLogger('main')
const defaultStatsFlushMs = 5000
/** How long a worker may take to write its access logs when the server ends. */
const stopGraceMs = 2000

export class Server implements ServerControl {
  readonly options: Options
  /** In force: of a reloaded file what can change while the server runs. */
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
  #predecessorStats: PredecessorStats | undefined
  readonly #runtime = new Runtime()
  readonly #runtimeLayers: RuntimeLayers
  readonly #folderWatcher = new FolderWatcher((folder) => void this.#workers.apply({ type: 'folder', folder }))
  readonly #hostResolution: HostResolution
  readonly live: LiveConfiguration
  readonly drain: ServerDrain
  readonly #reload: Reload
  readonly #workers: WorkerPool
  /** Of the admin interface's access logs. */
  readonly #ownLogStreams = this.#createLogStreams((stream, bytes) =>
    this.adminAccessLogManager.grpcLoggers.onTaken(stream, bytes),
  )
  /** What the workers say of themselves. */
  readonly reports: WorkerReports
  #state: ServerState = 'PRE_INITIALIZING'
  #healthCheckFailed: boolean
  #stopping: Promise<void> | undefined
  #end!: (code: number) => void
  #flushTimer: NodeJS.Timeout | undefined

  constructor(options: Options, bootstrap: Bootstrap, registry: ExtensionRegistry, predecessor?: HandoverChild) {
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
    this.#store = new StatsStore(this.#segment.slab(MAIN_SLAB), { rejects: settings.rejects })
    this.adminAccessLogManager = new AccessLogManager(this.#store, {
      flushIntervalMs: options.fileFlushIntervalMs,
      flushMinSizeBytes: options.fileFlushMinSizeBytes,
      sendLogMessage: (message) => this.#ownLogStreams.onMessage(message),
    })
    this.stats = new StatsReader(this.#segment.slabs(), settings)
    if (predecessor?.segment !== undefined)
      this.#predecessorStats = new PredecessorStats(predecessor.segment, settings, this.#store)
    this.#runtimeLayers = new RuntimeLayers(
      bootstrap.layeredRuntime?.layers,
      this.localInfo.clusterName,
      this.#store,
      () => this.#onRuntimeChange(),
    )
    this.#runtime.update(this.#runtimeLayers.merged())
    const cellsFd = createCells(this.#segment)
    const drainManager = new DrainManager(() => this.#healthCheckFailed)
    this.#hostResolution = new HostResolution({
      scope: this.#store,
      dns: { ...bootstrap, scope: this.#store },
      tell: (update) => {
        this.context.dnsCaches.onHost(update)
        void this.#workers.apply({ type: 'dnsHost', update })
      },
    })
    this.live = new LiveConfiguration({
      options,
      bootstrap,
      workers: () => this.#workers,
      passedSockets: predecessor?.sockets,
      node: () => serverNode(this),
      onRuntimeLayer: (name, layer) => this.#runtimeLayers.setDiscovered(name, layer),
      eventLogs: this.adminAccessLogManager,
      hasTraffic: (name) => this.stats.counter(`cluster.${name}.upstream_cx_total`)?.used() === true,
      instance: {
        scope: this.#store,
        runtime: this.#runtime,
        registry,
        accessLogManager: new AccessLogManager(this.#store, { opensFiles: false }),
        shared: sharedMemory(this.#segment, cellsFd, MAIN_SLAB),
        folders: this.#folderWatcher.folders,
        localInfo: this.localInfo,
        errors,
        drainManager,
        dnsDemand: this.#hostResolution,
        healthCheckFailed: () => this.#healthCheckFailed,
        onUnhealthyHost: () => {},
        onOutlier: (clusterName, slot, type) => this.live.clusters.onOutlier(clusterName, slot, type),
        onOriginalDst: () => {},
        workerIndex: -1,
        concurrency: options.concurrency,
        createGrpcClient: createAsyncGrpcClient,
      },
    })
    this.drain = new ServerDrain({ options, live: this.live, workers: () => this.#workers })
    this.#reload = new Reload({
      ...this.live.forReload(),
      current: () => this.bootstrap,
      check: (next, issues) => checkBootstrap(next, options, registry, issues, this.context.dnsCaches),
      adopt: (next, plan) => this.#adopt(next, plan),
    })
    this.#serverStats = new ServerStats(this.#store, options, {
      version: bootstrap.statsServerVersionOverride,
    })
    const restarts = this.#store.counter('nuncio.worker_restarts')
    const originalDstHosts = new OriginalDstHosts(this.context.clusterManager)
    this.#workers = new WorkerPool({
      segment: this.#segment,
      cellsFd,
      concurrency: options.concurrency,
      settingsFor: (index) => this.#workerSettings(index),
      socketsOf: (index) => this.live.listeners.socketsOf(index),
      createLogStreams: (onTaken) => this.#createLogStreams(onTaken),
      onRestart: (index) => {
        restarts.inc()
        originalDstHosts.onWorkerDied(index)
        this.live.clusters.onWorkerDied()
      },
      onWanted: (key, name) => this.context.resources.onRequested(key, name),
      dnsDemand: this.#hostResolution,
      onUnhealthyHost: (clusterName, key) => this.live.clusters.onUnhealthyHost(clusterName, key),
      onOutlier: (clusterName, slot, type) => this.live.clusters.onOutlier(clusterName, slot, type),
      onOriginalDst: (index, change) => originalDstHosts.onChange(index, change),
      onFatal: (reason) => {
        log.critical(reason)
        void this.stop().then(() => this.#end(1))
      },
    })
    this.reports = new WorkerReports(this.#workers)
  }

  /** For the process that takes over. */
  get segmentFd(): number {
    return this.#segment.fd
  }

  /** The process before has ended. */
  onPredecessorEnded(): void {
    this.#predecessorStats?.end()
    this.#predecessorStats = undefined
  }

  get context(): ServerContext {
    return this.live.instance.context
  }

  get clusterManager(): ClusterManager {
    return this.live.instance.clusterManager
  }

  /** In Envoy's order: clusters and what they need, then listeners and what they need, then workers that accept. */
  async start(): Promise<void> {
    if (!this.bootstrap.statsFlushOnAdmin) {
      const intervalMs = this.bootstrap.statsFlushInterval ?? defaultStatsFlushMs
      this.#flushTimer = setInterval(() => this.#flushStats(), intervalMs)
    }
    this.live.addStaticListeners()
    this.#hostResolution.start()
    this.#runtimeLayers.startWatching()
    await this.live.startClusters()
    this.#state = 'INITIALIZING'
    log.info('all clusters initialized. initializing init manager')
    await this.live.startListeners()
    if (this.options.mode === 'init_only') return
    await this.#workers.start()
    this.live.listeners.onWorkersStarted()
    this.live.instance.overloadManager.start(
      () => [process.pid, ...this.workerPids()],
      (scales) => void this.#workers.apply({ type: 'overload', scales }),
    )
    this.#state = 'LIVE'
    this.#serverStats.onInitialized(monotonicMs() - this.#startedAtMs)
    log.info('all dependencies initialized. starting workers')
    this.#reload.start()
  }

  #createLogStreams(onTaken: (stream: number, bytes: number) => void): AccessLogStreams {
    return new AccessLogStreams({ grpc: () => this.context, node: () => serverNode(this), onTaken })
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
      changes: [...this.live.changes()],
      dnsHosts: this.context.dnsCaches.updates(),
      drainTimeMs: options.drainTimeSeconds * 1000,
      drainStrategy: options.drainStrategy,
      localInfo: this.localInfo,
      runtime: this.#runtimeLayers.merged(),
      logLevels: allLoggers().map((logger) => [logger.name, logger.level]),
      log: this.#log,
      fileFlushIntervalMs: options.fileFlushIntervalMs,
      fileFlushMinSizeBytes: options.fileFlushMinSizeBytes,
      drain: this.drain.state,
      overload: this.context.overload.scales(),
      healthCheckFailed: this.#healthCheckFailed,
    }
  }

  /** Of a reload: what no lifecycle holds. The rest of the file takes effect with the next start. */
  async #adopt(bootstrap: Bootstrap, plan: ReloadPlan): Promise<void> {
    const { staticResources, layeredRuntime } = bootstrap
    this.bootstrap = { ...this.bootstrap, staticResources, layeredRuntime }
    if (plan.secrets) this.live.replaceSecrets(bootstrap)
    if (!plan.runtime) return
    this.live.discovery.followRuntime(bootstrap.layeredRuntime?.layers ?? [], new ConfigErrors())
    await this.#runtimeLayers.replace(bootstrap.layeredRuntime?.layers)
  }

  #updateServerStats(): void {
    this.#predecessorStats?.import()
    const { globalConnectionLimit, secrets, dnsCaches } = this.context
    dnsCaches.publish()
    this.#serverStats.update(this.startedAtWallMs, this.state(), globalConnectionLimit.active(), secrets.contexts)
    for (const { info } of this.clusterManager.clusters()) {
      for (const priority of routingPriorities) info.resourceManager(priority).publish()
    }
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

  listeners(): readonly BoundListener[] {
    return [...this.live.listeners.bound()].map(({ built, sockets }) => ({ built, addresses: sockets.addresses }))
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

  drainListeners(options: DrainListenersOptions): Promise<void> {
    return this.drain.drainListeners(options)
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

  workerPids(): readonly number[] {
    return this.#workers.pids()
  }

  /** Ends everything, once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    log.info('shutting down server instance')
    clearInterval(this.#flushTimer)
    this.live.instance.overloadManager.stop()
    this.#runtimeLayers.close()
    this.#folderWatcher.close()
    this.#reload.stop()
    this.live.stop()
    this.#hostResolution.stop()
    await Promise.all([this.#workers.stop(stopGraceMs), this.adminAccessLogManager.flushAll()])
    await this.#ownLogStreams.close()
    log.info('exiting')
  }
}

function withoutListenersAndClusters(bootstrap: Bootstrap): Bootstrap {
  const { staticResources } = bootstrap
  if (staticResources === undefined) return bootstrap
  return { ...bootstrap, staticResources: { ...staticResources, listeners: [], clusters: [] } }
}
