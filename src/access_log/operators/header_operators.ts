// Operators that read headers and trailers: REQ, RESP, TRAILER, and what is derived from the path and from XFCC.

import { type HeaderMap, knownBit } from '../../common/header_map.ts'
import type { FormatterContext } from '../formatter_context.ts'
import { decodedTextOperator, FormatError, type OperatorSpec, plainNumber, textOperator } from '../operator.ts'

type HeadersOf = (ctx: FormatterContext) => HeaderMap | undefined

const ofRequest: HeadersOf = (ctx) => ctx.requestHeaders
const ofResponse: HeadersOf = (ctx) => ctx.responseHeaders
const ofTrailers: HeadersOf = (ctx) => ctx.responseTrailers

/** A reader of the first value of one header. */
export function headerReader(name: string): (headers: HeaderMap) => string | undefined {
  const bit = knownBit(name)
  switch (name) {
    case '':
      return () => undefined
    case ':method':
      return (headers) => headers.method || undefined
    case ':path':
      return (headers) => headers.path || undefined
    case ':authority':
    case 'host':
      return (headers) => headers.get(name)
    default:
      if (bit === 0) return (headers) => headers.get(name)
      return (headers) => ((headers.known & bit) === 0 ? undefined : headers.get(name))
  }
}

/** The two names of `NAME?ALTERNATIVE`, lower case. Throws FormatError for more, or for what cannot be a header name. */
export function parseHeaderNames(argument: string): [name: string, alternative: string] {
  const names = argument.toLowerCase().split('?')
  if (names.length > 2) throw new FormatError(`More than 1 alternative header specified in token: ${argument}`)
  for (const name of names) {
    if (name !== '' && !/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) {
      throw new FormatError('Invalid header configuration. Format string contains invalid characters.')
    }
  }
  return [names[0], names[1] ?? '']
}

function header(of: HeadersOf): OperatorSpec {
  return {
    argument: 'required',
    length: true,
    make: (argument, maxLength) => {
      const [name, alternative] = parseHeaderNames(argument)
      const first = headerReader(name)
      const second = headerReader(alternative)
      return textOperator((ctx) => {
        const headers = of(ctx)
        return headers === undefined ? undefined : (first(headers) ?? second(headers))
      }, maxLength)
    },
  }
}

const originalPath = headerReader('x-envoy-original-path')

/** PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH); both options may be left out. */
const path: OperatorSpec = {
  argument: 'optional',
  length: true,
  make: (argument, maxLength) => {
    const [query = '', source = ''] = argument.split(':')
    if (!['', 'WQ', 'NQ'].includes(query)) {
      throw new FormatError(`Invalid PATH option: '${query}', only 'WQ'/'NQ' are allowed`)
    }
    if (!['', 'ORIG', 'PATH', 'ORIG_OR_PATH'].includes(source)) {
      throw new FormatError(`Invalid PATH option: '${source}', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed`)
    }
    return textOperator((ctx) => {
      const headers = ctx.requestHeaders
      if (headers === undefined) return undefined
      const original = source === 'PATH' ? undefined : originalPath(headers)
      const value = original ?? (source === 'ORIG' ? undefined : headers.path || undefined)
      return query === 'NQ' ? value?.split('?', 1)[0] : value
    }, maxLength)
  },
}

/** The query of the path as the client sent it; undefined where there is no question mark. */
function queryOf(ctx: FormatterContext): string | undefined {
  const headers = ctx.requestHeaders
  if (headers === undefined) return undefined
  const value = originalPath(headers) ?? headers.path
  const mark = value.indexOf('?')
  if (mark < 0) return undefined
  const hash = value.indexOf('#', mark)
  return hash < 0 ? value.slice(mark + 1) : value.slice(mark + 1, hash)
}

const queryParam: OperatorSpec = {
  argument: 'required',
  length: true,
  make: (argument, maxLength) =>
    decodedTextOperator((ctx) => {
      for (const pair of queryOf(ctx)?.split('&') ?? []) {
        const equals = pair.indexOf('=')
        if (percentDecoded(equals < 0 ? pair : pair.slice(0, equals)) !== argument) continue
        return percentDecoded(equals < 0 ? '' : pair.slice(equals + 1))
      }
      return undefined
    }, maxLength),
}

const queryParams: OperatorSpec = {
  argument: 'optional',
  length: true,
  make: (argument, maxLength) => {
    if (!['', 'ORIG', 'DECODED'].includes(argument)) {
      throw new FormatError(`Invalid QUERY_PARAMS option: '${argument}', only 'ORIG'/'DECODED' are allowed`)
    }
    if (argument !== 'DECODED') return textOperator(queryOf, maxLength)
    return textOperator((ctx) => {
      const query = queryOf(ctx)
      return query === undefined ? undefined : visiblyDecoded(query)
    }, maxLength)
  },
}

/** Percent-decoding of a byte string; what is not `%XX` stays. */
function percentDecoded(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/**
 * Envoy's decoding for QUERY_PARAMS(DECODED): only visible ASCII is decoded, and a `%` before two characters that are
 * no hexadecimal digits is dropped.
 */
function visiblyDecoded(text: string): string {
  return text.replace(/%(?:([0-9A-Fa-f]{2})|(?=..))/gs, (whole, hex: string | undefined) => {
    if (hex === undefined) return ''
    const code = Number.parseInt(hex, 16)
    return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : whole
  })
}

const reqWithoutQuery: OperatorSpec = {
  argument: 'required',
  length: true,
  make: (argument, maxLength) => {
    const [name, alternative] = parseHeaderNames(argument)
    const first = headerReader(name)
    const second = headerReader(alternative)
    return textOperator((ctx) => {
      const headers = ctx.requestHeaders
      return headers === undefined ? undefined : (first(headers) ?? second(headers))?.split('?', 1)[0]
    }, maxLength)
  },
}

/** REQ_WITHOUT_QUERY, which only the extension of that name makes known. */
export const reqWithoutQueryOperator: OperatorSpec = reqWithoutQuery

const xfccKeys = new Set(['by', 'hash', 'cert', 'chain', 'subject', 'uri', 'dns'])

/** XFCC_VALUE(key): the key's first value in x-forwarded-client-cert. */
const xfccValue: OperatorSpec = {
  argument: 'optional',
  length: true,
  make: (argument, maxLength) => {
    if (argument === '') throw new FormatError('XFCC_VALUE command requires a subcommand')
    const key = argument.toLowerCase()
    if (!xfccKeys.has(key)) throw new FormatError(`XFCC_VALUE command does not support subcommand: ${argument}`)
    return textOperator((ctx) => {
      const value = ctx.requestHeaders?.get('x-forwarded-client-cert')
      return value === undefined ? undefined : xfccFirst(value, key)
    }, maxLength)
  },
}

/** Elements part by comma, pairs by semicolon; a quoted value may hold both, and `\"`. */
function xfccFirst(value: string, key: string): string | undefined {
  for (const match of value.matchAll(/([^=;,"]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,]*))/g)) {
    if (match[1].trim().toLowerCase() === key) return match[2]?.replaceAll('\\"', '"') ?? match[3]
  }
  return undefined
}

export const headerOperators: readonly (readonly [string, OperatorSpec])[] = [
  ['REQ', header(ofRequest)],
  ['REQUEST_HEADER', header(ofRequest)],
  ['STREAM_INFO_REQ', header(ofRequest)],
  ['RESP', header(ofResponse)],
  ['RESPONSE_HEADER', header(ofResponse)],
  ['TRAILER', header(ofTrailers)],
  ['RESPONSE_TRAILER', header(ofTrailers)],
  ['PATH', path],
  ['QUERY_PARAM', queryParam],
  ['QUERY_PARAMS', queryParams],
  ['XFCC_VALUE', xfccValue],
  ['REQUEST_HEADERS_BYTES', plainNumber((ctx) => ctx.requestHeaders?.byteSize() ?? 0)],
  ['RESPONSE_HEADERS_BYTES', plainNumber((ctx) => ctx.responseHeaders?.byteSize() ?? 0)],
  ['RESPONSE_TRAILERS_BYTES', plainNumber((ctx) => ctx.responseTrailers?.byteSize() ?? 0)],
]
