// What still comes of requests that were answered before they were whole (RFC 9113 section 8.1): nobody wants it any more,
// but it must make one message with what came before, within the window that the client has.

import { Timer } from '../../../common/timer.ts'
import { gatherWrites } from '../../../network/write_batch.ts'
import { ErrorCode, largestStreamId, largestWindowBytes } from './constants.ts'
import { Http2ConnectionError } from './errors.ts'
import type { Http2Connection } from './http2_connection.ts'

const mostRemembered = 128

/**
 * What of a request was on its way when the answer left is read before the client is told to stop: most are whole then and
 * need no RST_STREAM, and one that breaks the protocol gets the code of that as the first. Envoy waits as long as it has
 * something to read.
 */
const noticeDelayMs = 25

export interface AnsweredStream {
  readonly id: number
  /** What content-length leaves; -1 for no length. */
  bodyLeft: number
  receiveWindow: number
  sendWindow: number
  /** The client has been told to stop (RST_STREAM with NO_ERROR). */
  told: boolean
}

export class AnsweredStreams {
  /** A client sends on: when what was read is dealt with, those whose end was not in it are told. */
  someGoOn = false
  readonly #http2: Http2Connection
  readonly #streams = new Map<number, AnsweredStream>()
  /** Its callback lets what has arrived meanwhile be read first: a process that was held up finds both at once. */
  readonly #noticeTimer = new Timer(() => setImmediate(() => gatherWrites(() => this.tellAll())))

  constructor(http2: Http2Connection) {
    this.#http2 = http2
  }

  add(id: number, bodyLeft: number, receiveWindow: number, sendWindow: number): void {
    this.#streams.set(id, { id, bodyLeft, receiveWindow, sendWindow, told: false })
    if (this.#streams.size > mostRemembered) this.#forgetOldest()
    if (this.#http2.goAwayLimit < largestStreamId) this.tellAll()
    else if (!this.#noticeTimer.enabled) this.#noticeTimer.enable(noticeDelayMs)
  }

  #forgetOldest(): void {
    for (const stream of this.#streams.values()) {
      this.#tell(stream)
      this.#end(stream, 'reset')
      return
    }
  }

  get(streamId: number): AnsweredStream | undefined {
    return this.#streams.get(streamId)
  }

  /** Nothing more is read from the connection. */
  stop(): void {
    this.#noticeTimer.disable()
    this.#streams.clear()
  }

  tellAll(): void {
    this.someGoOn = false
    for (const stream of this.#streams.values()) this.#tell(stream)
  }

  #tell(stream: AnsweredStream): void {
    if (stream.told) return
    stream.told = true
    this.#http2.stats.txReset.inc()
    this.#http2.writer.rstStream(stream.id, ErrorCode.noError)
  }

  // ---- What comes ------------------------------------------------------------------------------------------------

  onData(stream: AnsweredStream, length: number, dataLength: number, endStream: boolean): void {
    stream.receiveWindow -= length
    if (stream.receiveWindow < 0)
      throw new Http2ConnectionError('more DATA than the stream window has', ErrorCode.flowControlError)
    if (stream.bodyLeft >= 0) {
      stream.bodyLeft -= dataLength
      if (stream.bodyLeft < 0 || (endStream && stream.bodyLeft > 0)) {
        this.#fail(stream, ErrorCode.protocolError)
        return
      }
    }
    if (endStream) this.#end(stream, 'ended')
    else if (!stream.told) this.someGoOn = true
  }

  /** A header block, which must be trailers. */
  onTrailers(stream: AnsweredStream, areValid: boolean): void {
    if (!areValid || stream.bodyLeft > 0) {
      this.#fail(stream, ErrorCode.protocolError)
      return
    }
    this.#end(stream, 'ended')
  }

  onWindowUpdate(stream: AnsweredStream, increment: number): void {
    stream.sendWindow += increment
    if (stream.sendWindow > largestWindowBytes) this.#fail(stream, ErrorCode.flowControlError)
  }

  /** RST_STREAM, which none may answer, or the END_STREAM of a frame that began before the answer. */
  onEnd(streamId: number): void {
    const stream = this.#streams.get(streamId)
    if (stream !== undefined) this.#end(stream, 'ended')
  }

  /** There is nobody to tell but the client. */
  #fail(stream: AnsweredStream, errorCode: ErrorCode): void {
    this.#http2.stats.txReset.inc()
    this.#http2.writer.rstStream(stream.id, errorCode)
    this.#end(stream, 'reset')
  }

  /** `ended`: what comes later is a mistake. `reset`: it is not looked at. */
  #end(stream: AnsweredStream, how: 'ended' | 'reset'): void {
    this.#streams.delete(stream.id)
    if (how === 'ended') this.#http2.closedStreams.addEnded(stream.id)
    else this.#http2.closedStreams.addReset(stream.id)
  }
}
