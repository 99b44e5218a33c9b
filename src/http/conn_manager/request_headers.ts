// What the connection manager changes in a request's headers before routing: addresses, scheme, trust, request id.

import { randomUUID } from 'node:crypto'
import { type HeaderMap, KnownHeader } from '../../common/header_map.ts'
import type { Connection } from '../../network/connection.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { isUpgrade } from '../codec/http1/request_head.ts'
import type { ConnectionManagerSettings } from './settings.ts'

/** x-envoy-* control headers that only internal requests may carry. */
const internalOnly = [
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-hedge-on-per-try-timeout',
]

/** Those that a request from the edge may not carry either. */
const edgeOnly = [
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-original-path',
  'x-envoy-original-host',
]

const hopByHop = ['keep-alive', 'proxy-connection', 'transfer-encoding']

/** A status to refuse the request with, where original IP detection does; otherwise undefined. */
export function mutateRequestHeaders(
  headers: HeaderMap,
  connection: Connection,
  settings: ConnectionManagerSettings,
  info: StreamInfo,
): number | undefined {
  const tls = connection.downstream?.tls !== undefined
  let trusted: boolean
  if (settings.useRemoteAddress) {
    // Whoever was forwarded once already is no caller from inside.
    trusted = (headers.known & KnownHeader.xForwardedFor) === 0 || !headers.has('x-forwarded-for')
    useRemoteAddress(headers, settings, info, tls)
  } else {
    const found = settings.ipDetection(headers, info.remoteAddress)
    if ('rejectStatus' in found) return found.rejectStatus
    trusted = found.trusted && found.address !== undefined
    if (!found.skipXffAppend) appendForwardedFor(headers, settings, info.downstream.remoteAddress.ip)
    if (found.address !== undefined) info.remoteAddress = found.address
  }
  setScheme(headers, settings, tls)
  if (settings.appendXForwardedPort) setForwardedPort(headers, settings, info.downstream.localAddress.port)

  const internal = trusted && settings.isInternalAddress(info.remoteAddress.ip)
  const edge = !internal && settings.useRemoteAddress
  if ((headers.known & KnownHeader.xEnvoy) !== 0) sanitizeEnvoyHeaders(headers, internal, edge)
  if (internal) headers.set('x-envoy-internal', 'true')
  else for (const name of settings.routeConfig(headers)?.internalOnlyHeaders ?? []) headers.remove(name)
  if (settings.userAgent !== '') setUserAgent(headers, settings)
  if (settings.via !== '') headers.append('via', settings.via, ', ')
  if (edge) headers.set('x-envoy-external-address', info.remoteAddress.ip)
  if (settings.generateRequestId) setRequestId(headers, edge && !settings.preserveExternalRequestId, info)
  settings.forwardClientCert(headers, connection.downstream?.tls, info)
  return undefined
}

/** Removes what is meant for this hop only; false where the Connection header names what it must not. */
export function sanitizeHopByHop(headers: HeaderMap): boolean {
  const known = headers.known
  const hop =
    KnownHeader.connection | KnownHeader.upgrade | KnownHeader.te | KnownHeader.hopByHop | KnownHeader.transferEncoding
  if ((known & hop) === 0) return true
  if (!isUpgrade(headers)) {
    if ((known & KnownHeader.connection) !== 0 && !removeConnectionNamed(headers)) return false
    headers.remove('upgrade')
  }
  if ((known & KnownHeader.te) !== 0) sanitizeTe(headers)
  for (const name of hopByHop) headers.remove(name)
  return true
}

const mostNominated = 10
const neverNominated = new Set(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'])

/**
 * RFC 9110 7.6.1: every field that Connection names is meant for this hop only. Fields that later hops trust may not be
 * removed this way, nor many at once.
 */
function removeConnectionNamed(headers: HeaderMap): boolean {
  const values = headers.getAll('connection')
  if (values.length === 1 && values[0] === 'close') {
    headers.remove('connection')
    return true
  }
  const names = values.flatMap((value) => value.split(',').map((part) => part.trim().toLowerCase()))
  if (names.length > mostNominated) return false
  for (const name of names) {
    if (neverNominated.has(name) || name.includes(':')) return false
    if (name === '' || name === 'close' || name === 'te') continue
    headers.remove(name)
    if (name === 'host') headers.authority = ''
  }
  headers.remove('connection')
  return true
}

/** `TE: trailers` alone is passed on. */
function sanitizeTe(headers: HeaderMap): void {
  const wantsTrailers = headers
    .getAll('te')
    .some((value) => value.split(',').some((part) => part.trim() === 'trailers'))
  if (wantsTrailers) headers.set('te', 'trailers')
  else headers.remove('te')
}

function useRemoteAddress(
  headers: HeaderMap,
  settings: ConnectionManagerSettings,
  info: StreamInfo,
  tls: boolean,
): void {
  if (settings.xffNumTrustedHops > 0) {
    const found = settings.ipDetection(headers, info.remoteAddress)
    if ('address' in found && found.address !== undefined) info.remoteAddress = found.address
  }
  if (!settings.skipXffAppend) appendForwardedFor(headers, settings, info.downstream.remoteAddress.ip)
  // Without a trusted hop in front, whatever the client says of its scheme is only a claim.
  if (settings.xffNumTrustedHops === 0) headers.set('x-forwarded-proto', tls ? 'https' : 'http')
}

/** As with the scheme: a port that came is believed where somebody trusted stands in front. */
function setForwardedPort(headers: HeaderMap, settings: ConnectionManagerSettings, port: number): void {
  const overwrites = settings.useRemoteAddress && settings.xffNumTrustedHops === 0
  if (overwrites || !headers.has('x-forwarded-port')) headers.set('x-forwarded-port', String(port))
}

function appendForwardedFor(headers: HeaderMap, settings: ConnectionManagerSettings, ip: string): void {
  if (ip === '') return
  const isLoopback = ip === '127.0.0.1' || ip === '::1'
  headers.append('x-forwarded-for', isLoopback ? settings.localIp : ip)
}

function setScheme(headers: HeaderMap, settings: ConnectionManagerSettings, tls: boolean): void {
  const secure = tls ? 'https' : 'http'
  if ((headers.known & KnownHeader.xForwardedProto) === 0 || !headers.has('x-forwarded-proto'))
    headers.add('x-forwarded-proto', settings.schemeToOverwrite || secure)
  if (settings.schemeToOverwrite !== '') {
    headers.scheme = settings.schemeToOverwrite
    headers.set('x-forwarded-proto', settings.schemeToOverwrite)
  }
  if (headers.scheme !== '') return
  const forwarded = headers.get('x-forwarded-proto')
  headers.scheme = forwarded === 'http' || forwarded === 'https' ? forwarded : secure
}

function sanitizeEnvoyHeaders(headers: HeaderMap, internal: boolean, edge: boolean): void {
  headers.remove('x-envoy-internal')
  if (internal) return
  if (edge) for (const name of edgeOnly) headers.remove(name)
  for (const name of internalOnly) headers.remove(name)
}

function setUserAgent(headers: HeaderMap, settings: ConnectionManagerSettings): void {
  headers.set('x-envoy-downstream-service-cluster', settings.userAgent)
  if ((headers.get('user-agent') ?? '') === '') headers.set('user-agent', settings.userAgent)
  if (settings.nodeId !== '') headers.set('x-envoy-downstream-service-node', settings.nodeId)
}

function setRequestId(headers: HeaderMap, force: boolean, info: StreamInfo): void {
  const given = (headers.known & KnownHeader.xRequestId) !== 0 ? headers.get('x-request-id') : undefined
  if (given !== undefined && given !== '' && !force) {
    info.requestId = given
    return
  }
  info.requestId = randomUUID()
  if (given === undefined) headers.add('x-request-id', info.requestId)
  else headers.set('x-request-id', info.requestId)
}
