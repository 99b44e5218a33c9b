// gRPC facts that the HTTP core needs: what a gRPC request is, and its status codes beside HTTP's.

import type { HeaderMap } from '../common/header_map.ts'

/** A gRPC request has content-type application/grpc, alone or with a suffix such as +proto. */
export function isGrpcContentType(contentType: string | undefined): boolean {
  if (contentType === undefined || !contentType.startsWith('application/grpc')) return false
  return contentType.length === 16 || contentType.charCodeAt(16) === 0x2b
}

export function isGrpcRequest(headers: HeaderMap): boolean {
  return isGrpcContentType(headers.get('content-type'))
}

/** A response of headers alone needs the status; one with a body (or trailers) the content type and HTTP's 200. */
export function isGrpcResponse(headers: HeaderMap, endStream: boolean): boolean {
  if (endStream) return headers.has('grpc-status')
  return headers.status === 200 && isGrpcContentType(headers.get('content-type'))
}

/** The gRPC status for an HTTP status (gRPC's http-grpc-status-mapping): Unknown where none is named. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return 12
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return 2
  }
}

/** The HTTP status that stands for a gRPC status in `upstream_rq` counters (Envoy's Grpc::Utility). */
export function httpStatusOfGrpc(status: number): number {
  const table = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
  return table[status] ?? 500
}

/** Percent-encoding of grpc-message: all but printable ASCII, and `%` itself (gRPC over HTTP/2, "Status-Message"). */
export function encodeGrpcMessage(message: string): string {
  let encoded = ''
  for (let i = 0; i < message.length; i++) {
    const byte = message.charCodeAt(i)
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += plain ? message[i] : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
