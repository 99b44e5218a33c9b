/** Well-formed requests that the suites are written with. */

export const CRLF = '\r\n'

/** A GET of `path` to Host a.test with more fields. */
export function get(path = '/', ...fields: string[]): string {
  return request('GET', path, fields)
}

export function head(path = '/', ...fields: string[]): string {
  return request('HEAD', path, fields)
}

/** A POST with Content-Length. */
export function post(path: string, body: string, ...fields: string[]): string {
  return `${request('POST', path, [...fields, `Content-Length: ${body.length}`])}${body}`
}

export function request(method: string, path: string, fields: readonly string[], host = 'a.test'): string {
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`
}

/** A GET to another Host. */
export function getHost(host: string, path = '/', ...fields: string[]): string {
  return request('GET', path, fields, host)
}

/** A response with Content-Length. */
export function response(status: number, body: string, ...fields: string[]): string {
  return `HTTP/1.1 ${status} X\r\n${fields.map((field) => `${field}\r\n`).join('')}content-length: ${body.length}\r\n\r\n${body}`
}

export const OK = response(200, 'ok')

export function chunkedResponse(...chunks: string[]): string {
  const parts = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  return `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${parts.join('')}0\r\n\r\n`
}
