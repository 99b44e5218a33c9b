// What the admin interface may ask of the server.

import type { AccessLogManager } from '../access_log/access_log_manager.ts'
import type { LogLevel } from '../common/log.ts'
import type { Bootstrap } from '../config/load.ts'
import type { BuiltListener } from '../network/built_listener.ts'
import type { NodeHealth } from '../stats/node_health.ts'
import type { StatsReader } from '../stats/reader.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { LocalInfo, ServerContext } from '../upstream/server_context.ts'
import type { LiveConfiguration } from './live_configuration.ts'
import type { Options } from './options.ts'
import type { ReloadReport } from './reload.ts'
import type { RuntimeLayer } from './runtime_layers.ts'
import type { WorkerReports } from './worker_reports.ts'

export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING'

export interface BoundListener {
  readonly built: BuiltListener
  readonly addresses: readonly AddressInfo[]
}

export interface DrainListenersOptions {
  readonly graceful: boolean
  readonly inboundOnly: boolean
  readonly skipExit: boolean
}

/** Changes resolve when every worker has them. */
export interface ServerControl {
  readonly options: Options
  readonly bootstrap: Bootstrap
  readonly localInfo: LocalInfo
  /** Wall clock of the start, milliseconds. */
  readonly startedAtWallMs: number
  readonly clusterManager: ClusterManager
  /** Main's shared parts, with a scope for stats of its own. */
  readonly context: ServerContext
  /** Opens the files of the admin interface's access logs. */
  readonly adminAccessLogManager: AccessLogManager
  readonly stats: StatsReader
  /** Clusters, listeners and what discovery services bring. */
  readonly live: LiveConfiguration
  /** Names of extensions by category, for `/server_info`. */
  extensions(): readonly { readonly category: string; readonly name: string; readonly typeUrls: readonly string[] }[]
  state(): ServerState
  listeners(): readonly BoundListener[]
  runtimeLayers(): readonly RuntimeLayer[]
  readonly hasAdminLayer: boolean
  modifyRuntime(changes: Readonly<Record<string, string>>): Promise<void>
  setLogLevels(levels: readonly (readonly [name: string, level: LogLevel])[]): Promise<void>
  failHealthCheck(failed: boolean): Promise<void>
  /** `graceful` drains over the drain time before the listeners stop; `skipExit` keeps them listening. */
  drainListeners(options: DrainListenersOptions): Promise<void>
  reopenLogs(): Promise<void>
  /** Reads the bootstrap's file again; a dry run changes nothing. */
  reload(dryRun: boolean): Promise<ReloadReport>
  /** Why the last version of the file is not in force; undefined where it is. */
  reloadProblem(): string | undefined
  quit(): void
  readonly reports: WorkerReports
  /** Brings `server.*` up to date before it is read. */
  refreshServerStats(): void
  readonly nodeHealth: NodeHealth
}
