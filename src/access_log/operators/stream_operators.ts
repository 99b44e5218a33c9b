// Operators of the exchange itself: protocol, ids, response code and flags, bytes, names.

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { measurements } from '../../stream_info/measurements.ts'
import { responseFlagNames } from '../../stream_info/response_flags.ts'
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

/** Details never hold white space, so that a line can be split at it. */
function underscored(text: string): string | undefined {
  if (text === '') return undefined
  return /\s/.test(text) ? text.replace(/\s/g, '_') : text
}

const responseCodeDetails: OperatorSpec = {
  argument: 'optional',
  length: false,
  make: (argument) =>
    argument === 'ALLOW_WHITESPACES'
      ? textOperator((ctx) => ctx.streamInfo.responseCodeDetails || undefined)
      : textOperator((ctx) => underscored(ctx.streamInfo.responseCodeDetails)),
}

// A TCP connection has no request id; its stream id is made when first asked for and kept.
const connectionStreamIds = new WeakMap<StreamInfo, string>()

function streamId(ctx: FormatterContext): string {
  if (ctx.streamInfo.requestId !== '') return ctx.streamInfo.requestId
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

function tls(): OperatorSpec {
  return plainText(() => undefined)
}

/** Operators that only a TLS connection answers and that no transport socket fills. */
const certificateSubjects = [
  'PEER_SUBJECT',
  'PEER_ISSUER',
  'PEER_URI_SAN',
  'PEER_DNS_SAN',
  'PEER_IP_SAN',
  'LOCAL_URI_SAN',
  'LOCAL_DNS_SAN',
  'LOCAL_IP_SAN',
  'PEER_CERT',
  'TLS_GROUP',
]
const downstreamCertificateSubjects = [
  'LOCAL_SUBJECT',
  'LOCAL_EMAIL_SAN',
  'LOCAL_OTHERNAME_SAN',
  'PEER_EMAIL_SAN',
  'PEER_OTHERNAME_SAN',
  'PEER_SERIAL',
  'PEER_FINGERPRINT_1',
  'PEER_FINGERPRINT_256',
  'PEER_ISSUER_SERIAL',
  'PEER_ISSUER_FINGERPRINT_256',
  'PEER_CHAIN_SERIALS',
  'PEER_CHAIN_FINGERPRINTS_1',
  'PEER_CHAIN_FINGERPRINTS_256',
]

const certificateOperators: (readonly [string, OperatorSpec])[] = [
  ...certificateSubjects.flatMap((name) => [
    [`DOWNSTREAM_${name}`, tls()] as const,
    [`UPSTREAM_${name}`, tls()] as const,
  ]),
  ...downstreamCertificateSubjects.map((name) => [`DOWNSTREAM_${name}`, tls()] as const),
  ...['DOWNSTREAM', 'UPSTREAM'].flatMap((side) =>
    ['START', 'END'].map((end): [string, OperatorSpec] => [
      `${side}_PEER_CERT_V_${end}`,
      { argument: 'optional', length: false, make: () => textOperator(() => undefined) },
    ]),
  ),
  ['TLS_JA3_FINGERPRINT', plainText((ctx) => ctx.streamInfo.downstream.ja3Fingerprint || undefined)],
  ['TLS_JA4_FINGERPRINT', plainText((ctx) => ctx.streamInfo.downstream.ja4Fingerprint || undefined)],
]

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
  ['DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED', plainNumber((ctx) => ctx.streamInfo.downstreamHeaderBytesReceived)],
  ['DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT', plainNumber((ctx) => ctx.streamInfo.downstreamHeaderBytesSent)],
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
  ['DOWNSTREAM_TLS_VERSION', plainText((ctx) => ctx.streamInfo.downstream.tls?.version || undefined)],
  ['DOWNSTREAM_TLS_CIPHER', plainText((ctx) => ctx.streamInfo.downstream.tls?.cipher || undefined)],
  ['DOWNSTREAM_TLS_SESSION_ID', plainText((ctx) => ctx.streamInfo.downstream.tls?.sessionId || undefined)],
  ['UPSTREAM_TLS_VERSION', plainText((ctx) => ctx.streamInfo.upstream?.tls?.version || undefined)],
  ['UPSTREAM_TLS_CIPHER', plainText((ctx) => ctx.streamInfo.upstream?.tls?.cipher || undefined)],
  ['UPSTREAM_TLS_SESSION_ID', plainText((ctx) => ctx.streamInfo.upstream?.tls?.sessionId || undefined)],
  ...certificateOperators,
]
