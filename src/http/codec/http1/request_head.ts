// The request line and the framing rules of a request (RFC 9112 sections 3 and 6).

import { type HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { Protocol } from '../../../stream_info/stream_info.ts'
import { HeadError, parseContentLength, tokenCharacters } from './head_parser.ts'
import { Framing } from './message_parser.ts'
import type { Http1Settings } from './settings.ts'

const space = 0x20
const standardMethods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'ACL',
  'BIND',
  'CHECKOUT',
  'COPY',
  'LOCK',
  'LINK',
  'MERGE',
  'MKACTIVITY',
  'MKCALENDAR',
  'MKCOL',
  'MOVE',
  'MSEARCH',
  'NOTIFY',
  'PROPFIND',
  'PROPPATCH',
  'PURGE',
  'REBIND',
  'REPORT',
  'SEARCH',
  'SOURCE',
  'SUBSCRIBE',
  'UNBIND',
  'UNLINK',
  'UNLOCK',
  'UNSUBSCRIBE',
  'QUERY',
])

/**
 * Reads `METHOD target HTTP/1.x` into the pseudo-headers; returns the position behind its CRLF. Exactly one space
 * between the parts, no control characters, version 1.0 or 1.1: anything else is refused.
 */
export function parseRequestLine(text: string, headers: HeaderMap, settings: Http1Settings): number {
  let p = 0
  while (tokenCharacters[text.charCodeAt(p)] === 1) p++
  if (p === 0 || text.charCodeAt(p) !== space) throw new HeadError('INVALID_REQUEST_LINE')
  headers.method = text.slice(0, p)
  if (!settings.allowCustomMethods && !standardMethods.has(headers.method)) throw new HeadError('INVALID_METHOD')
  const targetStart = ++p
  let c = text.charCodeAt(p)
  while (c > space && c < 0x7f) c = text.charCodeAt(++p)
  if (p === targetStart || c !== space) throw new HeadError('INVALID_TARGET')
  const target = text.slice(targetStart, p)
  const version = text.slice(p + 1, p + 11)
  if (version !== 'HTTP/1.1\r\n' && version !== 'HTTP/1.0\r\n')
    refuseVersion(text.slice(p + 1, text.indexOf('\r\n', p)))
  headers.path = target
  return p + 11
}

/** A version of the right form that is not ours gets 426, as in Envoy; anything else is no HTTP. */
function refuseVersion(version: string): never {
  if (/^HTTP\/[0-9]\.[0-9]$/.test(version)) throw new HeadError('UNSUPPORTED_VERSION', 'low_version', 426)
  throw new HeadError('INVALID_VERSION')
}

/** How the request's body is framed; throws for every combination that is not plain (CL with TE, odd codings). */
export function requestFraming(headers: HeaderMap, protocol: Protocol, settings: Http1Settings): number {
  const hasLength = (headers.known & KnownHeader.contentLength) !== 0
  const hasCoding = (headers.known & KnownHeader.transferEncoding) !== 0
  const length = hasLength && !hasCoding ? parseContentLength(headers) : -1
  if (hasCoding) {
    if (hasLength && !settings.allowChunkedLength)
      throw new HeadError('CONTENT_LENGTH_AND_TRANSFER_ENCODING', 'http1.content_length_and_chunked_not_allowed')
    checkTransferEncoding(headers)
    if (protocol === 'HTTP/1.0') throw new HeadError('TRANSFER_ENCODING_ON_1_0', 'http1.transfer_encoding_not_allowed')
    headers.remove('content-length')
  }
  if (headers.method === 'CONNECT') {
    if (hasCoding || length > 0) throw new HeadError('BODY_ON_CONNECT', 'http1.body_disallowed')
    headers.remove('content-length')
    return Framing.raw
  }
  if (isUpgrade(headers)) {
    if (length > 0) throw new HeadError('BODY_ON_UPGRADE', 'http1.body_disallowed')
    return Framing.raw
  }
  if (hasCoding) return Framing.chunked
  return Math.max(length, 0)
}

/** One transfer coding is understood: chunked, once. */
export function checkTransferEncoding(headers: HeaderMap): void {
  const codings = headers.getAll('transfer-encoding')
  if (codings.length !== 1 || codings[0].toLowerCase() !== 'chunked')
    throw new HeadError('UNKNOWN_TRANSFER_ENCODING', 'http1.invalid_transfer_encoding', 501)
}

/** `Connection: upgrade` with an `Upgrade` header (RFC 9110 7.8). */
export function isUpgrade(headers: HeaderMap): boolean {
  const both = KnownHeader.upgrade | KnownHeader.connection
  return (headers.known & both) === both && headers.has('upgrade') && connectionHas(headers, 'upgrade')
}

/** The upgrade types asked for, in lower case; more than one is a list that no configuration names. */
export function upgradeType(headers: HeaderMap): string {
  return headers.getAll('upgrade').join(',').toLowerCase()
}

/** Whether a Connection header names this option, in any case. */
export function connectionHas(headers: HeaderMap, option: string): boolean {
  for (let i = 0; i < headers.names.length; i++) {
    if (headers.names[i] !== 'connection') continue
    const value = headers.values[i]
    if (value === option) return true
    for (const part of value.split(',')) if (part.trim().toLowerCase() === option) return true
  }
  return false
}

/** Whether the sender of this message asks for the connection to end after the exchange. */
export function wantsClose(headers: HeaderMap, http10: boolean): boolean {
  if ((headers.known & (KnownHeader.connection | KnownHeader.hopByHop)) === 0) return http10
  if (connectionHas(headers, 'close')) return true
  if (headers.get('proxy-connection')?.toLowerCase() === 'close') return true
  return http10 && !connectionHas(headers, 'keep-alive')
}
