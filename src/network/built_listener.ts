// A listener as its configuration builds it: everything decided that can be decided before the first connection.

import type { AccessLog } from '../access_log/access_log.ts'
import type { Lifetime } from '../common/lifetime.ts'
import type { TimerGroup } from '../common/timer.ts'
import type { StatsOwner } from '../stats/stats_owner.ts'
import type { Scope } from '../stats/store.ts'
import type { ConnectionLimit } from './connection_limits.ts'
import type { Drain } from './drain.ts'
import type { DownstreamTransportSocketFactory } from './factory.ts'
import type { FilterChainFinder } from './filter_chain_matcher.ts'
import type { ListenerFilterFactory } from './listener_filter.ts'
import type { ListenerStats } from './listener_stats.ts'
import type { ConfiguredNetworkFilter } from './network_filter.ts'
import type { OverloadAction } from './overload/overload_state.ts'
import type { ListenerSocketSettings } from './socket_settings.ts'

export interface FilterChain {
  readonly name: string
  /** In order, the last one terminal. Empty for a chain without filters, whose connections are closed at once. */
  readonly filters: readonly ConfiguredNetworkFilter[]
  readonly transportSocket: DownstreamTransportSocketFactory
  /** 0: no limit. */
  readonly transportSocketConnectTimeoutMs: number
  readonly transportSocketConnectTimers: TimerGroup
  /** Begins when the listener goes on without this chain. */
  readonly drain: Drain
  readonly lifetime: Lifetime
}

/** By what they say: chains of one key are alike in all. */
export type FilterChains = ReadonlyMap<string, FilterChain>

export interface BuiltListener {
  readonly name: string
  readonly trafficDirection: 'UNSPECIFIED' | 'INBOUND' | 'OUTBOUND'
  readonly sockets: ListenerSocketSettings
  readonly scope: Scope
  readonly stats: ListenerStats
  /** The same in versions of a listener that differ in filter chains alone. */
  readonly body: string
  /** Its own, without that of its chains. */
  readonly lifetime: Lifetime
  readonly statsOwner: StatsOwner
  readonly chains: FilterChains
  readonly filterChains: FilterChainFinder<FilterChain>
  readonly listenerFilters: readonly ListenerFilterFactory[]
  /** 0: no limit. */
  readonly listenerFiltersTimeoutMs: number
  readonly continueOnListenerFiltersTimeout: boolean
  readonly bufferLimitBytes: number
  /** How long a connection may stay above its buffer limit before it is closed; 0: for ever. */
  readonly highWatermarkTimeoutMs: number
  readonly accessLogs: readonly AccessLog[]
  readonly connectionLimit: ConnectionLimit
  readonly globalConnectionLimit: ConnectionLimit
  readonly ignoreGlobalConnectionLimit: boolean
  /** Whether overload has a connection closed as soon as it comes. */
  readonly rejectsConnection: () => boolean
  /** While it is saturated, connections are left waiting in the kernel. */
  readonly stopsAccepting: OverloadAction
  /** The socket's own address may differ from the listener's: TPROXY gives each connection its original destination. */
  readonly transparent: boolean
  /** Connections whose local address was restored go to the listener of that address, where there is one. */
  readonly handsOffRestored: boolean
}

/** Those of its chains that another version does not go on with. */
export function droppedChains({ chains }: BuiltListener, kept?: BuiltListener): FilterChain[] {
  return [...chains].flatMap(([key, chain]) => (kept?.chains.get(key) === chain ? [] : chain))
}
