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
import type { BuiltListener } from '../network/built_listener.ts'
import { NodeHealth } from '../stats/node_health.ts'
import { StatsReader } from '../stats/reader.ts'
import { createSegment, MAIN_SLAB, type StatsSegment } from '../stats/segment.ts'
import { StatsStore } from '../stats/store.ts'
import type { ClusterManager, HostsUpdate } from '../upstream/cluster_manager.ts'
import { type ClusterDiscovery, createDiscovery } from '../upstream/discovery/discovery.ts'
import type { LocalInfo, ServerContext } from '../upstream/server_context.ts'
import { logSettings } from './application_log.ts'
import type { DrainState, HostNumbers, ProfilerQuery, WorkerSettings } from './channel.ts'
import { DrainManager, notDraining } from './drain_decision.ts'
import { FolderWatcher } from './folder_watcher.ts'
import { hostKeys } from './host_keys.ts'
import { Instance, statsSettings } from './instance.ts'
import { ListenError, type ListenerSockets, openListenerSockets } from './listen_sockets.ts'
import { localInfo } from './local_info.ts'
import { ManagerStats } from './manager_stats.ts'
import type { Options } from './options.ts'
import { RuntimeLayers } from './runtime_layers.ts'
import type { BoundListener, DrainListenersOptions, ServerControl, ServerState } from './server_control.ts'
import { ServerStats } from './server_stats.ts'
import { createCells, sharedMemory } from './shared_cells.ts'
import { WorkerPool } from './worker_pool.ts'

const log = getLogger('main')
const defaultStatsFlushMs = 5000
/** How long a worker may take to write its access logs when the server ends. */
const stopGraceMs = 2000
/** How long a worker may take to write its heap to a file. */
const heapSnapshotTimeoutMs = 60_000

export class Server implements ServerControl {
  readonly options: Options
  readonly bootstrap: Bootstrap
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
  readonly #managerStats: ManagerStats
  readonly #runtime = new Runtime()
  readonly #runtimeLayers: RuntimeLayers
  readonly #folderWatcher = new FolderWatcher((folder) => void this.#workers.apply({ type: 'folder', folder }))
  readonly #instance: Instance
  readonly #discoveries = new Map<string, ClusterDiscovery>()
  readonly #hosts = new Map<string, HostsUpdate>()
  readonly #workers: WorkerPool
  #sockets: ListenerSockets[] = []
  #state: ServerState = 'PRE_INITIALIZING'
  #unready = new Set<string>()
  #healthCheckFailed: boolean
  #drain: DrainState = notDraining
  readonly #stoppedListeners = new Set<number>()
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
      localInfo: this.localInfo,
      errors,
      drainManager,
      healthCheckFailed: () => this.#healthCheckFailed,
      workerIndex: -1,
      concurrency: options.concurrency,
    })
    for (const cluster of this.#instance.clusterManager.clusters()) {
      const discovery = createDiscovery(cluster.info.config, cluster.info.stats, errors, {
        scope: this.#store,
        typedDnsResolverConfig: bootstrap.typedDnsResolverConfig,
        dnsResolutionConfig: bootstrap.dnsResolutionConfig,
        localClusterName: this.#instance.clusterManager.localClusterName,
        countMatches: (hosts) => cluster.info.transportSockets.countMatches(hosts),
      })
      if (discovery !== undefined) this.#discoveries.set(cluster.info.name, discovery)
    }
    this.#managerStats = new ManagerStats(this.#store)
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
      socketsOf: (index) => this.#sockets.flatMap((sockets) => sockets.socketsOf(index)),
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

  /** Clusters first, then sockets and workers: nothing is accepted before there is somewhere to send it. */
  async start(): Promise<void> {
    if (!this.bootstrap.statsFlushOnAdmin) {
      const intervalMs = this.bootstrap.statsFlushInterval ?? defaultStatsFlushMs
      this.#flushTimer = setInterval(() => this.#flushStats(), intervalMs)
    }
    this.#runtimeLayers.startWatching()
    await this.#startDiscovery()
    this.#state = 'INITIALIZING'
    log.info('all clusters initialized. initializing init manager')
    this.#sockets = this.#instance.listeners.map((built, index) => this.#openSockets(built, index))
    this.#managerStats.onClusters([...this.clusterManager.clusters()].length, this.options.concurrency)
    if (this.options.mode === 'init_only') return
    await this.#workers.start()
    this.#managerStats.onListeners(this.#instance.listeners.length, this.options.concurrency)
    this.#state = 'LIVE'
    this.#serverStats.onInitialized(monotonicMs() - this.#startedAtMs)
    log.info('all dependencies initialized. starting workers')
  }

  #openSockets(built: BuiltListener, index: number): ListenerSockets {
    try {
      return openListenerSockets(built, index, this.options.concurrency)
    } catch (error) {
      if (error instanceof ListenError)
        getLogger('config').error(`listener '${built.name}' failed to bind or apply socket options: ${error.message}`)
      throw error
    }
  }

  async #startDiscovery(): Promise<void> {
    await Promise.all(
      [...this.#discoveries].map(async ([name, discovery]) => {
        this.#unready.add(name)
        await discovery.start((priorities, policy) => this.#onHosts({ clusterName: name, priorities, policy }))
        this.#unready.delete(name)
        this.clusterManager.get(name)?.info.stats.warmingState.set(0)
      }),
    )
  }

  #onHosts(update: HostsUpdate): void {
    this.#hosts.set(update.clusterName, update)
    this.clusterManager.onHosts(update)
    void this.#workers.apply({ type: 'hosts', update })
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
      bootstrap,
      localInfo: this.localInfo,
      runtime: this.#runtimeLayers.merged(),
      logLevels: allLoggers().map((logger) => [logger.name, logger.level]),
      log: this.#log,
      fileFlushIntervalMs: options.fileFlushIntervalMs,
      fileFlushMinSizeBytes: options.fileFlushMinSizeBytes,
      hosts: [...this.#hosts.values()],
      drain: this.#drain,
      healthCheckFailed: this.#healthCheckFailed,
    }
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
    return [...this.#unready].map((name) => `Cluster ${name}`)
  }

  listeners(): readonly BoundListener[] {
    return this.#instance.listeners.map((built, i) => ({
      built,
      addresses: this.#sockets[i]?.addresses ?? built.sockets.sockets.map((each) => each.address),
    }))
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
    this.#instance.listeners.forEach(({ trafficDirection }, index) => {
      if (inboundOnly && trafficDirection !== 'INBOUND') return
      if (this.#stoppedListeners.has(index)) return
      this.#stoppedListeners.add(index)
      this.#managerStats.onListenerStopped()
      this.#sockets[index]?.close()
    })
    await this.#workers.apply({ type: 'stopListeners', inboundOnly })
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
    for (const discovery of this.#discoveries.values()) discovery.stop()
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
