// The contract between codecs and what drives them, the same for HTTP/1 and HTTP/2, server and client side.

import type { HeaderMap } from '../../common/header_map.ts'
import type { TimerGroup } from '../../common/timer.ts'
import type { Protocol } from '../../stream_info/stream_info.ts'

export type StreamResetReason =
  | 'localReset'
  | 'localRefusedStreamReset'
  | 'remoteReset'
  | 'remoteRefusedStreamReset'
  | 'localConnectionFailure'
  | 'remoteConnectionFailure'
  | 'connectionTimeout'
  | 'connectionTermination'
  | 'overflow'
  | 'connectError'
  | 'protocolError'
  | 'overloadManager'
  | 'httpOneHundredContinueUnsupported'

/** Told by a stream's codec about its end and about the room in its write direction. */
export interface StreamCallbacks {
  /** The stream is dead: no more calls on it. */
  onResetStream(reason: StreamResetReason, details: string): void
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
}

/** One stream's codec side. */
export interface CodecStream {
  setCallbacks(callbacks: StreamCallbacks): void
  /** Ends the stream at once; for HTTP/1 this closes the connection. */
  resetStream(reason: StreamResetReason): void
  /** Counted: stops reading this stream's body (for HTTP/1, its connection). */
  readDisable(disable: boolean): void
  /** Bytes given to encodeData may still wait to be written. */
  readonly hasBufferedData: boolean
  /** More waits to be written than the buffer limit allows: what a stream is told of from its beginning on. */
  readonly aboveHighWatermark: boolean
  /** Bytes read and written on the wire for this stream, heads included. */
  readonly wireBytesReceived: number
  readonly wireBytesSent: number
  readonly headerBytesReceived: number
  readonly headerBytesSent: number
  /** As they would be without compression: in HTTP/2 names and values alone. */
  readonly decompressedHeaderBytesReceived: number
  readonly decompressedHeaderBytesSent: number
}

/**
 * What both decoders promise of `data`: its memory is read into again as soon as `retainsData` says false, which is asked
 * once when the event that brought it is over.
 */
export interface DataReceiver {
  retainsData(): boolean
}

/** Receives a decoded request. */
export interface RequestDecoder extends DataReceiver {
  decodeHeaders(headers: HeaderMap, endStream: boolean): void
  decodeData(data: Buffer, endStream: boolean): void
  decodeTrailers(trailers: HeaderMap): void
  /** The codec refuses the request (400, 431 ...): the client broke HTTP. */
  sendProtocolErrorReply(status: number, body: string, details: string): void
  /** The codec gives up on a request for another reason (a head that does not come in time). */
  sendLocalReply(reply: { status: number; body: string; details: string }): void
}

export interface ResponseEncoder extends CodecStream {
  /** What the client broke in this stream, for %RESPONSE_CODE_DETAILS%; '' for nothing. */
  readonly details: string
  /** How long what is written may wait for the client behind the response's end; 0 for ever. HTTP/1 does not wait. */
  setFlushTimeout(timeoutMs: number, timers: TimerGroup): void
  encode1xxHeaders(headers: HeaderMap): void
  encodeHeaders(headers: HeaderMap, endStream: boolean): void
  encodeData(data: Buffer, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
}

/** Receives a decoded response. */
export interface ResponseDecoder extends DataReceiver {
  /** Of `isForwardedInterim`. */
  decode1xxHeaders(headers: HeaderMap): void
  decodeHeaders(headers: HeaderMap, endStream: boolean): void
  decodeData(data: Buffer, endStream: boolean): void
  decodeTrailers(trailers: HeaderMap): void
}

export interface RequestEncoder extends CodecStream {
  encodeHeaders(headers: HeaderMap, endStream: boolean): void
  encodeData(data: Buffer, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
}

/** A codec error that ends the connection: the details string is Envoy's (`http1.codec_error`, ...). */
export class CodecProtocolError extends Error {
  readonly details: string
  /** The peer makes us work or keep things for nothing, which Envoy does not count among protocol errors. */
  readonly isFlood: boolean
  /** Nothing is wrong with what came: overload has it thrown away. */
  readonly isOverload: boolean

  constructor(message: string, details: string, isFlood = false, isOverload = false) {
    super(message)
    this.details = details
    this.isFlood = isFlood
    this.isOverload = isOverload
  }
}

export interface ServerCodecCallbacks {
  /** A request begins (HTTP/2: with the first byte of its head). The returned decoder gets its events. */
  newStream(encoder: ResponseEncoder): RequestDecoder
}

/** Server side of one connection. */
export interface ServerCodec {
  readonly protocol: Protocol
  /** Streams run side by side: the end of one leaves the connection to the others. */
  readonly multiplexed: boolean
  /** How much of a stream's body filters may hold back: as in Envoy, what the stream itself may have under way. */
  readonly streamBufferLimitBytes: number
  /** A head has begun and is not whole: request_headers_timeout runs. */
  readonly readingHead: boolean
  /** Consumes bytes; throws CodecProtocolError where the connection cannot go on. */
  dispatch(data: Buffer): void
  /** Instead of `dispatch`, by overload: answers the request where that is possible, and throws. HTTP/2 has other ways. */
  abortDispatch(): void
  /** What was dispatched last may still be in use. */
  retainsData(): boolean
  /** Goes on with requests that the client has sent ahead; called when a stream is over. HTTP/2 has none that wait. */
  continuePipelined(): void
  /** The connection is closing: nothing that the client sent behind the last request is looked at. */
  stop(): void
  /** Answers the request whose head has not come in time. */
  refuseUnfinishedHead(status: number, body: string, details: string): void
  /** The client left in the middle of a head. */
  abandonUnfinishedHead(): void
  /** Tells the client to open no more streams soon (GOAWAY with the highest stream id); HTTP/1 has no such signal. */
  shutdownNotice(): void
  /** Tells the client which streams are served, and that later ones are not. */
  goAway(): void
  onUnderlyingConnectionAboveWriteBufferHighWatermark(): void
  onUnderlyingConnectionBelowWriteBufferLowWatermark(): void
}

/** Client side of one connection. */
export interface ClientCodec {
  readonly protocol: Protocol
  dispatch(data: Buffer): void
  newStream(decoder: ResponseDecoder): RequestEncoder
  onUnderlyingConnectionAboveWriteBufferHighWatermark(): void
  onUnderlyingConnectionBelowWriteBufferLowWatermark(): void
}

/** Interim responses that mean something to a client (1xx, 101 apart); all others are read over, as Envoy does. */
export function isForwardedInterim(status: number): boolean {
  return status === 100 || (status >= 102 && status <= 104)
}
