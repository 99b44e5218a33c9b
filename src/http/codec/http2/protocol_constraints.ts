// Limits on what a peer can make us do or keep for nothing, by Envoy's rules and counters (its ProtocolConstraints).

import { TokenBucket } from '../../../common/token_bucket.ts'
import type { Connection } from '../../../network/connection.ts'
import type { Http2CodecStats } from './codec_stats.ts'
import { ErrorCode } from './constants.ts'
import { Http2ConnectionError, Http2FloodError } from './errors.ts'
import type { Http2Stream } from './http2_stream.ts'
import type { Http2Settings } from './settings.ts'

export class ProtocolConstraints {
  readonly #connection: Connection
  readonly #settings: Http2Settings
  readonly #stats: Http2CodecStats
  #emptyInARow = 0
  #priorityFrames = 0
  #windowUpdates = 0
  readonly #resets: TokenBucket | undefined
  /** Frames that wait to be taken by the kernel. */
  #outbound = 0
  #outboundControl = 0
  dataFramesSent = 0
  /** Found while a frame was written; the codec throws it when it is back in its own loop. */
  violation: Http2FloodError | undefined = undefined

  readonly #onOutboundFlood: () => void
  /** Those that are open now: what a client may send for each ends with it. */
  readonly #streams: { readonly size: number }

  constructor(
    connection: Connection,
    settings: Http2Settings,
    stats: Http2CodecStats,
    streams: { readonly size: number },
    onOutboundFlood: () => void,
  ) {
    this.#streams = streams
    this.#connection = connection
    this.#onOutboundFlood = onOutboundFlood
    this.#settings = settings
    this.#stats = stats
    const resets = settings.streamResets
    this.#resets =
      resets &&
      new TokenBucket({ maxTokens: resets.burst, tokensPerFill: Math.max(1, resets.perSecond), fillIntervalMs: 1000 })
  }

  onRstStreamFrame(): void {
    if (this.#resets?.tryConsume(1) === false)
      throw new Http2ConnectionError('Too many RST_STREAM frames', ErrorCode.internalError)
  }

  /** HEADERS, CONTINUATION and DATA, of a stream that may be over. */
  onMessageFrame(isEmpty: boolean, endStream: boolean, stream: Http2Stream | undefined): void {
    if (!isEmpty || endStream) {
      this.#emptyInARow = 0
      return
    }
    if (++this.#emptyInARow <= this.#settings.maxConsecutiveEmptyFrames) return
    this.#stats.inboundEmptyFramesFlood.inc()
    if (stream !== undefined) stream.details = 'http2.inbound_empty_frames_flood'
    throw new Http2FloodError('Too many consecutive frames with an empty payload')
  }

  onPriorityFrame(): void {
    if (++this.#priorityFrames <= this.#settings.maxPriorityFramesPerStream * (1 + this.#streams.size)) return
    this.#stats.inboundPriorityFramesFlood.inc()
    throw new Http2FloodError('Too many PRIORITY frames')
  }

  onWindowUpdateFrame(): void {
    const perDataFrame = this.#settings.maxWindowUpdatesPerDataFrame
    const allowed = 5 + 2 * (this.#streams.size + perDataFrame * this.dataFramesSent)
    if (++this.#windowUpdates <= allowed) return
    this.#stats.inboundWindowUpdateFramesFlood.inc()
    throw new Http2FloodError('Too many WINDOW_UPDATE frames')
  }

  /** A frame is about to be written. `isControl`: PING, SETTINGS or RST_STREAM, which peers can make us send. */
  onOutboundFrame(isControl: boolean): void {
    // Nothing waits any more: the kernel has taken all that was counted.
    if (this.#connection.pending.bytes === 0 && this.#connection.socket.writableLength === 0) this.onDrained()
    if (isControl) this.#outboundControl++
    if (++this.#outbound > this.#settings.maxOutboundFrames) {
      this.#violate(this.#stats.outboundFlood, 'Too many frames in the outbound queue.')
    } else if (this.#outboundControl > this.#settings.maxOutboundControlFrames) {
      this.#violate(this.#stats.outboundControlFlood, 'Too many control frames in the outbound queue.')
    }
  }

  #violate(counter: { inc(): void }, message: string): void {
    if (this.violation !== undefined) return
    counter.inc()
    this.violation = new Http2FloodError(message)
    this.#onOutboundFlood()
  }

  onDrained(): void {
    this.#outbound = 0
    this.#outboundControl = 0
  }
}
