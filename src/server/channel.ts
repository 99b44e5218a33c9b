// What main and its workers agree on: how a worker is started, and all the messages between them.

import { fileURLToPath } from 'node:url'
import type { LogLevel, LogSettings } from '../common/log.ts'
import type { Bootstrap } from '../config/load.ts'
import type { RuntimeValue } from '../config/runtime.ts'
import type { HostsUpdate } from '../upstream/cluster_manager.ts'
import type { LocalInfo } from '../upstream/server_context.ts'

/** What a worker runs, and the environment variable that tells it that it is one. */
export const programPath = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url),
)
export const workerMarker = 'NUNCIO_WORKER'

/** Descriptors that a worker inherits, in the order of its stdio array. */
export const inheritedFd = { ipc: 3, stats: 4, cells: 5, sockets: 6 } as const

/** One address of a listener and the port it is really bound to; its socket comes over the descriptor channel. */
export interface BoundSocketInfo {
  readonly listenerIndex: number
  readonly socketIndex: number
  readonly port: number
}

export interface WorkerSettings {
  readonly workerIndex: number
  readonly concurrency: number
  readonly bootstrap: Bootstrap
  readonly localInfo: LocalInfo
  readonly runtime: Readonly<Record<string, RuntimeValue>>
  readonly logLevels: readonly (readonly [name: string, level: LogLevel])[]
  readonly log: LogSettings
  readonly fileFlushIntervalMs: number
  readonly fileFlushMinSizeBytes: number
  readonly hosts: readonly HostsUpdate[]
  readonly drain: DrainState
  readonly healthCheckFailed: boolean
}

/** A drain in force: since when (wall clock), how long, and how. */
export interface DrainState {
  readonly startedAtWallMs: number
  readonly drainTimeMs: number
  readonly strategy: 'gradual' | 'immediate'
  readonly direction: 'none' | 'all' | 'inboundOnly'
}

export type ToWorker =
  | { readonly type: 'start'; readonly settings: WorkerSettings }
  /** One message of listening sockets has been sent: accept on them, and say so. */
  | { readonly type: 'listen'; readonly sockets: readonly BoundSocketInfo[] }
  /** To be answered by `applied` with the same version. */
  | { readonly type: 'update'; readonly version: number; readonly update: WorkerUpdate }
  | { readonly type: 'query'; readonly id: number; readonly what: WorkerQuery }
  | { readonly type: 'stop' }

/** A change of what a worker was started with. None can fail: what could is checked in main first. */
export type WorkerUpdate =
  | { readonly type: 'hosts'; readonly update: HostsUpdate }
  | { readonly type: 'runtime'; readonly values: Readonly<Record<string, RuntimeValue>> }
  /** Files in a folder have changed. */
  | { readonly type: 'folder'; readonly folder: string }
  | { readonly type: 'drain'; readonly drain: DrainState }
  | { readonly type: 'stopListeners'; readonly inboundOnly: boolean }
  | { readonly type: 'healthCheck'; readonly failed: boolean }
  | { readonly type: 'logLevels'; readonly levels: readonly (readonly [name: string, level: LogLevel])[] }
  | { readonly type: 'reopenLogs' }

/** Stopping answers with the profile. */
export type ProfilerQuery =
  | 'startCpuProfile'
  | 'stopCpuProfile'
  | 'startHeapProfile'
  | 'startAllocationProfile'
  | 'stopHeapProfile'

export type WorkerQuery = 'hostStats' | 'memory' | 'heapSnapshot' | ProfilerQuery

/** One host's numbers in a worker, for `/clusters`. */
export interface HostNumbers {
  readonly cluster: string
  readonly address: string
  readonly cxTotal: number
  readonly cxActive: number
  readonly cxConnectFail: number
  readonly rqTotal: number
  readonly rqActive: number
  readonly rqSuccess: number
  readonly rqError: number
  readonly rqTimeout: number
}

export type FromWorker =
  /** The configuration is built: sockets may come. */
  | { readonly type: 'built' }
  /** Accepting. */
  | { readonly type: 'listening' }
  | { readonly type: 'applied'; readonly version: number }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  /** Access logs are written; the worker ends. */
  | { readonly type: 'stopped' }
