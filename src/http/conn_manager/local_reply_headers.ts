// Gives a local reply its final form: a plain response, or a gRPC trailers-only one for gRPC requests.

import type { HeaderMap } from '../../common/header_map.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { encodeGrpcMessage, grpcStatusOfHttp } from '../grpc_status.ts'
import type { LocalReply } from '../http_filter.ts'
import type { RewrittenReply } from '../local_reply.ts'
import type { Route } from '../route.ts'

/** Completes the headers (already rewritten by local_reply_config) and returns the body to send, '' for none. */
export function finishLocalReply(
  headers: HeaderMap,
  reply: LocalReply,
  rewritten: RewrittenReply,
  request: HeaderMap | undefined,
  asGrpc: boolean,
): string {
  if (asGrpc) {
    headers.status = 200
    headers.remove('content-length')
    headers.set('content-type', 'application/grpc')
    if (!headers.has('grpc-status')) {
      headers.add('grpc-status', String(reply.grpcStatus ?? grpcStatusOfHttp(rewritten.status)))
    }
    if (rewritten.body !== '' && request?.method !== 'HEAD')
      headers.add('grpc-message', encodeGrpcMessage(rewritten.body))
    return ''
  }
  if (rewritten.body === '') {
    headers.remove('content-length')
    headers.remove('content-type')
    return ''
  }
  headers.set('content-length', String(rewritten.body.length))
  if (rewritten.contentType !== '') headers.set('content-type', rewritten.contentType)
  return rewritten.body
}

/** The response headers of a route are on our own answers as well; a direct response brings its own. */
export function addRouteHeaders(headers: HeaderMap, route: Route, requestHeaders: HeaderMap, info: StreamInfo): void {
  if (route.kind === 'directResponse') return
  route.finalizeResponseHeaders(headers, requestHeaders, info)
  if (route.virtualHost.includeAttemptCountInResponse && info.attemptCount > 0)
    headers.set('x-envoy-attempt-count', String(info.attemptCount))
}
