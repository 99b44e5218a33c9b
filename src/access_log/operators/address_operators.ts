// Operators of connections: addresses of both sides, the upstream host and cluster, how connections ended.

import type { AddressInfo, StreamInfo, UpstreamHostInfo } from '../../stream_info/stream_info.ts'
import type { FormatterContext } from '../formatter_context.ts'
import { byteString } from '../json_text.ts'
import {
  FormatError,
  type OperatorSpec,
  plainConfiguredText,
  plainNumber,
  plainText,
  textOperator,
} from '../operator.ts'
import { headerReader } from './header_operators.ts'

type AddressOf = (info: StreamInfo) => AddressInfo | undefined

/** The address without its port: the IP, or a pipe's path; with a prefix length, the network in CIDR form. */
function withoutPort(of: AddressOf): OperatorSpec {
  return {
    argument: 'optional',
    length: false,
    make: (argument) => {
      // Envoy ignores an argument that is no number.
      const prefixLength = /^\d+$/.test(argument) ? Number(argument) : undefined
      return textOperator((ctx) => {
        const address = of(ctx.streamInfo)
        if (address === undefined) return undefined
        if (address.family === 'pipe') return byteString(address.text)
        return prefixLength === undefined ? address.ip : networkText(address, prefixLength)
      })
    },
  }
}

/** `10.1.0.0/16`; lengths beyond the address's bits count as all of them. */
function networkText(address: AddressInfo, prefixLength: number): string {
  if (address.family === 'ipv4') {
    const bits = Math.min(prefixLength, 32)
    const octets = address.ip.split('.').map((octet, i) => Number(octet) & octetMask(bits - i * 8, 8))
    return `${octets.join('.')}/${bits}`
  }
  const bits = Math.min(prefixLength, 128)
  const groups = ipv6Groups(address.ip).map((group, i) => group & octetMask(bits - i * 16, 16))
  return `${ipv6Text(groups)}/${bits}`
}

/** A mask of `width` bits whose first `ones` bits are set. */
function octetMask(ones: number, width: number): number {
  const all = (1 << width) - 1
  return ones >= width ? all : ones <= 0 ? 0 : all & ~(all >> ones)
}

function ipv6Groups(ip: string): number[] {
  const dotted =
    ip.lastIndexOf('.') < 0
      ? undefined
      : ip
          .slice(ip.lastIndexOf(':') + 1)
          .split('.')
          .map(Number)
  const hex =
    dotted === undefined
      ? ip
      : ip.slice(0, ip.lastIndexOf(':') + 1) +
        `${((dotted[0] << 8) | dotted[1]).toString(16)}:${((dotted[2] << 8) | dotted[3]).toString(16)}`
  const [head, tail] = hex.split('%', 1)[0].split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length
  return [...first, ...Array<string>(zeros).fill('0'), ...last].map((group) => Number.parseInt(group, 16))
}

/** RFC 5952: the longest run of two or more zero groups, the first of equals, becomes `::`. */
function ipv6Text(groups: readonly number[]): string {
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && groups[i + run] === 0) run++
    if (run > length) {
      start = i
      length = run
    }
  }
  const hex = groups.map((group) => group.toString(16))
  if (start < 0) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

function addressFamily(prefix: string, of: AddressOf): (readonly [string, OperatorSpec])[] {
  return [
    [`${prefix}_ADDRESS`, plainText((ctx) => addressText(of(ctx.streamInfo)))],
    [`${prefix}_ADDRESS_WITHOUT_PORT`, withoutPort(of)],
    [
      `${prefix}_PORT`,
      plainNumber((ctx) => {
        const address = of(ctx.streamInfo)
        return address === undefined || address.family === 'pipe' ? undefined : address.port
      }),
    ],
  ]
}

function addressText(address: AddressInfo | undefined): string | undefined {
  if (address === undefined) return undefined
  return address.family === 'pipe' ? byteString(address.text) : address.text
}

const closeTypes: Readonly<Record<string, string>> = {
  '': 'Normal',
  normal: 'Normal',
  local_reset: 'LocalReset',
  remote_reset: 'RemoteReset',
}

const originalHost = headerReader('x-envoy-original-host')

/** REQUESTED_SERVER_NAME(SNI_ONLY|SNI_FIRST|HOST_FIRST:ORIG|HOST|ORIG_OR_HOST); both options may be left out. */
const requestedServerName: OperatorSpec = {
  argument: 'optional',
  length: false,
  make: (argument) => {
    const [order = '', source = ''] = argument.split(':')
    if (!['', 'SNI_ONLY', 'SNI_FIRST', 'HOST_FIRST'].includes(order)) {
      throw new FormatError(
        `Invalid REQUESTED_SERVER_NAME option: '${order}', only 'SNI_ONLY'/'SNI_FIRST'/'HOST_FIRST' are allowed`,
      )
    }
    if (!['', 'ORIG', 'HOST', 'ORIG_OR_HOST'].includes(source)) {
      throw new FormatError(
        `Invalid REQUESTED_SERVER_NAME option: '${source}', only 'ORIG_OR_HOST'/'HOST'/'ORIG' are allowed`,
      )
    }
    const host = (ctx: FormatterContext): string | undefined => {
      const headers = ctx.requestHeaders
      if (headers === undefined) return undefined
      const original = source === 'HOST' ? undefined : originalHost(headers)
      return original ?? (source === 'ORIG' ? undefined : headers.authority || undefined)
    }
    if (order === 'SNI_FIRST') return textOperator((ctx) => sniOf(ctx) ?? host(ctx))
    if (order === 'HOST_FIRST') return textOperator((ctx) => host(ctx) ?? sniOf(ctx))
    return textOperator(sniOf)
  },
}

/** The server name the client sent: free text of the client's, so what cannot be part of a name is replaced and marked. */
function sniOf(ctx: FormatterContext): string | undefined {
  const name = ctx.streamInfo.downstream.requestedServerName
  if (name === '') return undefined
  return /^[A-Za-z0-9._-]*$/.test(name) ? name : `invalid:${name.replace(/[^A-Za-z0-9._-]/g, '_')}`
}

function attempted(of: (host: UpstreamHostInfo) => string): OperatorSpec {
  return plainText((ctx) => {
    const hosts = ctx.streamInfo.upstream?.hostsAttempted
    return hosts === undefined || hosts.length === 0 ? undefined : hosts.map(of).join(',')
  })
}

function hostName(host: UpstreamHostInfo): string {
  return byteString(host.hostname === '' ? host.address.text : host.hostname)
}

function hostNameWithoutPort(host: UpstreamHostInfo): string {
  const name = hostName(host)
  const port = name.lastIndexOf(':')
  if (port < 0 || !/^\d+$/.test(name.slice(port + 1))) return name
  const bare = name.slice(0, port)
  return bare.startsWith('[') && bare.endsWith(']') ? bare.slice(1, -1) : bare
}

function hostAddressWithoutPort(host: UpstreamHostInfo): string {
  return byteString(host.address.family === 'pipe' ? host.address.text : host.address.ip)
}

function reason(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  return byteString(text).replace(/\s/g, '_')
}

function orAbsent(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

const upstreamHostOperators: (readonly [string, OperatorSpec])[] = [
  ['UPSTREAM_HOST', plainText((ctx) => addressText(ctx.streamInfo.upstream?.host?.address))],
  ['UPSTREAM_HOST_NAME', plainText((ctx) => ofHost(ctx, hostName))],
  ['UPSTREAM_HOST_NAME_WITHOUT_PORT', plainText((ctx) => ofHost(ctx, hostNameWithoutPort))],
  ['UPSTREAM_CLUSTER', plainConfiguredText((ctx) => ctx.streamInfo.upstreamCluster?.observabilityName)],
  ['UPSTREAM_CLUSTER_RAW', plainConfiguredText((ctx) => ctx.streamInfo.upstreamCluster?.name)],
  ['UPSTREAM_HOSTS_ATTEMPTED', attempted((host) => byteString(host.address.text))],
  ['UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT', attempted(hostAddressWithoutPort)],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED', attempted(hostName)],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT', attempted(hostNameWithoutPort)],
]

function ofHost(ctx: FormatterContext, read: (host: UpstreamHostInfo) => string): string | undefined {
  const host = ctx.streamInfo.upstream?.host
  return host === undefined ? undefined : read(host)
}

const upstreamConnectionOperators: (readonly [string, OperatorSpec])[] = [
  // Addresses of internal listeners alone have an endpoint id.
  [
    'UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID',
    plainText((ctx) => (ctx.streamInfo.upstream?.remoteAddress === undefined ? undefined : '')),
  ],
  ['UPSTREAM_PROTOCOL', plainText((ctx) => orAbsent(ctx.streamInfo.upstream?.protocol))],
  ['UPSTREAM_SERVER_NAME', plainText((ctx) => orAbsent(ctx.streamInfo.upstream?.tls?.sni))],
  ['UPSTREAM_CONNECTION_ID', plainNumber((ctx) => ctx.streamInfo.upstream?.connectionId ?? 0)],
  [
    'UPSTREAM_CONNECTION_IDS_ATTEMPTED',
    plainText((ctx) => orAbsent(ctx.streamInfo.upstream?.connectionIdsAttempted.join(','))),
  ],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', plainNumber((ctx) => ctx.streamInfo.attemptCount)],
  ['UPSTREAM_TRANSPORT_FAILURE_REASON', plainText((ctx) => reason(ctx.streamInfo.upstream?.transportFailureReason))],
  [
    'UPSTREAM_DETECTED_CLOSE_TYPE',
    plainText((ctx) => closeTypes[ctx.streamInfo.upstream?.detectedCloseType ?? 'absent']),
  ],
  ['UPSTREAM_LOCAL_CLOSE_REASON', plainText((ctx) => reason(ctx.streamInfo.upstream?.localCloseReason))],
  ['UPSTREAM_WIRE_BYTES_RECEIVED', plainNumber((ctx) => ctx.streamInfo.upstream?.wireBytesReceived ?? 0)],
  ['UPSTREAM_WIRE_BYTES_SENT', plainNumber((ctx) => ctx.streamInfo.upstream?.wireBytesSent ?? 0)],
  ['UPSTREAM_HEADER_BYTES_RECEIVED', plainNumber((ctx) => ctx.streamInfo.upstream?.headerBytesReceived ?? 0)],
  ['UPSTREAM_HEADER_BYTES_SENT', plainNumber((ctx) => ctx.streamInfo.upstream?.headerBytesSent ?? 0)],
  [
    'UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED',
    plainNumber((ctx) => ctx.streamInfo.upstream?.decompressedHeaderBytesReceived ?? 0),
  ],
  [
    'UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT',
    plainNumber((ctx) => ctx.streamInfo.upstream?.decompressedHeaderBytesSent ?? 0),
  ],
]

export const addressOperators: readonly (readonly [string, OperatorSpec])[] = [
  ...addressFamily('DOWNSTREAM_REMOTE', (info) => info.remoteAddress),
  ...addressFamily('DOWNSTREAM_LOCAL', (info) => info.downstream.localAddress),
  ...addressFamily('DOWNSTREAM_DIRECT_REMOTE', (info) => info.downstream.directRemoteAddress),
  ...addressFamily('DOWNSTREAM_DIRECT_LOCAL', (info) => info.downstream.directLocalAddress),
  ...addressFamily('UPSTREAM_LOCAL', (info) => info.upstream?.localAddress),
  ...addressFamily('UPSTREAM_REMOTE', (info) => info.upstream?.remoteAddress),
  ['DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID', plainText(() => '')],
  ['DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID', plainText(() => '')],
  ['REQUESTED_SERVER_NAME', requestedServerName],
  ['CONNECTION_ID', plainNumber((ctx) => ctx.streamInfo.downstream.connectionId)],
  ['DOWNSTREAM_DETECTED_CLOSE_TYPE', plainText((ctx) => closeTypes[ctx.streamInfo.downstream.detectedCloseType])],
  ['DOWNSTREAM_LOCAL_CLOSE_REASON', plainText((ctx) => reason(ctx.streamInfo.downstream.localCloseReason))],
  ['DOWNSTREAM_TRANSPORT_FAILURE_REASON', plainText((ctx) => reason(ctx.streamInfo.downstream.transportFailureReason))],
  ...upstreamHostOperators,
  ...upstreamConnectionOperators,
]
