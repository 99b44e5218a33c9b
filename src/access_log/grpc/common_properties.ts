// AccessLogCommon of a log entry: what entries of requests and of connections have alike.

import { textOfByteString } from '../../common/sanitized_utf8.ts'
import type { AccessLogCommon, Sparse } from '../../config/access_log_messages.ts'
import { filterStateMessage } from '../../stream_info/filter_state.ts'
import type { AddressInfo, StreamInfo } from '../../stream_info/stream_info.ts'
import type { CustomTag } from '../custom_tags.ts'
import type { AccessLogType, FormatterContext } from '../formatter_context.ts'
import { streamId } from '../operators/stream_operators.ts'
import { responseFlagsView } from './response_flags.ts'
import { tlsProperties } from './tls_properties.ts'

export interface CommonSettings {
  readonly filterStateObjects: readonly string[]
  readonly customTags: readonly CustomTag[]
}

export function commonProperties(ctx: FormatterContext, settings: CommonSettings): Sparse<AccessLogCommon> {
  const { streamInfo } = ctx
  const { downstream, upstream } = streamInfo
  return {
    downstreamRemoteAddress: addressView(streamInfo.remoteAddress),
    downstreamLocalAddress: addressView(downstream.localAddress),
    downstreamDirectRemoteAddress: addressView(downstream.directRemoteAddress),
    downstreamTransportFailureReason: textOfByteString(downstream.transportFailureReason),
    tlsProperties: tlsProperties(downstream),
    startTime: streamInfo.startWallMs,
    ...timings(streamInfo),
    upstreamRemoteAddress: addressView(upstream?.host?.address),
    upstreamLocalAddress: addressView(upstream?.localAddress),
    upstreamTransportFailureReason: textOfByteString(upstream?.transportFailureReason ?? ''),
    upstreamCluster: upstream?.host?.cluster.name ?? '',
    upstreamRequestAttemptCount: streamInfo.attemptCount,
    upstreamWireBytesSent: upstream?.wireBytesSent ?? 0,
    upstreamWireBytesReceived: upstream?.wireBytesReceived ?? 0,
    downstreamWireBytesSent: streamInfo.downstreamWireBytesSent,
    downstreamWireBytesReceived: streamInfo.downstreamWireBytesReceived,
    responseFlags: responseFlagsView(streamInfo.responseFlags),
    metadata: metadataView(streamInfo),
    routeName: streamInfo.routeName,
    filterStateObjects: filterStateView(streamInfo, settings.filterStateObjects),
    customTags: customTagsView(ctx, settings.customTags),
    connectionTerminationDetails: textOfByteString(streamInfo.connectionTerminationDetails),
    streamId: textOfByteString(streamId(ctx) ?? ''),
    intermediateLogEntry: Number.isNaN(streamInfo.requestCompleteMs),
    accessLogType: ctx.accessLogType as AccessLogType,
  }
}

function addressView(address: AddressInfo | undefined): Sparse<AccessLogCommon['downstreamRemoteAddress']> {
  if (address === undefined) return undefined
  if (address.family === 'pipe') return { pipe: { path: address.text } }
  return { socketAddress: { address: address.ip, portValue: address.port } }
}

/** Milliseconds since the start of what has happened so far. */
function timings(info: StreamInfo): Sparse<AccessLogCommon> {
  const { startTimeMs, upstream } = info
  const sinceStart = (ms: number | undefined): number | undefined =>
    ms === undefined || Number.isNaN(ms) ? undefined : Math.max(0, ms - startTimeMs)
  return {
    timeToLastRxByte: sinceStart(info.lastDownstreamRxByteMs),
    timeToFirstUpstreamTxByte: sinceStart(upstream?.firstTxByteSentMs),
    timeToLastUpstreamTxByte: sinceStart(upstream?.lastTxByteSentMs),
    timeToFirstUpstreamRxByte: sinceStart(upstream?.firstRxByteReceivedMs),
    timeToLastUpstreamRxByte: sinceStart(upstream?.lastRxByteReceivedMs),
    timeToFirstDownstreamTxByte: sinceStart(info.firstDownstreamTxByteMs),
    timeToLastDownstreamTxByte: sinceStart(info.lastDownstreamTxByteMs),
    duration: sinceStart(info.requestCompleteMs),
  }
}

function metadataView({ dynamicMetadata }: StreamInfo): Sparse<AccessLogCommon['metadata']> {
  for (const _namespace in dynamicMetadata)
    return { filterMetadata: dynamicMetadata } as Sparse<AccessLogCommon['metadata']>
  return undefined
}

function filterStateView(info: StreamInfo, keys: readonly string[]): AccessLogCommon['filterStateObjects'] {
  const objects: AccessLogCommon['filterStateObjects'] = {}
  for (const key of keys) {
    const message = filterStateMessage(info.filterStateObject(key))
    if (message !== undefined) objects[key] = message
  }
  return objects
}

function customTagsView(ctx: FormatterContext, tags: readonly CustomTag[]): Record<string, string> {
  const values: Record<string, string> = {}
  for (const { name, read } of tags) {
    const value = read(ctx)
    if (value !== undefined) values[name] = textOfByteString(value)
  }
  return values
}
