// What the connection manager changes in a response's headers on their way to the client.

import { wallMs } from '../../common/clock.ts'
import { type HeaderMap, KnownHeader } from '../../common/header_map.ts'
import type { ConnectionManagerSettings } from './settings.ts'

let dateText = ''
let dateSecond = -1

/** The Date header's value (RFC 9110 5.6.7), formatted once a second. */
export function httpDate(): string {
  const second = Math.floor(wallMs() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1000).toUTCString()
  }
  return dateText
}

/** `keepUpgrade`: the response of an accepted upgrade keeps its connection and upgrade headers. */
export function mutateResponseHeaders(
  headers: HeaderMap,
  request: HeaderMap | undefined,
  settings: ConnectionManagerSettings,
  keepUpgrade: boolean,
): void {
  const known = headers.known
  if ((known & KnownHeader.date) === 0 || !headers.has('date')) headers.add('date', httpDate())
  if (
    settings.serverHeader === 'OVERWRITE' ||
    (settings.serverHeader === 'APPEND_IF_ABSENT' && !headers.has('server'))
  ) {
    if ((known & KnownHeader.server) === 0) headers.add('server', settings.serverName)
    else headers.set('server', settings.serverName)
  }
  sanitizeResponseHeaders(headers, request, settings, keepUpgrade)
  if (settings.via !== '') headers.append('via', settings.via, ', ')
}

/** What holds for interim responses too: nothing that is meant for one hop only passes. */
export function sanitizeResponseHeaders(
  headers: HeaderMap,
  request: HeaderMap | undefined,
  settings: ConnectionManagerSettings,
  keepUpgrade: boolean,
): void {
  const hop = KnownHeader.connection | KnownHeader.upgrade | KnownHeader.hopByHop | KnownHeader.transferEncoding
  if ((headers.known & hop) !== 0) {
    if (!keepUpgrade) {
      headers.remove('connection')
      headers.remove('upgrade')
    }
    headers.remove('transfer-encoding')
    headers.remove('keep-alive')
    headers.remove('proxy-connection')
  }
  if (settings.alwaysSetRequestIdInResponse || forcesTrace(request)) {
    const id = request?.get('x-request-id')
    if (id !== undefined) headers.set('x-request-id', id)
  }
}

/** The caller wants a trace of this very request, and its id to find it by. */
function forcesTrace(request: HeaderMap | undefined): boolean {
  return request !== undefined && (request.known & KnownHeader.xEnvoy) !== 0 && request.has('x-envoy-force-trace')
}
