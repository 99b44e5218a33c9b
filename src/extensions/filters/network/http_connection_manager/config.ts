// envoy.filters.network.http_connection_manager: from its configuration to the settings of src/http/conn_manager.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { createAccessLogs } from '../../../../access_log/access_log.ts'
import { CidrRange, CidrSet, parseIp } from '../../../../common/cidr.ts'
import { readCidrSet } from '../../../../config/cidr_ranges.ts'
import { createHttp2CodecStats } from '../../../../http/codec/http2/codec_stats.ts'
import { ConnectionManager } from '../../../../http/conn_manager/connection_manager.ts'
import { compileForwardClientCert } from '../../../../http/conn_manager/forward_client_cert.ts'
import type { ConnectionManagerSettings, OverloadSettings } from '../../../../http/conn_manager/settings.ts'
import { connectionManagerStats, listenerHttpStats } from '../../../../http/conn_manager/stats.ts'
import { compileLocalReply } from '../../../../http/local_reply.ts'
import type { ListenerFactoryContext, NetworkFilterFactory } from '../../../../network/factory.ts'
import type { NetworkFilterFactoryCb } from '../../../../network/network_filter.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { buildHttpFilters, buildUpgrades } from './http_filters.ts'
import { downstreamHttp1Settings, http1CodecStats } from './http1_settings.ts'
import { downstreamHttp2Settings } from './http2_settings.ts'
import { buildEarlyHeaderMutation, buildIpDetection } from './request_extensions.ts'
import { routeSource } from './route_source.ts'

type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
type Context = ListenerFactoryContext<ServerContext>

const defaultIdleTimeoutMs = 3_600_000
const defaultStreamIdleTimeoutMs = 300_000
const defaultDelayedCloseTimeoutMs = 1000
const defaultDrainTimeoutMs = 5000
const uuidRequestId = 'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig'

export const httpConnectionManager: NetworkFilterFactory<HttpConnectionManager, ServerContext> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.http_connection_manager',
  typeUrls: ['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'],
  isTerminal: true,
  createFilterFactory(config: HttpConnectionManager, context: Context): NetworkFilterFactoryCb {
    const settings = connectionManagerSettings(config, context)
    return () => new ConnectionManager(settings)
  },
}

export function connectionManagerSettings(config: HttpConnectionManager, context: Context): ConnectionManagerSettings {
  const common = config.commonHttpProtocolOptions
  const statPrefix = `http.${config.statPrefix}.`
  checkUnsupported(config, context)
  const streamError = config.streamErrorOnInvalidHttpMessage ?? false
  const http1 = downstreamHttp1Settings(
    config.httpProtocolOptions,
    common,
    config.maxRequestHeadersKb,
    streamError,
    context,
  )
  const routes = routeSource(config, context)
  const options = config.accessLogOptions
  return {
    stats: connectionManagerStats(context.scope, config.statPrefix),
    listenerStats: listenerHttpStats(context.listenerScope, config.statPrefix),
    codecStats: http1CodecStats(context.scope),
    codecType: config.codecType === 'HTTP3' ? 'AUTO' : config.codecType,
    http1,
    http2: downstreamHttp2Settings(config.http2ProtocolOptions, http1, streamError, context.errors),
    http2Stats: createHttp2CodecStats(context.scope),
    prematureResets: {
      totalStreamCount: context.runtime.getInteger('overload.premature_reset_total_stream_count', 500),
      minStreamLifetimeMs: context.runtime.getInteger('overload.premature_reset_min_stream_lifetime_seconds', 1) * 1000,
    },
    filters: buildHttpFilters(config.httpFilters, 'http', statPrefix, context),
    upgrades: buildUpgrades(config.upgradeConfigs, statPrefix, context),
    routeConfig: routes.routeConfig,
    requestRouteUpdate: routes.requestUpdate,
    clusterManager: context.clusterManager,
    accessLogs: createAccessLogs(config.accessLog, context),
    listenerMetadata: context.listenerMetadata,
    flushAccessLogOnNewRequest: options?.flushAccessLogOnNewRequest ?? config.flushAccessLogOnNewRequest,
    accessLogFlushIntervalMs: options?.accessLogFlushInterval ?? config.accessLogFlushInterval ?? 0,
    drainDecision: context.drainDecision,
    overload: overloadSettings(config, context),
    localReply: compileLocalReply(config.localReplyConfig, context),
    earlyHeaderMutation: buildEarlyHeaderMutation(config.earlyHeaderMutationExtensions, context),

    serverName: config.serverName === '' ? 'envoy' : config.serverName,
    serverHeader: config.serverHeaderTransformation,
    via: config.via,
    userAgent: config.addUserAgent === true ? context.localInfo.clusterName : '',
    nodeId: context.localInfo.nodeId,
    useRemoteAddress: config.useRemoteAddress ?? false,
    forwardClientCert: compileForwardClientCert(config, context),
    xffNumTrustedHops: config.xffNumTrustedHops,
    skipXffAppend: config.skipXffAppend,
    appendXForwardedPort: config.appendXForwardedPort,
    ipDetection: buildIpDetection(config, context),
    localIp: context.localInfo.address,
    isInternalAddress: internalAddress(config, context),
    generateRequestId: config.generateRequestId ?? true,
    preserveExternalRequestId: config.preserveExternalRequestId,
    alwaysSetRequestIdInResponse: config.alwaysSetRequestIdInResponse,
    schemeToOverwrite: config.schemeHeaderTransformation?.schemeToOverwrite ?? '',
    matchUpstreamScheme: config.schemeHeaderTransformation?.matchUpstream ?? false,
    proxy100Continue: config.proxy100Continue,

    path: pathNormalization(config, context),
    rejectPathWithFragment: context.runtime.getBoolean(
      'envoy.reloadable_features.http_reject_path_with_fragment',
      true,
    ),
    stripPort: config.stripAnyHostPort === true ? 'any' : config.stripMatchingHostPort ? 'matching' : 'none',
    stripTrailingHostDot: config.stripTrailingHostDot,

    idleTimeoutMs: common?.idleTimeout ?? defaultIdleTimeoutMs,
    maxConnectionDurationMs: common?.maxConnectionDuration ?? 0,
    maxConnectionDurationJitter: (common?.maxConnectionDurationJitter?.value ?? 0) / 100,
    safeMaxConnectionDuration: config.http1SafeMaxConnectionDuration,
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    requestTimeoutMs: config.requestTimeout ?? 0,
    requestHeadersTimeoutMs: config.requestHeadersTimeout ?? 0,
    streamIdleTimeoutMs: config.streamIdleTimeout ?? defaultStreamIdleTimeoutMs,
    streamFlushTimeoutMs: config.streamFlushTimeout,
    maxStreamDurationMs: common?.maxStreamDuration ?? 0,
    delayedCloseTimeoutMs: config.delayedCloseTimeout ?? defaultDelayedCloseTimeoutMs,
    drainTimeoutMs: config.drainTimeout ?? defaultDrainTimeoutMs,
    drainTimeoutJitter: (config.drainTimeoutJitter?.value ?? 0) / 100,
  }
}

function overloadSettings(config: HttpConnectionManager, { overload }: Context): OverloadSettings {
  return {
    stopAcceptingRequests: overload.action('envoy.overload_actions.stop_accepting_requests'),
    disableKeepalive: overload.action('envoy.overload_actions.disable_http_keepalive'),
    creatingCodec: overload.action('envoy.load_shed_points.hcm_ondata_creating_codec'),
    decodingHeaders: overload.action('envoy.load_shed_points.http_connection_manager_decode_headers'),
    http1AbortDispatch: overload.action('envoy.load_shed_points.http1_server_abort_dispatch'),
    http2GoAwayOnDispatch: overload.action('envoy.load_shed_points.http2_server_go_away_on_dispatch'),
    http2GoAwayAndCloseOnDispatch: overload.action('envoy.load_shed_points.http2_server_go_away_and_close_on_dispatch'),
    timers: {
      connectionIdle: overload.timers.group('HTTP_DOWNSTREAM_CONNECTION_IDLE'),
      connectionMax: overload.timers.group('HTTP_DOWNSTREAM_CONNECTION_MAX'),
      streamIdle: overload.timers.group('HTTP_DOWNSTREAM_STREAM_IDLE'),
      streamFlush: overload.timers.group('HTTP_DOWNSTREAM_STREAM_FLUSH'),
    },
    accounts: overload.accounts,
    appendsHeader: config.appendLocalOverload,
  }
}

/** What cannot be served as it says, beside the fields that no table has. */
function checkUnsupported(config: HttpConnectionManager, context: Context): void {
  if (config.codecType === 'HTTP3')
    context.errors.add(config, 'codecType', 'codec_type HTTP3 is not supported', { expected: 'AUTO, HTTP1 or HTTP2' })
  const extension = config.requestIdExtension?.typedConfig
  if (extension !== undefined && extension.typeUrl !== uuidRequestId)
    context.errors.add(
      config,
      'requestIdExtension',
      `Didn't find a registered implementation for type: '${extension.typeUrl}'`,
      { expected: uuidRequestId },
    )
}

function pathNormalization(config: HttpConnectionManager, context: Context): ConnectionManagerSettings['path'] {
  const runtimeDefault = context.runtime.getBoolean('http_connection_manager.normalize_path', false)
  const normalizePath = config.normalizePath ?? runtimeDefault
  const action = config.pathWithEscapedSlashesAction
  const escapedSlashes = action === 'IMPLEMENTATION_SPECIFIC_DEFAULT' ? 'KEEP_UNCHANGED' : action
  if (!normalizePath && !config.mergeSlashes && escapedSlashes === 'KEEP_UNCHANGED') return undefined
  return { normalizePath, mergeSlashes: config.mergeSlashes, escapedSlashes }
}

/** Envoy's idea of addresses from inside. */
const privateRanges = new CidrSet(
  ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.1/32', 'fd00::/8', '::1/128'].flatMap((text) => {
    const [address, length] = text.split('/')
    return CidrRange.create(address, Number(length)) ?? []
  }),
)

/** What internal_address_config means where it names no ranges. Without internal_address_config no address is internal, as Envoy has it since 1.33. */
function internalAddress(config: HttpConnectionManager, context: Context): (ip: string) => boolean {
  const internal = config.internalAddressConfig
  if (internal === undefined) return () => false
  const ranges = internal.cidrRanges.length === 0 ? privateRanges : readCidrSet(internal.cidrRanges, context.errors)
  return (ip) => {
    if (ip === '') return internal.unixSockets
    const parsed = parseIp(ip)
    return parsed !== undefined && ranges.contains(parsed)
  }
}
