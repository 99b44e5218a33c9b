// Keeps web pages of other sites from reading or changing anything through the browser of someone who can reach us.

import { parseIp } from '../common/cidr.ts'

export interface GuardedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly mutates: boolean
}

/**
 * Why the request is refused, or undefined. On a loopback address a Host that is a name other than localhost is a DNS
 * rebinding attack: only names rebind. A change must not come from a page of another origin, nor anything as a
 * sub-request of one. Tools send neither Origin nor Sec-Fetch-Site.
 */
export function refusalOf({ headers, mutates }: GuardedRequest, onLoopback: boolean): string | undefined {
  const host = single(headers['host'])
  if (onLoopback && host !== '' && !isLocalName(hostName(host)))
    return `host ${host} not allowed: the admin interface is bound to a loopback address, use that or localhost`
  const site = single(headers['sec-fetch-site'])
  const crossSite = site === 'cross-site' || site === 'same-site'
  if (crossSite && (mutates || single(headers['sec-fetch-mode']) !== 'navigate'))
    return 'requests of other sites are not allowed'
  const origin = single(headers['origin'])
  if (mutates && origin !== '' && originHost(origin) !== host.toLowerCase()) return `origin ${origin} not allowed`
  return undefined
}

function single(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.[0] ?? '')
}

/** Without the port and an IPv6 address's brackets. */
function hostName(host: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host)
  return match?.[1] ?? match?.[2] ?? host
}

function isLocalName(name: string): boolean {
  const lower = name.toLowerCase()
  return lower === 'localhost' || lower.endsWith('.localhost') || parseIp(name) !== undefined
}

/** `http://a:1` -> `a:1`; '' for what has no host, such as `null`. */
function originHost(origin: string): string {
  const start = origin.indexOf('://')
  return start < 0 ? '' : origin.slice(start + 3).toLowerCase()
}
