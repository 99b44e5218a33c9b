/** gRPC calls over HTTP/1.1 with trailers, as the suites of gRPC filters send and answer them. */

/** One message in its frame. */
export function frame(message: string, flags = 0): string {
  const n = message.length
  return String.fromCharCode(flags, (n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255) + message
}

export function chunks(...parts: readonly string[]): string {
  return parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')
}

function lines(fields: readonly string[]): string {
  return fields.map((field) => `${field}\r\n`).join('')
}

/** A POST whose body comes in chunks. */
export function call(path: string, contentType: string, parts: readonly string[], ...fields: string[]): string {
  const head = [`content-type: ${contentType}`, 'te: trailers', 'transfer-encoding: chunked', ...fields]
  return `POST ${path} HTTP/1.1\r\nhost: a.test\r\n${lines(head)}\r\n${chunks(...parts)}0\r\n\r\n`
}

/** A gRPC call of one message. */
export function grpcCall(path: string, message: string, ...fields: string[]): string {
  return call(path, 'application/grpc', [frame(message)], ...fields)
}

/** A POST with Content-Length. */
export function post(path: string, contentType: string, body: string, ...fields: string[]): string {
  const head = [`content-type: ${contentType}`, `content-length: ${body.length}`, ...fields]
  return `POST ${path} HTTP/1.1\r\nhost: a.test\r\n${lines(head)}\r\n${body}`
}

export interface Answer {
  status?: number
  contentType?: string
  headers?: readonly string[]
  trailers?: readonly string[]
}

/** A chunked response, with trailers if there are any. */
export function answer(parts: readonly string[], how: Answer = {}): string {
  const { status = 200, contentType = 'application/grpc', headers = [], trailers = [] } = how
  const head = [
    ...(contentType === '' ? [] : [`content-type: ${contentType}`]),
    ...headers,
    'transfer-encoding: chunked',
  ]
  return `HTTP/1.1 ${status} X\r\n${lines(head)}\r\n${chunks(...parts)}0\r\n${lines(trailers)}\r\n`
}

/** What a gRPC server answers: messages, then a status. */
export function grpcAnswer(messages: readonly string[], status = 0, ...trailers: string[]): string {
  return answer(
    messages.map((message) => frame(message)),
    { trailers: [`grpc-status: ${status}`, ...trailers] },
  )
}

/** A response that is over with its head. */
export function trailersOnly(...fields: string[]): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n${lines(fields)}content-length: 0\r\n\r\n`
}

/** Fields of an upstream cluster, and of a connection manager, that pass trailers on. */
export const upstreamTrailers = 'explicit_http_config: { http_protocol_options: { enable_trailers: true } }'
export const downstreamTrailers = 'http_protocol_options: { enable_trailers: true }'
