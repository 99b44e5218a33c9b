// One HTTP/2 stream, of either side: what it sends, how much it may, and its end (RFC 9113 section 5).

import type { HeaderMap } from '../../../common/header_map.ts'
import { plainTimers, Timer, type TimerGroup } from '../../../common/timer.ts'
import { gatherWrites } from '../../../network/write_batch.ts'
import type {
  RequestDecoder,
  RequestEncoder,
  ResponseDecoder,
  ResponseEncoder,
  StreamCallbacks,
  StreamResetReason,
} from '../codec.ts'
import { ErrorCode, largestWindowBytes } from './constants.ts'
import type { Http2Connection } from './http2_connection.ts'
import { SendQueue } from './send_queue.ts'

const noBytes = Buffer.alloc(0)

/** Fields without `#` belong to the codec's files: this is the hot path. */
export class Http2Stream implements ResponseEncoder, RequestEncoder {
  readonly connection: Http2Connection
  /** 0 until a request's head is sent. */
  id: number
  requestDecoder: RequestDecoder | undefined = undefined
  responseDecoder: ResponseDecoder | undefined = undefined
  callbacks: StreamCallbacks | undefined = undefined
  /** The type that an extended CONNECT asks for; '' for any other request. */
  upgradeType = ''
  method = ''
  /** What the peer broke in this stream, in Envoy's words for %RESPONSE_CODE_DETAILS%; '' for nothing. */
  details = ''
  /** The request's head, or the response's final one, has been read. */
  headReceived = false
  remoteEnd = false
  /** END_STREAM has been given to us to send. */
  localEnd = false
  /** It has been sent. */
  localEndSent = false
  /** Over in both directions, or reset: nothing is sent or told any more. */
  closed = false
  /** Reset by its user, but for what was to be sent before. */
  deferredReset: StreamResetReason | undefined = undefined
  receiveWindow: number
  /** Received and used, but not given back to the peer's window yet. */
  unacknowledgedBytes = 0
  /** Received while reading is disabled. */
  heldBytes = 0
  /** What content-length leaves; without a length, -1 and from there down by what has come. */
  bodyLeft = -1
  sendWindow: number
  queue: SendQueue | undefined = undefined
  pendingTrailers: HeaderMap | undefined = undefined
  wireBytesReceived = 0
  wireBytesSent = 0
  headerBytesReceived = 0
  headerBytesSent = 0
  decompressedHeaderBytesReceived = 0
  decompressedHeaderBytesSent = 0
  #readDisables = 0
  #queueIsFull = false
  #connectionIsFull: boolean
  #flushTimeoutMs = 0
  #flushTimers: TimerGroup = plainTimers
  #flushTimer: Timer | undefined = undefined

  constructor(connection: Http2Connection, id: number) {
    this.connection = connection
    this.id = id
    this.receiveWindow = connection.settings.initialStreamWindowBytes
    this.sendWindow = connection.peer.initialWindowBytes
    this.#connectionIsFull = connection.connection.aboveHighWatermark
  }

  setCallbacks(callbacks: StreamCallbacks): void {
    this.callbacks = callbacks
  }

  /** How long what is queued behind the stream's end may wait for the peer's window; 0 for ever. */
  setFlushTimeout(timeoutMs: number, timers: TimerGroup): void {
    this.#flushTimeoutMs = timeoutMs
    this.#flushTimers = timers
    if (this.#flushTimer === undefined) return
    if (timeoutMs === 0) this.#flushTimer.disable()
    else this.#flushTimer.enable(timeoutMs)
  }

  // ---- Sending ---------------------------------------------------------------------------------------------------

  encode1xxHeaders(headers: HeaderMap): void {
    if (!this.closed && !this.localEnd) this.connection.sendHead(this, headers, false)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.closed || this.localEnd) return
    this.localEnd = endStream
    this.connection.sendHead(this, headers, endStream)
  }

  encodeData(data: Buffer, endStream: boolean): void {
    if (this.closed || this.localEnd) return
    this.localEnd = endStream
    const sent = this.queue === undefined ? this.#sendNow(data, endStream) : 0
    if (sent < data.length || (endStream && !this.localEndSent)) this.#enqueue(data, sent)
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.closed || this.localEnd) return
    if (trailers.length === 0) {
      this.encodeData(noBytes, true)
      return
    }
    this.localEnd = true
    if (this.queue === undefined) this.connection.sendTrailers(this, trailers)
    else {
      this.pendingTrailers = trailers
      this.#startFlushTimer()
    }
  }

  /** Sends what the windows allow; returns how much that was. */
  #sendNow(data: Buffer, endStream: boolean): number {
    const { connection } = this
    const allowed = Math.min(data.length, this.sendWindow, connection.sendWindow)
    if (data.length === 0 && !endStream) return 0
    if (allowed <= 0 && data.length > 0) return 0
    let p = 0
    do {
      const stop = Math.min(allowed, p + connection.writer.maxFrameBytes)
      connection.sendData(this, data, p, stop, endStream && stop === data.length)
      p = stop
    } while (p < allowed)
    return p
  }

  #enqueue(data: Buffer, sent: number): void {
    const queue = this.queue ?? new SendQueue()
    if (this.queue === undefined) {
      this.queue = queue
      this.connection.blocked.add(this)
    }
    if (sent < data.length) queue.push(data, sent)
    this.connection.stats.pendingSendBytes.add(data.length - sent)
    if (this.localEnd) this.#startFlushTimer()
    if (this.#queueIsFull || queue.bytes <= this.connection.queueLimitBytes) return
    this.#queueIsFull = true
    if (!this.#connectionIsFull) this.callbacks?.onAboveWriteBufferHighWatermark()
  }

  /** The windows have room: sends one frame of what is queued. Tells whether there may be more to send now. */
  sendQueued(): boolean {
    const { connection, queue } = this
    if (queue === undefined) return false
    const allowed = Math.min(this.sendWindow, connection.sendWindow, connection.writer.maxFrameBytes)
    if (queue.bytes > 0) {
      if (allowed <= 0) return false
      const data = queue.take(allowed)
      connection.stats.pendingSendBytes.sub(data.length)
      const isLast = queue.bytes === 0 && this.localEnd && this.pendingTrailers === undefined
      connection.sendData(this, data, 0, data.length, isLast)
      this.#onQueueShorter(queue)
      if (queue.bytes > 0) return true
    } else if (this.localEnd && this.pendingTrailers === undefined) connection.sendData(this, noBytes, 0, 0, true)
    this.dropQueue()
    const trailers = this.pendingTrailers
    this.pendingTrailers = undefined
    if (trailers !== undefined) connection.sendTrailers(this, trailers)
    return false
  }

  #onQueueShorter(queue: SendQueue): void {
    if (this.#flushTimer?.enabled === true) this.#flushTimer.enable(this.#flushTimeoutMs)
    if (!this.#queueIsFull || queue.bytes > this.connection.queueLimitBytes / 2) return
    this.#queueIsFull = false
    if (!this.#connectionIsFull) this.callbacks?.onBelowWriteBufferLowWatermark()
  }

  /** What is left in the queue will not be sent. */
  dropQueue(): void {
    this.#flushTimer?.disable()
    if (this.queue === undefined) return
    this.connection.stats.pendingSendBytes.sub(this.queue.bytes)
    this.connection.blocked.delete(this)
    this.queue = undefined
  }

  #startFlushTimer(): void {
    this.#flushTimer ??= new Timer(() => this.connection.onFlushTimeout(this), this.#flushTimers)
    if (this.#flushTimeoutMs > 0) this.#flushTimer.enable(this.#flushTimeoutMs)
  }

  get hasBufferedData(): boolean {
    return this.queue !== undefined || this.connection.connection.bufferedBytes > 0
  }

  get aboveHighWatermark(): boolean {
    return this.#queueIsFull || this.#connectionIsFull
  }

  /** The peer lets us send more; false where that is more than there can be. */
  widenSendWindow(increment: number): boolean {
    this.sendWindow += increment
    return this.sendWindow <= largestWindowBytes
  }

  onConnectionAboveHighWatermark(): void {
    if (this.#connectionIsFull) return
    this.#connectionIsFull = true
    if (!this.#queueIsFull) this.callbacks?.onAboveWriteBufferHighWatermark()
  }

  onConnectionBelowLowWatermark(): void {
    if (!this.#connectionIsFull) return
    this.#connectionIsFull = false
    if (!this.#queueIsFull) this.callbacks?.onBelowWriteBufferLowWatermark()
  }

  // ---- Receiving -------------------------------------------------------------------------------------------------

  /** Counted. The peer's window stays as it is until reading goes on; what it allows is still delivered. */
  readDisable(disable: boolean): void {
    if (disable) {
      this.#readDisables++
      return
    }
    if (this.#readDisables === 0 || --this.#readDisables > 0 || this.heldBytes === 0) return
    const bytes = this.heldBytes
    this.heldBytes = 0
    this.connection.onBytesUsed(this, bytes)
  }

  get readEnabled(): boolean {
    return this.#readDisables === 0
  }

  // ---- The end ---------------------------------------------------------------------------------------------------

  /** What was to be sent before an ended response's reset still is. */
  resetStream(reason: StreamResetReason): void {
    if (this.closed || this.deferredReset !== undefined) return
    const deferred = this.localEnd && !this.localEndSent && reason !== 'overloadManager'
    if (deferred) this.deferredReset = reason
    else this.connection.resetStream(this, this.#errorCodeOf(reason))
    this.connection.side.onLocalReset(this, reason)
  }

  /** What waits to be sent, and what the peer is not told yet that it was used. */
  get bufferedBytes(): number {
    return (this.queue?.bytes ?? 0) + this.heldBytes
  }

  resetByOverload(): void {
    gatherWrites(() => this.resetStream('overloadManager'))
  }

  sendDeferredReset(reason: StreamResetReason): void {
    this.connection.resetStream(this, this.#errorCodeOf(reason))
  }

  #errorCodeOf(reason: StreamResetReason): ErrorCode {
    switch (reason) {
      case 'localRefusedStreamReset':
        return ErrorCode.refusedStream
      case 'connectError':
        return ErrorCode.connectError
      case 'protocolError':
        return ErrorCode.protocolError
      default:
        // RFC 9113 8.1: whoever has its whole answer need not send the rest of the request.
        return this.connection.side.isServer && this.localEndSent ? ErrorCode.noError : ErrorCode.internalError
    }
  }
}
