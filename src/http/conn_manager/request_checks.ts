// The checks of a request's head before anything is routed: a ladder of early exits.

import { type HeaderMap, KnownHeader } from '../../common/header_map.ts'
import type { Connection } from '../../network/connection.ts'
import { isGrpcRequest } from '../grpc_status.ts'
import type { LocalReply } from '../http_filter.ts'
import { normalizeHost } from './host_normalization.ts'
import { normalizePath } from './path_normalization.ts'
import type { ConnectionManagerSettings } from './settings.ts'

export interface Refusal {
  readonly reply: LocalReply
  /** The connection ends with the reply: what follows on it cannot be trusted. */
  readonly close: boolean
}

/** Why this request is refused, or undefined; path and host are normalised on the way. */
export function checkRequestHead(
  headers: HeaderMap,
  settings: ConnectionManagerSettings,
  connection: Connection,
): Refusal | undefined {
  if (headers.authority === '' && !headers.names.includes('host')) {
    return {
      reply: { status: 400, body: '', details: 'missing_host_header' },
      close: !settings.http1.streamErrorOnInvalidHttpMessage,
    }
  }
  if (headers.method !== 'CONNECT') {
    const refusal = checkPath(headers, settings)
    if (refusal !== undefined) return refusal
  }
  // Without a type nobody knows what is asked.
  if (headers.method === 'QUERY' && (headers.get('content-type') ?? '') === '')
    return { reply: { status: 400, body: '', details: 'query_missing_content_type' }, close: true }
  if (settings.stripPort !== 'none' || settings.stripTrailingHostDot) {
    const localPort = connection.downstream?.localAddress.port ?? 0
    headers.authority = normalizeHost(headers.authority, settings, localPort)
  }
  return undefined
}

function checkPath(headers: HeaderMap, settings: ConnectionManagerSettings): Refusal | undefined {
  const path = headers.path
  if (path.charCodeAt(0) !== 0x2f) {
    settings.stats.downstreamRqNonRelativePath.inc()
    return { reply: { status: 404, body: '', details: 'absolute_path_rejected' }, close: false }
  }
  const fragment = path.indexOf('#')
  if (fragment >= 0) {
    if (settings.rejectPathWithFragment) return failedNormalization(settings)
    headers.path = path.slice(0, fragment)
  }
  if (settings.path === undefined) return undefined
  const result = normalizePath(headers.path, settings.path)
  const grpc = (headers.known & KnownHeader.contentType) !== 0 && isGrpcRequest(headers)
  headers.path = result.path
  if (result.action === 'reject' || (result.action === 'redirect' && grpc)) return failedNormalization(settings)
  if (result.action === 'continue') return undefined
  settings.stats.downstreamRqRedirectedWithNormalizedPath.inc()
  const modifyHeaders = (reply: HeaderMap): void => reply.set('location', result.path)
  return { reply: { status: 307, body: '', details: 'path_normalization_failed', modifyHeaders }, close: false }
}

function failedNormalization(settings: ConnectionManagerSettings): Refusal {
  settings.stats.downstreamRqFailedPathNormalization.inc()
  return { reply: { status: 400, body: '', details: 'path_normalization_failed' }, close: true }
}
