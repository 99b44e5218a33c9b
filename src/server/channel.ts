// What main and its workers agree on: how a worker is started, and all the messages between them.

import { fileURLToPath } from 'node:url'
import type { envoy } from '../../proto/generated/api.d.ts'
import type { LogStreamMessage } from '../access_log/grpc/grpc_access_logger.ts'
import type { LogLevel, LogSettings } from '../common/log.ts'
import type { Bootstrap } from '../config/load.ts'
import type { RuntimeValue } from '../config/runtime.ts'
import type { DrainStrategy } from '../network/drain.ts'
import type { OverloadScales } from '../network/overload/overload_state.ts'
import type { HostsUpdate } from '../upstream/cluster_manager.ts'
import type { DnsHostUpdate } from '../upstream/dns_cache/dns_cache.ts'
import type { ActiveHealth, OutlierHealth } from '../upstream/host.ts'
import type { OriginalDstChange } from '../upstream/original_dst/original_dst_load_balancer.ts'
import type { ReportedType } from '../upstream/outlier_detection/outlier_type.ts'
import type { LocalInfo } from '../upstream/server_context.ts'
import type { ChangePart } from './long_lists.ts'

/** What a worker runs, and the environment variable that tells it that it is one. */
export const programPath = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url),
)
export const workerMarker = 'NUNCIO_WORKER'

/** Descriptors that a worker inherits, in the order of its stdio array. */
export const inheritedFd = { ipc: 3, stats: 4, cells: 5, sockets: 6 } as const

/** One address of a listener and the port it is really bound to; its socket comes over the descriptor channel. */
export interface BoundSocketInfo {
  readonly listenerId: number
  readonly socketIndex: number
  /** Which of the sockets of that address. */
  readonly share: number
  readonly port: number
}

export interface WorkerSettings {
  readonly workerIndex: number
  readonly concurrency: number
  /** Without listeners and clusters: those are `changes`. */
  readonly bootstrap: Bootstrap
  /** Everything there is, as a worker that has been there all the time has been told. */
  readonly changes: readonly ConfigChange[]
  readonly dnsHosts: readonly DnsHostUpdate[]
  readonly drainTimeMs: number
  readonly drainStrategy: DrainStrategy
  readonly localInfo: LocalInfo
  readonly runtime: Readonly<Record<string, RuntimeValue>>
  readonly logLevels: readonly (readonly [name: string, level: LogLevel])[]
  readonly log: LogSettings
  readonly fileFlushIntervalMs: number
  readonly fileFlushMinSizeBytes: number
  readonly drain: DrainState
  readonly overload: OverloadScales
  readonly healthCheckFailed: boolean
}

/** A drain in force: since when (wall clock), how long, and how. */
export interface DrainState {
  readonly startedAtWallMs: number
  readonly drainTimeMs: number
  readonly strategy: DrainStrategy
  readonly direction: 'none' | 'all' | 'inboundOnly'
}

export type ToWorker =
  | { readonly type: 'start'; readonly settings: WorkerSettings }
  /** One message of listening sockets has been sent: accept on them, and say so. */
  | { readonly type: 'listen'; readonly sockets: readonly BoundSocketInfo[] }
  /** To be answered by `applied` with the same version. */
  | { readonly type: 'update'; readonly version: number; readonly update: WorkerUpdate }
  | { readonly type: 'query'; readonly id: number; readonly what: WorkerQuery }
  /** Of what was given for an access log service: so much has left. */
  | { readonly type: 'logsTaken'; readonly stream: number; readonly bytes: number }
  | { readonly type: 'stop' }

/** Of the host with a key of `hostKeys`. */
export interface KeyedHealth {
  readonly key: string
  readonly active: ActiveHealth
  readonly outlier: OutlierHealth
}

/** What it is about is checked in main before: it cannot fail in a worker. */
export type ConfigChange =
  /** A new cluster, or another one in the place of that of its name, with the hosts that it has: no request finds it empty. */
  | {
      readonly kind: 'cluster'
      readonly view: envoy.config.cluster.v3.Cluster
      readonly hosts: HostsUpdate | undefined
    }
  | { readonly kind: 'hosts'; readonly update: HostsUpdate }
  /** What active health checks or outlier detection have changed of some hosts. */
  | { readonly kind: 'health'; readonly clusterName: string; readonly hosts: readonly KeyedHealth[] }
  | { readonly kind: 'removeCluster'; readonly name: string }
  /** A resource of WatchedResources by its key: told before what uses it; undefined where it is gone. */
  | { readonly kind: 'resource'; readonly key: string; readonly view: object | undefined }
  | { readonly kind: 'unusedResource'; readonly key: string }
  /** All static secrets, of a reloaded bootstrap. */
  | { readonly kind: 'secrets'; readonly views: readonly envoy.extensions.transport_sockets.tls.v3.Secret[] }
  /** A new listener, whose sockets follow, or a new version of one, which goes on with its sockets. */
  | { readonly kind: 'listener'; readonly id: number; readonly view: envoy.config.listener.v3.Listener }
  /** Its connections are asked to leave. */
  | { readonly kind: 'removeListener'; readonly id: number }

/** A change of what a worker was started with. None can fail: what could is checked in main first. */
export type WorkerUpdate =
  | { readonly type: 'config'; readonly changes: readonly ChangePart[] }
  /** What a DNS cache has found, or has forgotten. */
  | { readonly type: 'dnsHost'; readonly update: DnsHostUpdate }
  | { readonly type: 'runtime'; readonly values: Readonly<Record<string, RuntimeValue>> }
  /** Files in a folder have changed. */
  | { readonly type: 'folder'; readonly folder: string }
  | { readonly type: 'drain'; readonly drain: DrainState }
  | { readonly type: 'overload'; readonly scales: OverloadScales }
  | { readonly type: 'stopListeners'; readonly inboundOnly: boolean }
  /** Another process accepts on the same sockets. */
  | { readonly type: 'pauseListeners'; readonly isPaused: boolean }
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

export type WorkerQuery = 'hostStats' | 'load' | 'memory' | 'heapSnapshot' | ProfilerQuery

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
  /** A request waits for a resource of WatchedResources, by its key, or for this one of a collection. */
  | { readonly type: 'wanted'; readonly key: string; readonly name: string }
  /** A request waits for a host of a DNS cache. */
  | { readonly type: 'dnsHostWanted'; readonly cache: string; readonly host: string }
  /** Requests were sent to these hosts of a DNS cache since it was told last. */
  | { readonly type: 'dnsHostsUsed'; readonly cache: string; readonly hosts: readonly string[] }
  /** A response of the host, by its key of `hostKeys`, has asked for no more traffic. */
  | { readonly type: 'unhealthyHost'; readonly clusterName: string; readonly key: string }
  /** The host of that slot is an outlier. */
  | { readonly type: 'outlier'; readonly clusterName: string; readonly slot: number; readonly outlier: ReportedType }
  | { readonly type: 'originalDst'; readonly change: OriginalDstChange }
  /** For an access log service. */
  | { readonly type: 'logs'; readonly message: LogStreamMessage }
  /** Access logs are written; the worker ends. */
  | { readonly type: 'stopped' }
