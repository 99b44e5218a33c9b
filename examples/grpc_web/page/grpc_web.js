// A gRPC-Web client on fetch: unary calls and server streams, as bytes (application/grpc-web) or as base64 text.

/** What a call came to where that is not OK: the status of gRPC, its message, and the trailers. */
export class GrpcError extends Error {
  constructor(status, message, trailers = new Headers()) {
    super(message)
    this.name = 'GrpcError'
    this.status = status
    this.trailers = trailers
  }
}

const OK = 0
const CANCELLED = 1
const UNKNOWN = 2
const INTERNAL = 13
const UNAVAILABLE = 14

const contentTypes = { binary: 'application/grpc-web+proto', text: 'application/grpc-web-text+proto' }
const headerBytes = 5
const trailersFlag = 0x80

/**
 * Calls a method and resolves to the bytes of its one message.
 * @param {string} url the service's origin, then /package.Service/Method
 * @param {Uint8Array} message
 * @param {object} options as serverStream has them
 */
export async function unary(url, message, options) {
  let reply
  for await (const each of serverStream(url, message, options)) reply = each
  if (reply === undefined) throw new GrpcError(INTERNAL, 'the call is OK, but its message is missing')
  return reply
}

/**
 * Calls a method and gives the bytes of each message as it comes; throws a GrpcError where the status is not OK. Who stops
 * asking for messages cancels the call.
 * @param {string} url the service's origin, then /package.Service/Method
 * @param {Uint8Array} message
 * @param {object} options
 * @param {'binary' | 'text'} [options.format]
 * @param {Record<string, string>} [options.metadata] headers of the request; CORS must allow each
 * @param {number} [options.timeoutMs] the deadline, which the server holds
 * @param {AbortSignal} [options.signal] cancels the call
 * @param {RequestCredentials} [options.credentials]
 * @param {(headers: Headers) => void} [options.onHeaders] gets what CORS exposes of the response's headers
 * @param {(trailers: Headers) => void} [options.onTrailers]
 */
export async function* serverStream(url, message, options = {}) {
  const { format = 'binary', onHeaders, onTrailers } = options
  const cancel = new AbortController()
  const signal = options.signal === undefined ? cancel.signal : AbortSignal.any([cancel.signal, options.signal])
  try {
    const response = await fetch(url, requestOf(format, message, options, signal))
    onHeaders?.(response.headers)
    let trailers = response.headers.has('grpc-status') ? response.headers : undefined
    for await (const { flag, payload } of framesOf(response, format)) {
      if (flag & trailersFlag) trailers = parseTrailers(payload)
      else if (flag === 0) yield payload
      else throw new GrpcError(INTERNAL, 'the message is compressed, which was not asked for')
    }
    if (trailers === undefined) throw new GrpcError(UNKNOWN, `HTTP status ${response.status} without a gRPC status`)
    onTrailers?.(trailers)
    checkStatus(trailers)
  } catch (error) {
    if (error instanceof GrpcError) throw error
    // The browser does not tell a script why it got nothing: no connection, cut off, or refused by CORS.
    throw signal.aborted ? new GrpcError(CANCELLED, 'cancelled') : new GrpcError(UNAVAILABLE, error.message)
  } finally {
    cancel.abort()
  }
}

function requestOf(format, message, { metadata, timeoutMs, credentials }, signal) {
  const headers = new Headers(metadata)
  headers.set('content-type', contentTypes[format])
  headers.set('accept', contentTypes[format])
  headers.set('x-grpc-web', '1')
  if (timeoutMs !== undefined) headers.set('grpc-timeout', `${timeoutMs}m`)
  const frame = new Uint8Array(headerBytes + message.length)
  new DataView(frame.buffer).setUint32(1, message.length)
  frame.set(message, headerBytes)
  const body = format === 'text' ? toBase64(frame) : frame
  return { method: 'POST', headers, body, signal, credentials }
}

async function* framesOf(response, format) {
  const decoder = format === 'text' ? new Base64Decoder() : undefined
  let rest = new Uint8Array()
  const reader = response.body.getReader()
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    rest = joined(rest, decoder === undefined ? value : decoder.push(value))
    while (rest.length >= headerBytes) {
      const end = headerBytes + new DataView(rest.buffer, rest.byteOffset).getUint32(1)
      if (rest.length < end) break
      yield { flag: rest[0], payload: rest.subarray(headerBytes, end) }
      rest = rest.subarray(end)
    }
  }
  if (rest.length > 0) throw new GrpcError(INTERNAL, 'the response ends in the middle of a message')
}

/** A body of the text format is base64 in pieces, each with padding of its own. */
class Base64Decoder {
  #rest = ''

  push(chunk) {
    const text = this.#rest + new TextDecoder('latin1').decode(chunk)
    const whole = text.length - (text.length % 4)
    this.#rest = text.slice(whole)
    let bytes = new Uint8Array()
    for (const [piece] of text.slice(0, whole).matchAll(/[^=]+={0,2}/g))
      bytes = joined(
        bytes,
        Uint8Array.from(atob(piece), (char) => char.charCodeAt(0)),
      )
    return bytes
  }
}

function toBase64(bytes) {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

function joined(first, second) {
  if (first.length === 0) return second
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** The last frame holds the trailers as HTTP/1 writes headers. */
function parseTrailers(payload) {
  const trailers = new Headers()
  for (const line of new TextDecoder().decode(payload).split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) trailers.append(line.slice(0, colon), line.slice(colon + 1))
  }
  return trailers
}

function checkStatus(trailers) {
  const status = Number(trailers.get('grpc-status') ?? UNKNOWN)
  if (status !== OK) throw new GrpcError(status, decoded(trailers.get('grpc-message') ?? ''), trailers)
}

/** grpc-message is percent-encoded UTF-8. */
function decoded(message) {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
