// The checks of a request's head before anything is routed: a ladder of early exits.

import { type HeaderMap, KnownHeader } from '../../common/header_map.ts'
import type { Connection } from '../../network/connection.ts'
import { ResponseFlag } from '../../stream_info/response_flags.ts'
import { isGrpcRequest } from '../grpc_status.ts'
import type { LocalReply } from '../http_filter.ts'
import { normalizeHost } from './host_normalization.ts'
import { normalizePath } from './path_normalization.ts'
import { sanitizeHopByHop } from './request_headers.ts'
import type { ConnectionManagerSettings } from './settings.ts'

/** The answer to a request that overload turns away; undefined for any other. */
export function overloadReply({ overload, stats }: ConnectionManagerSettings): LocalReply | undefined {
  if (!overload.stopAcceptingRequests.isTaken() && !overload.decodingHeaders.isTaken()) return undefined
  stats.downstreamRqOverloadClose.inc()
  return {
    status: 503,
    body: 'envoy overloaded',
    details: 'overload',
    modifyHeaders: (headers) => {
      if (overload.appendsHeader) headers.add('x-envoy-local-overloaded', 'true')
    },
  }
}

/** The refusal of this request, or undefined; path and host are normalised on the way. */
export function checkRequestHead(
  headers: HeaderMap,
  settings: ConnectionManagerSettings,
  connection: Connection,
): LocalReply | undefined {
  if (!sanitizeHopByHop(headers)) {
    const flag = ResponseFlag.DownstreamProtocolError
    return { status: 400, body: 'Bad Request', details: 'http1.connection_header_rejected', flag }
  }
  if (headers.authority === '' && !headers.names.includes('host'))
    return { status: 400, body: '', details: 'missing_host_header' }
  if (headers.method !== 'CONNECT') {
    const refusal = checkPath(headers, settings)
    if (refusal !== undefined) return refusal
  }
  // Without a type nobody knows what is asked.
  if (headers.method === 'QUERY' && (headers.get('content-type') ?? '') === '')
    return { status: 400, body: '', details: 'query_missing_content_type' }
  if (settings.stripPort !== 'none' || settings.stripTrailingHostDot) {
    const localPort = connection.downstream?.localAddress.port ?? 0
    headers.authority = normalizeHost(headers.authority, settings, localPort)
    if (headers.authority === '') leaveEmptyHost(headers)
  }
  return undefined
}

/** An empty authority that is none the less there is an empty `host`, which a request of HTTP/2 may have none of. */
function leaveEmptyHost(headers: HeaderMap): void {
  const index = headers.names.indexOf('host')
  if (index >= 0) {
    headers.values[index] = ''
    return
  }
  headers.names.unshift('host')
  headers.values.unshift('')
  headers.known |= KnownHeader.host
}

function checkPath(headers: HeaderMap, settings: ConnectionManagerSettings): LocalReply | undefined {
  const path = headers.path
  if (path.charCodeAt(0) !== 0x2f) {
    settings.stats.downstreamRqNonRelativePath.inc()
    return { status: 404, body: '', details: 'absolute_path_rejected' }
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
  return { status: 307, body: '', details: 'path_normalization_failed', modifyHeaders }
}

function failedNormalization(settings: ConnectionManagerSettings): LocalReply {
  settings.stats.downstreamRqFailedPathNormalization.inc()
  return { status: 400, body: '', details: 'path_normalization_failed' }
}
