/** What the HTTP/1 codecs make of bytes, as a list of events that can be compared. */
import { Socket } from 'node:net'
import { HeaderMap } from '../../../../src/common/header_map.ts'
import {
  CodecProtocolError,
  type RequestDecoder,
  type ResponseDecoder,
  type ResponseEncoder,
} from '../../../../src/http/codec/codec.ts'
import { Http1ClientCodec } from '../../../../src/http/codec/http1/client_codec.ts'
import { Http1ServerCodec } from '../../../../src/http/codec/http1/server_codec.ts'
import type { Http1Settings } from '../../../../src/http/codec/http1/settings.ts'
import { Connection } from '../../../../src/network/connection.ts'

export const defaultSettings: Http1Settings = {
  allowAbsoluteUrl: true,
  acceptHttp10: true,
  defaultHostForHttp10: '',
  enableTrailers: true,
  headerKeyFormat: 'lowerCase',
  forwardReasonPhrase: false,
  properCaseForAdded: false,
  allowChunkedLength: false,
  allowCustomMethods: false,
  sendFullyQualifiedUrl: false,
  streamErrorOnInvalidHttpMessage: false,
  maxHeadersBytes: 60 * 1024,
  maxHeadersCount: 100,
  headersWithUnderscores: 'ALLOW',
}

const uncounted = { inc() {} }
const codecStats = {
  droppedHeadersWithUnderscores: uncounted,
  requestsRejectedWithUnderscores: uncounted,
  metadataNotSupported: uncounted,
  responseFlood: uncounted,
}

/** A message as far as it was decoded. */
export interface DecodedMessage {
  /** Pseudo-headers and `name: value` lines. */
  head: string[]
  body: string
  trailers: string[]
  complete: boolean
}

export interface CodecOutcome {
  readonly messages: DecodedMessage[]
  /** Interim responses. */
  readonly interim: string[][]
  /** Status and details of a refusal, '' for none. */
  readonly refusal: string
  /** Bytes that stayed unread in the middle of a message's head. */
  readonly inHead: boolean
}

export function headOf(headers: HeaderMap): string[] {
  const { method, path, authority, scheme, status, names, values } = headers
  return [`${method} ${scheme} ${authority} ${path} ${status}`, ...names.map((name, i) => `${name}: ${values[i]}`)]
}

/** A connection that is connected to nothing: for codecs that are only read. */
export function detachedConnection(): Connection {
  return new Connection(new Socket(), undefined, 0, true)
}

class Recorder implements RequestDecoder, ResponseDecoder {
  readonly messages: DecodedMessage[] = []
  readonly interim: string[][] = []
  refusal = ''
  readonly #onComplete: () => void

  constructor(onComplete: () => void) {
    this.#onComplete = onComplete
  }

  #last(): DecodedMessage {
    const last = this.messages.at(-1)
    if (last === undefined || last.complete) throw new Error('a body or trailers without a head')
    return last
  }

  #end(message: DecodedMessage): void {
    message.complete = true
    this.#onComplete()
  }

  decode1xxHeaders(headers: HeaderMap): void {
    this.interim.push(headOf(headers))
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const message = { head: headOf(headers), body: '', trailers: [], complete: false }
    this.messages.push(message)
    if (endStream) this.#end(message)
  }

  decodeData(data: Buffer, endStream: boolean): void {
    const message = this.#last()
    message.body += data.toString('latin1')
    if (endStream) this.#end(message)
  }

  decodeTrailers(trailers: HeaderMap): void {
    const message = this.#last()
    message.trailers = trailers.names.map((name, i) => `${name}: ${trailers.values[i]}`)
    this.#end(message)
  }

  retainsData(): boolean {
    return false
  }

  sendProtocolErrorReply(status: number, _body: string, details: string): void {
    this.refusal = `${status} ${details}`
  }

  sendLocalReply({ status, details }: { status: number; details: string }): void {
    this.refusal = `${status} ${details}`
  }
}

/** Requests as the server side reads them; each is answered with 204 as soon as it is complete. */
export function readRequests(pieces: readonly Buffer[], settings: Partial<Http1Settings> = {}): CodecOutcome {
  const connection = detachedConnection()
  let encoder: ResponseEncoder | undefined
  const recorder = new Recorder(() => {
    const answer = new HeaderMap()
    answer.status = 204
    encoder?.encodeHeaders(answer, true)
  })
  const codec = new Http1ServerCodec(
    connection,
    {
      newStream(stream) {
        encoder = stream
        return recorder
      },
    },
    { ...defaultSettings, ...settings },
    codecStats,
  )
  connection.reader = { onData: (data) => codec.dispatch(data) }
  let refusal = ''
  try {
    for (const piece of pieces) {
      codec.dispatch(piece)
      codec.continuePipelined()
    }
  } catch (error) {
    if (!(error instanceof CodecProtocolError)) throw error
    refusal = recorder.refusal === '' ? error.details : recorder.refusal
  }
  // Nothing is connected that could be written to.
  connection.pending.clear()
  return { messages: recorder.messages, interim: [], refusal, inHead: codec.readingHead }
}

/** The response to one request as the client side reads it, up to the end of the connection. */
export function readResponse(
  pieces: readonly Buffer[],
  method = 'GET',
  settings: Partial<Http1Settings> = {},
): CodecOutcome & { extraBytes: boolean; endedWell: boolean } {
  const connection = detachedConnection()
  let complete = false
  const recorder = new Recorder(() => {})
  const codec = new Http1ClientCodec(connection, { ...defaultSettings, ...settings }, () => {
    complete = true
  })
  const request = new HeaderMap()
  request.method = method
  request.path = '/'
  request.authority = 'a'
  codec.newStream(recorder).encodeHeaders(request, true)
  let refusal = ''
  let endedWell = false
  try {
    for (const piece of pieces) {
      if (complete) break
      codec.dispatch(piece)
    }
    endedWell = codec.onConnectionClosed()
  } catch (error) {
    if (!(error instanceof CodecProtocolError)) throw error
    refusal = error.details
  }
  connection.pending.clear()
  const { messages, interim } = recorder
  return { messages, interim, refusal, inHead: false, extraBytes: codec.extraBytes, endedWell }
}
