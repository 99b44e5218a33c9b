// Connect's unary calls by GET: the message and what belongs to it stand in the query.

import type { HeaderMap } from '../../../../common/header_map.ts'

export interface GetCall {
  /** The path without its query. */
  readonly path: string
  readonly codec: string
  /** `identity` for none. */
  readonly compression: string
  readonly message: Buffer
}

/** Undefined for any other request. */
export function connectGetCall(headers: HeaderMap): GetCall | undefined {
  const query = headers.path.indexOf('?')
  if (headers.method !== 'GET' || query < 0) return undefined
  const params = queryParams(headers.path.slice(query + 1))
  if (params.get('connect') !== 'v1') return undefined
  const message = params.get('message') ?? ''
  return {
    path: headers.path.slice(0, query),
    codec: params.get('encoding') ?? '',
    compression: params.get('compression') || 'identity',
    message: params.get('base64') === '1' ? fromBase64Url(message) : Buffer.from(message, 'latin1'),
  }
}

/** Empty where the text is no base64url, padded or not. */
function fromBase64Url(text: string): Buffer {
  return Buffer.from(/^[A-Za-z0-9_-]*={0,2}$/.test(text) ? text : '', 'base64url')
}

/** The first value of each name, percent-decoded to bytes. */
function queryParams(query: string): Map<string, string> {
  const params = new Map<string, string>()
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    const name = percentDecode(equals < 0 ? part : part.slice(0, equals))
    if (!params.has(name)) params.set(name, equals < 0 ? '' : percentDecode(part.slice(equals + 1)))
  }
  return params
}

function percentDecode(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
