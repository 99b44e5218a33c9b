// The head of a local reply: a plain status, or a gRPC trailers-only response for gRPC requests.

import { HeaderMap, KnownHeader } from '../../common/header_map.ts'
import { grpcStatusOfHttp, isGrpcRequest } from '../grpc_status.ts'
import type { LocalReply } from '../http_filter.ts'

/** Headers for a reply to this request; gRPC clients get status 200 with grpc-status and grpc-message. */
export function localReplyHeaders(reply: LocalReply, request: HeaderMap | undefined): HeaderMap {
  const headers = new HeaderMap()
  if (request === undefined || (request.known & KnownHeader.contentType) === 0 || !isGrpcRequest(request)) {
    headers.status = reply.status
    return headers
  }
  headers.status = 200
  headers.add('content-type', 'application/grpc')
  headers.add('grpc-status', String(reply.grpcStatus ?? grpcStatusOfHttp(reply.status)))
  if (reply.body !== '') headers.add('grpc-message', percentEncode(reply.body))
  return headers
}

/** Percent-encoding of grpc-message: everything but printable ASCII, and `%` itself (gRPC over HTTP/2, "Status-Message"). */
function percentEncode(message: string): string {
  let encoded = ''
  for (const byte of Buffer.from(message, 'utf8')) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
