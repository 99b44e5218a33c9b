// Turns the request target and the Host header into :path, :authority and :scheme (RFC 9112 section 3.2).

import { type HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { Protocol } from '../../../stream_info/stream_info.ts'
import { HeadError } from './head_parser.ts'
import type { Http1Settings } from './settings.ts'

/** What an authority may consist of: RFC 3986's unreserved, sub-delims, percent, brackets, `:`, `@`. */
const authorityPattern = /^[A-Za-z0-9\-._~!$&'()*+,;=%[\]:@]*$/

/** `host` or `[ipv6]`, with a port where `portDigits` is there. */
const hostPattern = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?$/

/** Called with the raw target in `headers.path`; the authority is Host's value, or an absolute target's. */
export function applyRequestTarget(headers: HeaderMap, protocol: Protocol, settings: Http1Settings): void {
  const target = headers.path
  takeHost(headers)
  if (headers.method === 'CONNECT') {
    if (hostPort(target) === undefined) throw new HeadError('INVALID_TARGET', 'http1.invalid_url')
    headers.authority = target
    headers.path = ''
    return
  }
  if (target === '*') {
    if (headers.method !== 'OPTIONS') throw new HeadError('INVALID_TARGET', 'http1.invalid_url')
  } else if (target.charCodeAt(0) !== 0x2f) absoluteForm(target, headers, settings)
  if (headers.authority === '' && protocol === 'HTTP/1.0' && settings.defaultHostForHttp10 !== '')
    headers.authority = settings.defaultHostForHttp10
}

function takeHost(headers: HeaderMap): void {
  if ((headers.known & KnownHeader.host) === 0) return
  const index = headers.names.indexOf('host')
  if (headers.names.indexOf('host', index + 1) >= 0) throw new HeadError('MULTIPLE_HOST')
  const host = headers.values[index]
  if (!authorityPattern.test(host)) throw new HeadError('INVALID_HOST', 'http.invalid_authority')
  headers.authority = host
}

/** `http://host[:port]/path`: its authority wins over Host (RFC 9112 3.2.2). */
function absoluteForm(target: string, headers: HeaderMap, settings: Http1Settings): void {
  if (!settings.allowAbsoluteUrl) return
  const schemeEnd = target.indexOf('://')
  if (schemeEnd < 0) throw new HeadError('INVALID_TARGET')
  const scheme = target.slice(0, schemeEnd).toLowerCase()
  if (scheme !== 'http' && scheme !== 'https') throw new HeadError('INVALID_SCHEME', 'http1.invalid_scheme')
  const authorityStart = schemeEnd + 3
  let end = authorityStart
  while (end < target.length && !'/?#'.includes(target[end])) end++
  const authority = target.slice(authorityStart, end)
  if (hostPort(authority) === undefined && !isHost(authority))
    throw new HeadError('INVALID_TARGET', 'http1.invalid_url')
  headers.scheme = scheme
  headers.authority = authority
  const rest = target.slice(end)
  headers.path = rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`
}

/** The port of `host:port`; undefined where the text is no such thing. */
function hostPort(authority: string): number | undefined {
  const port = hostPattern.exec(authority)?.[1]
  return port !== undefined && Number(port) <= 65_535 ? Number(port) : undefined
}

function isHost(authority: string): boolean {
  const match = hostPattern.exec(authority)
  return match !== null && match[1] === undefined
}
