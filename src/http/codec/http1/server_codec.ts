// HTTP/1 towards clients: requests in, responses out, one at a time in order.

import { HeaderMap, KnownHeader } from '../../../common/header_map.ts'
import type { Connection } from '../../../network/connection.ts'
import type { Protocol } from '../../../stream_info/stream_info.ts'
import {
  CodecProtocolError,
  type DataReceiver,
  type RequestDecoder,
  type ServerCodec,
  type ServerCodecCallbacks,
} from '../codec.ts'
import { reasonPhrase } from './head_encoder.ts'
import { classify, HeadError, parseHeaderLines } from './head_parser.ts'
import { type MessageHandler, MessageParser } from './message_parser.ts'
import { parseRequestLine, requestFraming } from './request_head.ts'
import { applyRequestTarget } from './request_target.ts'
import { Http1ServerStream } from './server_stream.ts'
import { type Http1Settings, receivedCase } from './settings.ts'

/** What the codec counts: `http1.*` of the connection manager. */
export interface Http1CodecStats {
  readonly droppedHeadersWithUnderscores: { inc(): void }
  readonly requestsRejectedWithUnderscores: { inc(): void }
  readonly metadataNotSupported: { inc(): void }
  readonly responseFlood: { inc(): void }
}

/** So much of later requests is read ahead at the most, and what one read brings over it. */
const pipelinedLimitBytes = 16 * 1024

export class Http1ServerCodec implements ServerCodec, MessageHandler {
  readonly connection: Connection
  readonly settings: Http1Settings
  readonly #callbacks: ServerCodecCallbacks
  readonly #stats: Http1CodecStats
  readonly #parser: MessageParser
  /** The request being read or answered; undefined between requests. */
  stream: Http1ServerStream | undefined = undefined
  #decoder: RequestDecoder | undefined = undefined
  protocol: Protocol = 'HTTP/1.1'
  readonly multiplexed = false
  readonly streamBufferLimitBytes: number
  /** Bytes of later requests that wait until this one is answered. */
  #pipelined: Buffer | undefined = undefined
  #readStopped = false
  #dispatching = false
  #stopped = false
  /** Who got body data of what was read last. */
  #reading: DataReceiver | undefined = undefined

  constructor(
    connection: Connection,
    callbacks: ServerCodecCallbacks,
    settings: Http1Settings,
    stats: Http1CodecStats,
  ) {
    this.connection = connection
    this.streamBufferLimitBytes = connection.bufferLimitBytes
    this.#callbacks = callbacks
    this.settings = settings
    this.#stats = stats
    this.#parser = new MessageParser(this, settings.maxHeadersBytes, true)
  }

  /** A head has begun and is not whole: request_headers_timeout runs. */
  get readingHead(): boolean {
    return this.#parser.inHead
  }

  dispatch(data: Buffer): void {
    this.#reading = undefined
    if (this.#pipelined !== undefined) {
      this.#hold(Buffer.concat([this.#pipelined, data]))
      return
    }
    this.#run(data)
  }

  abortDispatch(): void {
    this.#refuse(new HeadError('overload', 'overload', 500), true)
  }

  #run(data: Buffer): void {
    this.#dispatching = true
    try {
      const consumed = this.#parser.execute(data)
      if (consumed < data.length && !this.#stopped) this.#hold(data.subarray(consumed))
    } catch (error) {
      if (!(error instanceof HeadError)) throw error
      this.#refuse(error)
    } finally {
      this.#dispatching = false
    }
  }

  /**
   * Keeps what follows the current request. Reading goes on for a while, since that is how a client's end is seen, and
   * then stops, so that a client cannot make us buffer without bound.
   */
  #hold(data: Buffer): void {
    this.#pipelined = data
    if (data.length <= pipelinedLimitBytes || this.#readStopped) return
    this.#readStopped = true
    this.connection.readDisable(true)
  }

  /** What was read last may still be in use. */
  retainsData(): boolean {
    const reading = this.#reading
    this.#reading = undefined
    return this.#pipelined !== undefined || reading?.retainsData() === true
  }

  /** The current exchange is over in both directions. */
  onStreamComplete(): void {
    this.stream?.releaseReads()
    this.stream = undefined
    this.#decoder = undefined
    // A client that asks on without reading its answers is not read on either.
    this.#parser.paused = this.#stopped || this.connection.aboveHighWatermark
  }

  /** Goes on with what the client has pipelined; the connection manager calls it when it is done with a stream. */
  continuePipelined(): void {
    // Inside execute() the loop itself goes on.
    if (this.#dispatching || this.stream !== undefined || this.#pipelined === undefined || this.#parser.paused) return
    const data = this.#pipelined
    this.#pipelined = undefined
    if (this.#readStopped) this.connection.readDisable(false)
    this.#readStopped = false
    if (this.connection.isOpen) this.connection.reader.onData(data, false)
  }

  /** The connection closes: what the client has sent behind the request in progress is not for us any more. */
  stop(): void {
    this.#stopped = true
    this.#parser.paused = true
  }

  onHead(text: string): number {
    try {
      return this.#startRequest(text)
    } catch (error) {
      throw error instanceof HeadError ? classify(error, text) : error
    }
  }

  #startRequest(text: string): number {
    this.protocol = 'HTTP/1.1'
    const headers = new HeaderMap()
    const requestLineEnd = parseRequestLine(text, headers, this.settings)
    const stream = new Http1ServerStream(this, headers.method)
    stream.wireBytesReceived = text.length + 2
    this.stream = stream
    headers.receivedCase = receivedCase(this.settings)
    const headerBytes = parseHeaderLines(text, requestLineEnd, headers, 'request')
    if (headers.names.length > this.settings.maxHeadersCount)
      throw new HeadError('TOO_MANY_HEADERS', 'http1.too_many_headers', 431)
    // Known only of a head that is whole: what is refused before is answered in our version.
    this.protocol = text.charCodeAt(requestLineEnd - 3) === 0x30 ? 'HTTP/1.0' : 'HTTP/1.1'
    if (this.protocol === 'HTTP/1.0' && !this.settings.acceptHttp10) this.#refuseHttp10()
    this.#checkUnderscores(headers)
    if ((headers.known & KnownHeader.upgrade) !== 0) dropH2cUpgrade(headers)
    applyRequestTarget(headers, this.protocol, this.settings)
    const framing = requestFraming(headers, this.protocol, this.settings)
    stream.framing = framing
    // Of a head that is refused, none are counted.
    stream.headerBytesReceived = headerBytes
    stream.decompressedHeaderBytesReceived = headerBytes
    this.#decoder = this.#callbacks.newStream(stream)
    // A body of length 0 ends with the head.
    stream.remoteComplete = framing === 0
    if (framing === 0) this.#parser.paused = true
    this.#decoder.decodeHeaders(headers, framing === 0)
    return framing
  }

  /** Told in our version: the refusal is what the client can read of it. */
  #refuseHttp10(): never {
    this.protocol = 'HTTP/1.1'
    throw new HeadError('UNSUPPORTED_VERSION', 'low_version', 426)
  }

  onBody(data: Buffer): void {
    const stream = this.stream
    if (stream === undefined) return
    stream.wireBytesReceived += data.length + this.#parser.takeFramingBytes()
    if (stream.detached) return
    this.#reading = this.#decoder
    this.#decoder?.decodeData(data, false)
  }

  onComplete(trailerLines: string): void {
    const stream = this.stream
    // Undefined where the response, complete already, has ended the exchange.
    if (stream === undefined || stream.remoteComplete) return
    stream.remoteComplete = true
    stream.wireBytesReceived += this.#parser.takeFramingBytes()
    this.#parser.paused = true
    if (stream.detached) {
      stream.maybeComplete()
      return
    }
    if (trailerLines !== '' && this.settings.enableTrailers) {
      this.#decoder?.decodeTrailers(this.#parseTrailers(trailerLines, stream))
    } else {
      if (trailerLines !== '') this.#parseTrailers(trailerLines, stream)
      this.#decoder?.decodeData(noBytes, true)
    }
    stream.maybeComplete()
  }

  #parseTrailers(lines: string, stream: Http1ServerStream): HeaderMap {
    const trailers = new HeaderMap()
    try {
      stream.headerBytesReceived += parseHeaderLines(lines, 0, trailers, 'trailers')
    } catch (error) {
      throw error instanceof HeadError ? classify(error, lines) : error
    }
    // Nobody sees those that are not passed on.
    if (!this.settings.enableTrailers) return trailers
    this.#checkUnderscores(trailers)
    if (trailers.length > this.settings.maxHeadersCount)
      throw new HeadError('TOO_MANY_TRAILERS', 'http1.too_many_headers', 431)
    return trailers
  }

  #checkUnderscores(headers: HeaderMap): void {
    if (this.settings.headersWithUnderscores === 'ALLOW') return
    for (let i = headers.names.length - 1; i >= 0; i--) {
      if (!headers.names[i].includes('_')) continue
      if (this.settings.headersWithUnderscores === 'REJECT_REQUEST') {
        this.#stats.requestsRejectedWithUnderscores.inc()
        throw new HeadError('header name contains underscores', 'http1.unexpected_underscore')
      }
      this.#stats.droppedHeadersWithUnderscores.inc()
      headers.removeAt(i)
    }
  }

  /** Answers a request that cannot be read, then tells the connection manager that this connection is over. */
  #refuse(error: HeadError, isOverload = false): void {
    this.#parser.paused = true
    let stream = this.stream
    if (stream === undefined) {
      stream = new Http1ServerStream(this, '')
      this.stream = stream
    }
    const decoder = this.#decoder ?? this.#callbacks.newStream(stream)
    if (!stream.responseStarted) {
      decoder.sendProtocolErrorReply(error.status, reasonPhrase(error.status), error.details)
    }
    throw new CodecProtocolError(error.message, error.details, false, isOverload)
  }

  /** Answers a request whose head has not come in time; the connection manager then closes. */
  refuseUnfinishedHead(status: number, body: string, details: string): void {
    this.#parser.paused = true
    const stream = new Http1ServerStream(this, '')
    this.stream = stream
    this.#callbacks.newStream(stream).sendLocalReply({ status, body, details })
  }

  /** The client left in the middle of a head: a request there was, if not much of one. */
  abandonUnfinishedHead(): void {
    if (!this.#parser.inHead || this.stream !== undefined) return
    this.stream = new Http1ServerStream(this, '')
    this.#callbacks.newStream(this.stream)
  }

  shutdownNotice(): void {}

  goAway(): void {}

  onUnderlyingConnectionAboveWriteBufferHighWatermark(): void {
    this.stream?.callbacks?.onAboveWriteBufferHighWatermark()
  }

  onUnderlyingConnectionBelowWriteBufferLowWatermark(): void {
    if (this.stream !== undefined) {
      this.stream.callbacks?.onBelowWriteBufferLowWatermark()
      return
    }
    this.#parser.paused = this.#stopped
    this.continuePipelined()
  }
}

const noBytes = Buffer.alloc(0)

/** Clients may offer to go on in HTTP/2 (RFC 7540 3.2); nobody has to take that up, and it is no other protocol. */
function dropH2cUpgrade(headers: HeaderMap): void {
  if (headers.get('upgrade')?.toLowerCase() !== 'h2c') return
  headers.remove('upgrade')
  headers.remove('http2-settings')
}
