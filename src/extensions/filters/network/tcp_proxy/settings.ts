// What one configured tcp_proxy does, compiled from its message.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { type AccessLog, createAccessLogs } from '../../../../access_log/access_log.ts'
import { xxHash64 } from '../../../../common/hash.ts'
import { utf8ByteString } from '../../../../common/string_matcher.ts'
import type { Connection } from '../../../../network/connection.ts'
import type { ConnectionByteStats } from '../../../../network/connection_types.ts'
import type { DrainDecision } from '../../../../network/drain.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import type { OverloadAction } from '../../../../network/overload/overload_state.ts'
import { filterStateText } from '../../../../stream_info/filter_state.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'
import type { ClusterManager } from '../../../../upstream/cluster_manager.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { compileAddedTlvs } from './added_tlvs.ts'
import { type TcpProxyStats, tcpProxyStats } from './stats.ts'
import { compileTunneling, type TunnelSettings } from './tunneling.ts'

type TcpProxyView = envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
type Metadata = envoy.config.core.v3.Metadata
type Context = ListenerFactoryContext<ServerContext>

const defaultIdleTimeoutMs = 3_600_000
const lbNamespace = 'envoy.lb'
/** Envoy's default for `max_interval`, as a multiple of `base_interval`. */
const maxIntervalFactor = 10

/** Where a connection goes. */
export interface ClusterRoute {
  readonly clusterName: string
  /** What `metadata_match` asks of hosts, in namespace envoy.lb. */
  readonly metadataMatch: Readonly<Record<string, unknown>> | undefined
}

export interface BackoffSettings {
  readonly baseIntervalMs: number
  readonly maxIntervalMs: number
}

export interface TcpProxySettings {
  readonly stats: TcpProxyStats
  readonly byteStats: ConnectionByteStats
  readonly clusterManager: ClusterManager
  /** Load shed points: whether overload ends the connection. */
  readonly onDataPoint: OverloadAction
  readonly upstreamConnectPoint: OverloadAction
  /** `random` is of [0, 1). */
  readonly route: (random: number) => ClusterRoute
  readonly defaultMetadataMatch: Readonly<Record<string, unknown>> | undefined
  /** The hash for load balancers that hash; undefined without a policy or a value for it. */
  readonly hash: (connection: Connection, streamInfo: StreamInfo) => bigint | undefined
  /** 0: none. */
  readonly idleTimeoutMs: number
  readonly maxConnectAttempts: number
  readonly backoff: BackoffSettings | undefined
  /** 0: none. */
  readonly maxDownstreamConnectionDurationMs: number
  /** Up to how much the duration is lengthened, by chance: 0 to 1. */
  readonly durationJitter: number
  readonly accessLogs: readonly AccessLog[]
  /** An access log of the filter or of its listener may ask for the upstream connection's own address. */
  readonly logsAddresses: boolean
  /** 0: none. */
  readonly accessLogFlushIntervalMs: number
  readonly flushAccessLogOnConnected: boolean
  readonly flushAccessLogOnStart: boolean
  /** Undefined where draining does not concern the connections. */
  readonly drainDecision: DrainDecision | undefined
  /** Adds to what PROXY headers say of a connection; undefined where nothing is added. */
  readonly addTlvs: ((streamInfo: StreamInfo) => void) | undefined
  /** Undefined where the upstream connection is the client's alone. */
  readonly tunneling: TunnelSettings | undefined
}

export function tcpProxySettings(view: TcpProxyView, context: Context): TcpProxySettings {
  const stats = tcpProxyStats(context.scope, view.statPrefix)
  const options = view.accessLogOptions
  const hasOldOptions = view.flushAccessLogOnConnected || view.accessLogFlushInterval !== undefined
  if (options !== undefined && hasOldOptions) {
    const field = view.flushAccessLogOnConnected ? 'flushAccessLogOnConnected' : 'accessLogFlushInterval'
    context.errors.add(view, field, 'may not be set together with access_log_options')
  }
  const defaultMetadataMatch = lbMetadata(view.metadataMatch)
  return {
    stats,
    byteStats: { readTotal: stats.downstreamCxRxBytesTotal, writeTotal: stats.downstreamCxTxBytesTotal },
    clusterManager: context.clusterManager,
    onDataPoint: context.overload.action('envoy.load_shed_points.tcp_proxy_on_data'),
    upstreamConnectPoint: context.overload.action('envoy.load_shed_points.tcp_proxy_upstream_connect'),
    route: compileRoute(view, defaultMetadataMatch),
    defaultMetadataMatch,
    hash: compileHashPolicy(view),
    idleTimeoutMs: view.idleTimeout ?? defaultIdleTimeoutMs,
    maxConnectAttempts: view.maxConnectAttempts ?? 1,
    backoff: compileBackoff(view, context),
    maxDownstreamConnectionDurationMs: view.maxDownstreamConnectionDuration ?? 0,
    durationJitter: (view.maxDownstreamConnectionDurationJitterPercentage?.value ?? 0) / 100,
    accessLogs: createAccessLogs(view.accessLog, context),
    logsAddresses: view.accessLog.length > 0 || context.listenerHasAccessLogs,
    accessLogFlushIntervalMs: options?.accessLogFlushInterval ?? view.accessLogFlushInterval ?? 0,
    flushAccessLogOnConnected: options?.flushAccessLogOnConnected ?? view.flushAccessLogOnConnected,
    flushAccessLogOnStart: options?.flushAccessLogOnStart ?? false,
    drainDecision: view.checkDrainClose === true ? context.drainDecision : undefined,
    addTlvs: compileAddedTlvs(view, context),
    tunneling: view.tunnelingConfig === undefined ? undefined : compileTunneling(view.tunnelingConfig, context),
  }
}

function compileRoute(view: TcpProxyView, metadataMatch: ClusterRoute['metadataMatch']): TcpProxySettings['route'] {
  const weighted = view.weightedClusters?.clusters
  if (weighted === undefined) {
    const only: ClusterRoute = { clusterName: view.cluster ?? '', metadataMatch }
    return () => only
  }
  const routes = weighted.map((each): ClusterRoute & { readonly weight: number } => {
    const own = lbMetadata(each.metadataMatch)
    return {
      clusterName: each.name,
      metadataMatch: own === undefined ? metadataMatch : { ...metadataMatch, ...own },
      weight: each.weight,
    }
  })
  const totalWeight = routes.reduce((sum, each) => sum + each.weight, 0)
  return (random) => {
    let left = random * totalWeight
    for (const each of routes) {
      left -= each.weight
      if (left < 0) return each
    }
    return routes[routes.length - 1]
  }
}

function lbMetadata(view: Metadata | undefined): ClusterRoute['metadataMatch'] {
  return view?.filterMetadata[lbNamespace] as ClusterRoute['metadataMatch']
}

function compileHashPolicy(view: TcpProxyView): TcpProxySettings['hash'] {
  const policy = view.hashPolicy[0]
  if (policy === undefined) return () => undefined
  if (policy.policySpecifier === 'filterState') {
    const key = policy.filterState?.key ?? ''
    return (_connection, streamInfo) => {
      const state = filterStateText(streamInfo.filterStateObject(key))
      return state === undefined ? undefined : xxHash64(utf8ByteString(state))
    }
  }
  return (connection) => {
    const ip = connection.downstream?.remoteAddress.ip ?? ''
    return ip === '' ? undefined : xxHash64(ip)
  }
}

function compileBackoff(view: TcpProxyView, context: Context): BackoffSettings | undefined {
  const options = view.backoffOptions
  if (options === undefined) return undefined
  const baseIntervalMs = options.baseInterval ?? 0
  const maxIntervalMs = options.maxInterval ?? baseIntervalMs * maxIntervalFactor
  if (maxIntervalMs < baseIntervalMs) {
    const message = 'max_backoff_interval must be greater or equal to base_backoff_interval'
    context.errors.add(options, 'maxInterval', message)
  }
  return { baseIntervalMs, maxIntervalMs }
}
