// What one configured HTTP connection manager is made of: compiled once, shared by all its connections.

import type { AccessLog } from '../../access_log/access_log.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import type { TimerGroup } from '../../common/timer.ts'
import type { DrainDecision } from '../../network/drain.ts'
import type { OverloadAction } from '../../network/overload/overload_state.ts'
import type { StreamAccounts } from '../../network/overload/stream_accounts.ts'
import type { AddressInfo, StreamInfo } from '../../stream_info/stream_info.ts'
import type { ClusterManager } from '../../upstream/cluster_manager.ts'
import type { Http1CodecStats } from '../codec/http1/server_codec.ts'
import type { Http1Settings } from '../codec/http1/settings.ts'
import type { Http2CodecStats } from '../codec/http2/codec_stats.ts'
import type { Http2Settings } from '../codec/http2/settings.ts'
import type { LocalReplyRewriter } from '../local_reply.ts'
import type { RequestRouteUpdate, RouteSource } from '../route.ts'
import type { CodecType } from './codec_type.ts'
import type { ConfiguredFilter } from './filter_manager.ts'
import type { ForwardClientCert } from './forward_client_cert.ts'
import type { PathNormalization } from './path_normalization.ts'
import type { PrematureResetSettings } from './premature_resets.ts'
import type { ConnectionManagerStats, ListenerHttpStats } from './stats.ts'

/** An upgrade type (`websocket`, `connect`, ...) of upgrade_configs. */
export interface UpgradeSettings {
  readonly enabled: boolean
  /** The filter chain for these requests; undefined for the ordinary one. */
  readonly filters: readonly ConfiguredFilter[] | undefined
}

/** How the client's address is found; undefined where the connection's own address stands. */
export type IpDetection = (
  headers: HeaderMap,
  remoteAddress: AddressInfo,
) =>
  | { readonly address: AddressInfo | undefined; readonly trusted: boolean; readonly skipXffAppend: boolean }
  | { readonly rejectStatus: number }

/** Timers that overload may shorten. */
export interface ScaledTimerGroups {
  readonly connectionIdle: TimerGroup
  readonly connectionMax: TimerGroup
  readonly streamIdle: TimerGroup
  readonly streamFlush: TimerGroup
}

/** What overload may ask for. */
export interface OverloadSettings {
  readonly stopAcceptingRequests: OverloadAction
  readonly disableKeepalive: OverloadAction
  /** Load shed points. */
  readonly creatingCodec: OverloadAction
  readonly decodingHeaders: OverloadAction
  readonly http1AbortDispatch: OverloadAction
  readonly http2GoAwayOnDispatch: OverloadAction
  readonly http2GoAwayAndCloseOnDispatch: OverloadAction
  readonly timers: ScaledTimerGroups
  /** Undefined where no stream is ever reset for its memory. */
  readonly accounts: StreamAccounts | undefined
  /** x-envoy-local-overloaded, with what is turned away. */
  readonly appendsHeader: boolean
}

export interface ConnectionManagerSettings {
  readonly stats: ConnectionManagerStats
  readonly listenerStats: ListenerHttpStats
  readonly codecStats: Http1CodecStats
  readonly codecType: CodecType
  readonly http1: Http1Settings
  readonly http2: Http2Settings
  readonly http2Stats: Http2CodecStats
  readonly prematureResets: PrematureResetSettings
  readonly filters: readonly ConfiguredFilter[]
  readonly upgrades: ReadonlyMap<string, UpgradeSettings>
  /** The route table in force for a request; undefined where there is none, or RDS has not delivered one. */
  readonly routeConfig: RouteSource['routeConfig']
  readonly requestRouteUpdate: RequestRouteUpdate
  readonly clusterManager: ClusterManager
  readonly accessLogs: readonly AccessLog[]
  /** `metadata` of the listener by namespace. */
  readonly listenerMetadata: Readonly<Record<string, unknown>>
  readonly flushAccessLogOnNewRequest: boolean
  readonly accessLogFlushIntervalMs: number
  readonly drainDecision: DrainDecision
  readonly overload: OverloadSettings
  readonly localReply: LocalReplyRewriter
  /** early_header_mutation_extensions, in order. */
  readonly earlyHeaderMutation: ((headers: HeaderMap, info: StreamInfo) => void) | undefined

  // Names and headers
  readonly serverName: string
  readonly serverHeader: 'OVERWRITE' | 'APPEND_IF_ABSENT' | 'PASS_THROUGH'
  readonly via: string
  readonly userAgent: string
  readonly nodeId: string
  readonly useRemoteAddress: boolean
  readonly forwardClientCert: ForwardClientCert
  readonly xffNumTrustedHops: number
  readonly skipXffAppend: boolean
  readonly appendXForwardedPort: boolean
  readonly ipDetection: IpDetection
  /** The machine's own address, which stands for loopback peers in x-forwarded-for. */
  readonly localIp: string
  readonly isInternalAddress: (ip: string) => boolean
  readonly generateRequestId: boolean
  readonly preserveExternalRequestId: boolean
  readonly alwaysSetRequestIdInResponse: boolean
  /** scheme_to_overwrite; '' for none. */
  readonly schemeToOverwrite: string
  readonly matchUpstreamScheme: boolean
  readonly proxy100Continue: boolean

  // Paths and hosts
  readonly path: PathNormalization | undefined
  readonly rejectPathWithFragment: boolean
  readonly stripPort: 'none' | 'any' | 'matching'
  readonly stripTrailingHostDot: boolean

  // Limits and times; milliseconds, 0 for none
  readonly idleTimeoutMs: number
  readonly maxConnectionDurationMs: number
  /** Up to how much the duration is lengthened, by chance: 0 to 1. */
  readonly maxConnectionDurationJitter: number
  /** After the duration the next response ends the connection; it is not closed between requests. */
  readonly safeMaxConnectionDuration: boolean
  readonly maxRequestsPerConnection: number
  readonly requestTimeoutMs: number
  readonly requestHeadersTimeoutMs: number
  readonly streamIdleTimeoutMs: number
  readonly streamFlushTimeoutMs: number | undefined
  readonly maxStreamDurationMs: number
  readonly delayedCloseTimeoutMs: number
  readonly drainTimeoutMs: number
  /** As `maxConnectionDurationJitter`. */
  readonly drainTimeoutJitter: number
}
