// Upgrades between their two forms: HTTP/1's `Upgrade` header and HTTP/2's extended CONNECT (RFC 8441), as Envoy has them.

import { type HeaderMap, KnownHeader } from '../../../common/header_map.ts'

/** Makes of an extended CONNECT the request that HTTP/1 has for it. */
export function upgradeRequestFromExtendedConnect(headers: HeaderMap): void {
  headers.method = 'GET'
  headers.set('upgrade', headers.protocol)
  headers.set('connection', 'upgrade')
  headers.protocol = ''
}

/** A 200 to an extended CONNECT has switched protocols. */
export function upgradeResponseFromExtendedConnect(headers: HeaderMap, type: string): void {
  if (headers.status !== 200) return
  headers.status = 101
  headers.set('upgrade', type)
  headers.set('connection', 'upgrade')
}

const http1Names: ReadonlySet<string> = new Set([
  'connection',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
])

/** Whether some of a message's fields do not go into a header block as they are. */
export function hasHttp1Fields(headers: HeaderMap): boolean {
  const fields = KnownHeader.connection | KnownHeader.hopByHop | KnownHeader.transferEncoding | KnownHeader.upgrade
  return (headers.known & (fields | KnownHeader.host)) !== 0
}

/**
 * Whether a field of HTTP/1 is left out (RFC 9113 8.2.2): what an upgrade makes of `content-length: 0` too, since a tunnel
 * has no length, and a request's `host`, which is its authority.
 */
export function isLeftOut(name: string, value: string, isRequest: boolean, isUpgrade: boolean): boolean {
  if (http1Names.has(name)) return true
  if (isUpgrade && name === 'content-length' && value === '0') return true
  return isRequest && name === 'host'
}
