// Strips ports and trailing dots from a request's authority, as strip_*_host* ask.

import type { ConnectionManagerSettings } from './settings.ts'

export function normalizeHost(authority: string, settings: ConnectionManagerSettings, localPort: number): string {
  let host = authority
  if (settings.stripPort !== 'none') host = stripPort(host, settings.stripPort === 'matching' ? localPort : undefined)
  if (settings.stripTrailingHostDot) host = stripTrailingDot(host)
  return host
}

/** Position of the port's colon, or -1; an IPv6 literal's own colons are inside its brackets. */
function portColon(host: string): number {
  const colon = host.lastIndexOf(':')
  return colon > host.lastIndexOf(']') ? colon : -1
}

function stripPort(host: string, onlyPort: number | undefined): string {
  const colon = portColon(host)
  if (colon < 0 || !/^\d+$/.test(host.slice(colon + 1))) return host
  return onlyPort === undefined || Number(host.slice(colon + 1)) === onlyPort ? host.slice(0, colon) : host
}

function stripTrailingDot(host: string): string {
  const colon = portColon(host)
  const name = colon < 0 ? host : host.slice(0, colon)
  if (!name.endsWith('.')) return host
  return name.slice(0, -1) + (colon < 0 ? '' : host.slice(colon))
}
