// Operators of the exchange itself: protocol, ids, response code and flags, bytes, names.

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { measurements } from '../../stream_info/measurements.ts'
import { ResponseFlag, responseFlagNames } from '../../stream_info/response_flags.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { FormatterContext } from '../formatter_context.ts'
import { byteString } from '../json_text.ts'
import {
  configuredTextOperator,
  numberOperator,
  type OperatorSpec,
  plainConfiguredText,
  plainNumber,
  plainText,
  textOperator,
} from '../operator.ts'

const shortFlagNames = new Map(responseFlagNames.map(([flag, short]) => [flag, short]))
const longFlagNames = new Map(responseFlagNames.map(([flag, , long]) => [flag, long]))

/** The names of the flags, joined by commas, '-' for none. */
export function responseFlagsText(flags: readonly number[], names: ReadonlyMap<number, string>): string {
  if (flags.length === 0) return '-'
  return flags.map((flag) => names.get(flag)).join(',')
}

/** Undefined where nobody has said anything; Envoy's answer in the place of a missing filter says nothing, and says so. */
function detailsOf({ streamInfo }: FormatterContext): string | undefined {
  const { responseCodeDetails } = streamInfo
  if (responseCodeDetails !== '' || streamInfo.hasResponseFlag(ResponseFlag.NoFilterConfigFound))
    return responseCodeDetails
  return undefined
}

/** Details never hold white space, so that a line can be split at it. */
function underscored(text: string | undefined): string | undefined {
  return text !== undefined && /\s/.test(text) ? text.replace(/\s/g, '_') : text
}

const responseCodeDetails: OperatorSpec = {
  argument: 'optional',
  length: false,
  make: (argument) =>
    argument === 'ALLOW_WHITESPACES' ? textOperator(detailsOf) : textOperator((ctx) => underscored(detailsOf(ctx))),
}

// A TCP connection has no request id; its stream id is made when first asked for and kept.
const connectionStreamIds = new WeakMap<StreamInfo, string>()

/** The request's id, or the connection's; undefined for a request that has none. */
export function streamId(ctx: FormatterContext): string | undefined {
  const { requestId, isConnectionStream } = ctx.streamInfo
  if (!isConnectionStream) return requestId || undefined
  let id = connectionStreamIds.get(ctx.streamInfo)
  if (id === undefined) {
    id = randomUUID()
    connectionStreamIds.set(ctx.streamInfo, id)
  }
  return id
}

/** A number that is measured only where a format shows it. */
function measuredNumber(
  measurement: keyof typeof measurements,
  read: (ctx: FormatterContext) => number | undefined,
): OperatorSpec {
  return {
    argument: 'none',
    length: false,
    make: () => {
      measurements[measurement] = true
      return numberOperator(read)
    },
  }
}

const environment: OperatorSpec = {
  argument: 'required',
  length: true,
  make: (argument, maxLength) => {
    const value = byteString(process.env[argument] ?? '-')
    return textOperator(() => value, maxLength)
  },
}

const host = byteString(hostname())

export const streamOperators: readonly (readonly [string, OperatorSpec])[] = [
  ['PROTOCOL', plainText((ctx) => ctx.streamInfo.protocol || undefined)],
  ['UNIQUE_ID', plainText(() => randomUUID())],
  ['STREAM_ID', plainText(streamId)],
  ['TRACE_ID', plainText((ctx) => ctx.streamInfo.traceId || undefined)],
  ['SPAN_ID', plainText((ctx) => ctx.streamInfo.spanId || undefined)],
  ['RESPONSE_CODE', plainNumber((ctx) => ctx.streamInfo.responseCode)],
  ['RESPONSE_CODE_DETAILS', responseCodeDetails],
  ['RESPONSE_FLAGS', plainText((ctx) => responseFlagsText(ctx.streamInfo.responseFlagsInOrder, shortFlagNames))],
  ['RESPONSE_FLAGS_LONG', plainText((ctx) => responseFlagsText(ctx.streamInfo.responseFlagsInOrder, longFlagNames))],
  ['CONNECTION_TERMINATION_DETAILS', plainText((ctx) => ctx.streamInfo.connectionTerminationDetails || undefined)],
  ['LOCAL_REPLY_BODY', plainText((ctx) => ctx.localReplyBody)],
  ['CUSTOM_FLAGS', plainText(() => '')],
  ['BYTES_RECEIVED', plainNumber((ctx) => ctx.streamInfo.bytesReceived)],
  ['BYTES_SENT', plainNumber((ctx) => ctx.streamInfo.bytesSent)],
  // Envoy fills these only where a listener's tcp_stats transport socket measures the kernel's counters.
  ['BYTES_RETRANSMITTED', plainNumber(() => 0)],
  ['PACKETS_RETRANSMITTED', plainNumber(() => 0)],
  ['DOWNSTREAM_WIRE_BYTES_RECEIVED', plainNumber((ctx) => ctx.streamInfo.downstreamWireBytesReceived)],
  ['DOWNSTREAM_WIRE_BYTES_SENT', plainNumber((ctx) => ctx.streamInfo.downstreamWireBytesSent)],
  ['DOWNSTREAM_HEADER_BYTES_RECEIVED', plainNumber((ctx) => ctx.streamInfo.downstreamHeaderBytesReceived)],
  ['DOWNSTREAM_HEADER_BYTES_SENT', plainNumber((ctx) => ctx.streamInfo.downstreamHeaderBytesSent)],
  [
    'DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED',
    plainNumber((ctx) => ctx.streamInfo.downstreamDecompressedHeaderBytesReceived),
  ],
  [
    'DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT',
    plainNumber((ctx) => ctx.streamInfo.downstreamDecompressedHeaderBytesSent),
  ],
  ['ROUTE_NAME', plainConfiguredText((ctx) => ctx.streamInfo.routeName)],
  ['VIRTUAL_CLUSTER_NAME', plainConfiguredText((ctx) => ctx.streamInfo.virtualClusterName)],
  ['FILTER_CHAIN_NAME', plainConfiguredText((ctx) => ctx.streamInfo.downstream.filterChainName)],
  ['LISTENER_NAME', plainConfiguredText((ctx) => ctx.streamInfo.downstream.listenerName)],
  ['ACCESS_LOG_TYPE', plainText((ctx) => ctx.accessLogType)],
  ['HOSTNAME', { argument: 'none', length: false, make: () => configuredTextOperator(() => host) }],
  ['ENVIRONMENT', environment],
  [
    'ROUTE_RESOLUTION_TIME_US',
    measuredNumber('routeResolution', (ctx) => Math.round(ctx.streamInfo.routeResolutionMs * 1000)),
  ],
  ['ROUTE_RESOLUTION_COUNT', plainNumber((ctx) => ctx.streamInfo.routeResolutionCount)],
  ['DOWNSTREAM_CX_RTT', measuredNumber('roundTrip', (ctx) => ctx.streamInfo.downstream.roundTripTimeMs())],
  ['TLS_JA3_FINGERPRINT', plainText((ctx) => ctx.streamInfo.downstream.ja3Fingerprint || undefined)],
  ['TLS_JA4_FINGERPRINT', plainText((ctx) => ctx.streamInfo.downstream.ja4Fingerprint || undefined)],
]
