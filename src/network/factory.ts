// What extensions of the network layer are made of: the factories of network filters, listener filters and transport sockets.

import type { AccessLogManager } from '../access_log/access_log_manager.ts'
import type { Lifetime } from '../common/lifetime.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { InitManager } from '../config/init_manager.ts'
import type { ExtensionFactory, ExtensionRegistry } from '../config/registry.ts'
import type { Runtime } from '../config/runtime.ts'
import type { WatchedResources } from '../config/watched_resources.ts'
import type { SharedCounter } from '../stats/shared_counter.ts'
import type { StatsOwner } from '../stats/stats_owner.ts'
import type { Scope } from '../stats/store.ts'
import type { ConnectionLimit } from './connection_limits.ts'
import type { ConnectionSocket } from './connection_socket.ts'
import type { DrainDecision } from './drain.ts'
import type { ListenerFilterFactoryCb } from './listener_filter.ts'
import type { NetworkFilterFactoryCb } from './network_filter.ts'
import type { OverloadState } from './overload/overload_state.ts'
import type { SecretManager } from './tls/secret_manager.ts'
import type { TransportSocket } from './transport_socket.ts'
import type { WatchedFolders } from './watched_folders.ts'

/** Memory that all workers share, by name. */
export interface SharedMemory {
  /** A count that is exact over all workers. */
  counter(name: string): SharedCounter
  /** Several of one name, as many wherever they are asked for. */
  counters(name: string, count: number): readonly SharedCounter[]
  /** One 64-bit word, zero at first, for `Atomics`. */
  cell64(name: string): BigInt64Array
  /** Several of one name, as many wherever they are asked for. */
  cells64(name: string, count: number): BigInt64Array
}

/** The part of the server that the network layer uses; the server context of the upper layers has it all. */
export interface NetworkServerContext {
  readonly scope: Scope
  readonly runtime: Runtime
  readonly registry: ExtensionRegistry
  readonly accessLogManager: AccessLogManager
  readonly errors: ConfigErrors
  readonly shared: SharedMemory
  readonly globalConnectionLimit: ConnectionLimit
  /** Of the listener that is being built, nothing is where that bypasses the overload manager. */
  readonly overload: OverloadState
  readonly secrets: SecretManager
  readonly folders: WatchedFolders
  readonly resources: WatchedResources
  /** Waits for what discovery services bring to the listener or cluster that is being built. */
  readonly initManager: InitManager
  /** Of the listener, filter chain or cluster that is being built. */
  readonly lifetime: Lifetime
  /** Of what is made in `scope`; ended when the last connection is gone that counts there. */
  readonly statsOwner: StatsOwner
  readonly drainDecision: DrainDecision
  /** 0-based index of the worker; -1 in main. */
  readonly workerIndex: number
}

/** Of where an extension is configured: a filter chain, or a route configuration. */
export interface SharedNames {
  /**
   * A name in `SharedMemory` for one configured extension: the same in every worker, since all build the same
   * configuration in the same order, and no other extension's.
   */
  sharedName(kind: string): string
}

/** The listener that an extension is configured for. */
export interface ListenerInfo extends SharedNames {
  /** `listener.<address or stat_prefix>.` */
  readonly listenerScope: Scope
  readonly listenerName: string
  readonly trafficDirection: 'UNSPECIFIED' | 'INBOUND' | 'OUTBOUND'
  /** `metadata` of the listener by namespace. */
  readonly listenerMetadata: Readonly<Record<string, unknown>>
  readonly perConnectionBufferLimitBytes: number
  readonly listenerHasAccessLogs: boolean
}

/** What a factory gets. Extensions name the server context of their own layer as `Server`. */
export type ListenerFactoryContext<Server extends NetworkServerContext = NetworkServerContext> = Server & ListenerInfo

/** Category `envoy.filters.network`. Errors of the configuration go to `context.errors`, and building goes on. */
export interface NetworkFilterFactory<Config = unknown, Server extends NetworkServerContext = NetworkServerContext>
  extends ExtensionFactory {
  readonly category: 'envoy.filters.network'
  /** Whether the filter ends the chain: it consumes the connection's data. */
  readonly isTerminal: boolean
  createFilterFactory(config: Config, context: ListenerFactoryContext<Server>): NetworkFilterFactoryCb
}

/** Category `envoy.filters.listener`. */
export interface ListenerFilterConfigFactory<
  Config = unknown,
  Server extends NetworkServerContext = NetworkServerContext,
> extends ExtensionFactory {
  readonly category: 'envoy.filters.listener'
  createFilterFactory(config: Config, context: ListenerFactoryContext<Server>): ListenerFilterFactoryCb
}

/** What one filter chain's transport socket does to accepted sockets; made once from the configuration. */
export interface DownstreamTransportSocketFactory {
  /** The name that `filter_chain_match.transport_protocol` and logs know: `raw_buffer`, `tls`. */
  readonly transportProtocol: string
  /**
   * What one connection's bytes pass through, before its socket is read; undefined where they are those of the socket.
   * What goes wrong is said in `facts`.
   */
  wrap(facts: ConnectionSocket): TransportSocket | undefined
}

/** Category `envoy.transport_sockets.downstream`. */
export interface DownstreamTransportSocketConfigFactory<
  Config = unknown,
  Server extends NetworkServerContext = NetworkServerContext,
> extends ExtensionFactory {
  readonly category: 'envoy.transport_sockets.downstream'
  createTransportSocketFactory(
    config: Config,
    context: ListenerFactoryContext<Server>,
    serverNames: readonly string[],
  ): DownstreamTransportSocketFactory
}
