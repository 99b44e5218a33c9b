// A worker: builds what main has checked, accepts on the sockets it is handed, and serves.

import { AccessLogManager } from '../access_log/access_log_manager.ts'
import { configureLog, getLogger, reopenLog, setAllLevels } from '../common/log.ts'
import { finish } from '../common/steps.ts'
import { ConfigErrors } from '../config/errors.ts'
import type { ExtensionRegistry } from '../config/registry.ts'
import { Runtime } from '../config/runtime.ts'
import { WatchedResources } from '../config/watched_resources.ts'
import { WatchedFolders } from '../network/watched_folders.ts'
import { receiveDescriptors } from '../os/descriptor_passing.ts'
import { openSegment } from '../stats/segment.ts'
import { StatsStore } from '../stats/store.ts'
import { WorkerHealth } from '../stats/worker_health.ts'
import type { Host } from '../upstream/host.ts'
import { ChangeQueue } from './change_queue.ts'
import {
  type BoundSocketInfo,
  type FromWorker,
  inheritedFd,
  type ToWorker,
  type WorkerSettings,
  type WorkerUpdate,
} from './channel.ts'
import { DrainManager } from './drain_decision.ts'
import { keyedHosts } from './host_keys.ts'
import { Instance, statsSettings } from './instance.ts'
import { loadedGrpcClient } from './loaded_grpc_client.ts'
import { sharedMemory } from './shared_cells.ts'
import { applyChange, refuseDifference } from './worker_changes.ts'
import { WorkerListeners } from './worker_listeners.ts'
import { answerQuery } from './worker_queries.ts'

const log = getLogger('main')
const healthSampleMs = 5000

export function runWorker(registry: ExtensionRegistry): void {
  let worker: Worker | undefined
  process.on('message', (message: ToWorker) => {
    if (message.type === 'start') {
      worker = new Worker(message.settings, registry)
      send({ type: 'built' })
    } else worker?.onMessage(message)
  })
  // Main is gone: nobody owns the sockets any more.
  process.on('disconnect', () => process.exit(1))
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGUSR1'] as const) process.on(signal, () => {})
  process.on('uncaughtException', (error) => {
    log.critical(`worker ends by an unexpected error: ${error.stack}`)
    process.exit(1)
  })
}

function send(message: FromWorker, onSent?: () => void): void {
  process.send?.(message, undefined, undefined, onSent)
}

class Worker {
  readonly #runtime = new Runtime()
  readonly #folders = new WatchedFolders()
  readonly #instance: Instance
  readonly #accessLogManager: AccessLogManager
  readonly #listeners: WorkerListeners
  readonly #changes = new ChangeQueue((change) => applyChange(change, this.#instance, this.#listeners))
  #healthCheckFailed: boolean

  constructor(settings: WorkerSettings, registry: ExtensionRegistry) {
    const { workerIndex, bootstrap } = settings
    configureLog(settings.log)
    setLevels(settings.logLevels)
    this.#healthCheckFailed = settings.healthCheckFailed
    this.#runtime.update(settings.runtime)
    const errors = new ConfigErrors()
    const segment = openSegment(inheritedFd.stats)
    const { rejects } = statsSettings(bootstrap, [], errors)
    const store = new StatsStore(segment.slab(workerIndex + 1), { rejects })
    this.#accessLogManager = new AccessLogManager(store, {
      flushIntervalMs: settings.fileFlushIntervalMs,
      flushMinSizeBytes: settings.fileFlushMinSizeBytes,
      sendLogMessage: (message) => send({ type: 'logs', message }),
    })
    const drainManager = new DrainManager(() => this.#healthCheckFailed)
    drainManager.state = settings.drain
    this.#instance = new Instance(bootstrap, {
      scope: store,
      runtime: this.#runtime,
      registry,
      accessLogManager: this.#accessLogManager,
      shared: sharedMemory(segment, inheritedFd.cells, workerIndex + 1),
      folders: this.#folders,
      resources: new WatchedResources({
        onWanted: () => {},
        onUnwanted: () => {},
        onRequested: ({ key }, name) => send({ type: 'wanted', key, name }),
      }),
      localInfo: settings.localInfo,
      errors,
      drainManager,
      dnsDemand: {
        onCache: () => {},
        onWanted: (cache, host) => send({ type: 'dnsHostWanted', cache, host }),
        onUsed: (cache, hosts) => send({ type: 'dnsHostsUsed', cache, hosts }),
      },
      healthCheckFailed: () => this.#healthCheckFailed,
      onUnhealthyHost: (host) => this.#onUnhealthyHost(host),
      onOutlier: (clusterName, slot, outlier) => send({ type: 'outlier', clusterName, slot, outlier }),
      onOriginalDst: (change) => send({ type: 'originalDst', change }),
      workerIndex,
      concurrency: settings.concurrency,
      createGrpcClient: loadedGrpcClient,
    })
    refuseDifference(errors)
    this.#instance.context.overload.update(settings.overload)
    const { drainTimeMs, drainStrategy: strategy } = settings
    this.#listeners = new WorkerListeners(this.#instance, { drainTimeMs, strategy })
    for (const update of settings.dnsHosts) this.#instance.context.dnsCaches.onHost(update)
    for (const change of settings.changes) finish(applyChange(change, this.#instance, this.#listeners))
    this.#instance.overloadManager.startInWorker()
    const health = new WorkerHealth(store, workerIndex)
    setInterval(() => health.sample(), healthSampleMs).unref()
  }

  onMessage(message: Exclude<ToWorker, { type: 'start' }>): void {
    switch (message.type) {
      case 'listen':
        void this.#listen(message.sockets)
        break
      case 'update':
        this.#update(message.update, () => send({ type: 'applied', version: message.version }))
        break
      case 'query':
        void this.#answer(message.id, message.what)
        break
      case 'logsTaken':
        this.#accessLogManager.grpcLoggers.onTaken(message.stream, message.bytes)
        break
      case 'stop':
        void this.#stop()
        break
    }
  }

  /** Changes of the configuration take their time; what else changes does so at once. */
  #update(update: WorkerUpdate, applied: () => void): void {
    if (update.type === 'config') this.#changes.add(update.changes, applied)
    else {
      this.#apply(update)
      applied()
    }
  }

  #apply(change: Exclude<WorkerUpdate, { type: 'config' }>): void {
    switch (change.type) {
      case 'dnsHost':
        this.#instance.context.dnsCaches.onHost(change.update)
        break
      case 'runtime':
        this.#runtime.update(change.values)
        break
      case 'folder':
        this.#folders.changed(change.folder)
        break
      case 'drain':
        this.#instance.setDrain(change.drain)
        break
      case 'overload':
        this.#instance.context.overload.update(change.scales)
        break
      case 'pauseListeners':
        this.#listeners.pause(change.isPaused)
        break
      case 'stopListeners':
        this.#listeners.stopListening(change.inboundOnly)
        break
      case 'healthCheck':
        this.#healthCheckFailed = change.failed
        break
      case 'logLevels':
        setLevels(change.levels)
        break
      case 'reopenLogs':
        reopenLog()
        this.#accessLogManager.reopen()
        break
    }
  }

  #onUnhealthyHost(host: Host): void {
    const clusterName = host.cluster.name
    const cluster = this.#instance.clusterManager.get(clusterName)
    for (const [key, each] of cluster === undefined ? [] : keyedHosts(cluster))
      if (each === host) send({ type: 'unhealthyHost', clusterName, key })
  }

  async #listen(sockets: readonly BoundSocketInfo[]): Promise<void> {
    const received = sockets.length === 0 ? undefined : receiveDescriptors(inheritedFd.sockets)
    const descriptors = received === undefined || received === 'closed' ? [] : received.descriptors
    if (descriptors.length !== sockets.length)
      throw new Error(`${descriptors.length} of ${sockets.length} listening sockets arrived`)
    for (const [i, socket] of sockets.entries()) await this.#listeners.listen(socket, descriptors[i])
    send({ type: 'listening' })
  }

  async #answer(id: number, what: Extract<ToWorker, { type: 'query' }>['what']): Promise<void> {
    const value = await answerQuery(what, this.#instance.clusterManager)
    send({ type: 'answer', id, value })
  }

  /** Ends at once, as Envoy does: connections are cut, what is logged is written. */
  async #stop(): Promise<void> {
    this.#listeners.close('server_shutdown')
    await this.#accessLogManager.flushAll()
    // Messages leave in order: with the last one gone, all are.
    send({ type: 'stopped' }, () => process.exit(0))
  }
}

function setLevels(levels: WorkerSettings['logLevels']): void {
  for (const [name, level] of levels) {
    if (name === '*') setAllLevels(level)
    else getLogger(name).level = level
  }
}
