// Cuts the bytes of an HTTP/2 connection into frames (RFC 9113 section 4); payload of DATA passes through uncopied.

import { clientPreface, defaultMaxFrameBytes, ErrorCode, FrameFlag, FrameType, frameHeaderBytes } from './constants.ts'
import { Http2ConnectionError } from './errors.ts'

export interface FrameHandler {
  /** Checked after each frame: a handler that has closed the connection gets no more. */
  readonly readsFrames: boolean
  /** A DATA frame begins; `length` is all of its payload, padding included, as flow control counts it. */
  onDataBegin(flags: number, streamId: number, length: number, dataLength: number): void
  /** A part of that frame's data, the empty last one of an empty frame included. */
  onDataChunk(chunk: Buffer, isLast: boolean): void
  /** Any other frame: its payload is `data` from `start` to `end`. */
  onFrame(type: number, flags: number, streamId: number, data: Buffer, start: number, end: number): void
}

const noBytes = Buffer.alloc(0)
const preface = Buffer.from(clientPreface, 'latin1')

/** Plain fields, since this is the hot path: private to the parser but for `continuationOf`. */
export class FrameParser {
  readonly handler: FrameHandler
  /** The stream whose header block is not whole: nothing but its CONTINUATION may come. 0 for none. */
  continuationOf = 0
  /** Bytes of the client's preface that have not come yet. */
  prefaceLeft: number
  begun = false
  /** The beginning of a frame whose rest has not come yet. */
  held: Buffer | undefined = undefined
  inData = false
  dataLeft = 0
  paddingLeft = 0

  /** `expectsPreface`: the server side. */
  constructor(handler: FrameHandler, expectsPreface: boolean) {
    this.handler = handler
    this.prefaceLeft = expectsPreface ? preface.length : 0
  }

  /** Throws Http2ConnectionError where no frame can follow. */
  execute(bytes: Buffer): void {
    let data = bytes
    let p = 0
    if (this.prefaceLeft > 0) {
      p = this.#skipPreface(data)
      if (this.prefaceLeft > 0) return
    }
    if (this.held !== undefined) {
      data = Buffer.concat([this.held, data])
      this.held = undefined
    }
    const end = data.length
    while (this.handler.readsFrames) {
      if (this.inData) {
        p = this.#passData(data, p, end)
        if (this.inData) return
        continue
      }
      const next = this.#readFrame(data, p, end)
      if (next < 0) {
        if (p < end) this.held = Buffer.from(data.subarray(p))
        return
      }
      p = next
    }
  }

  #skipPreface(data: Buffer): number {
    const from = preface.length - this.prefaceLeft
    const count = Math.min(this.prefaceLeft, data.length)
    for (let i = 0; i < count; i++) {
      if (data[i] !== preface[from + i]) throw new Http2ConnectionError('invalid connection preface')
    }
    this.prefaceLeft -= count
    return count
  }

  /** Reads one frame, or the header of a DATA frame, at `p`; returns what follows it, or -1 where it is not all there. */
  #readFrame(data: Buffer, p: number, end: number): number {
    if (end - p < frameHeaderBytes) return -1
    const length = (data[p] << 16) | (data[p + 1] << 8) | data[p + 2]
    const type = data[p + 3]
    const flags = data[p + 4]
    const streamId = ((data[p + 5] & 0x7f) << 24) | (data[p + 6] << 16) | (data[p + 7] << 8) | data[p + 8]
    this.#check(type, flags, streamId, length)
    const start = p + frameHeaderBytes
    if (type === FrameType.data) return this.#beginData(data, start, end, flags, streamId, length)
    if (end - start < length) return -1
    this.begun = true
    this.handler.onFrame(type, flags, streamId, data, start, start + length)
    return start + length
  }

  #check(type: number, flags: number, streamId: number, length: number): void {
    if (!this.begun && (type !== FrameType.settings || (flags & FrameFlag.ack) !== 0))
      throw new Http2ConnectionError('the first frame is not SETTINGS')
    if (length > defaultMaxFrameBytes) throw new Http2ConnectionError('frame too large', ErrorCode.frameSizeError)
    if (this.continuationOf === 0) {
      if (type === FrameType.continuation) throw new Http2ConnectionError('CONTINUATION without HEADERS')
    } else if (type !== FrameType.continuation || streamId !== this.continuationOf)
      throw new Http2ConnectionError('a header block is interrupted')
  }

  #beginData(data: Buffer, start: number, end: number, flags: number, streamId: number, length: number): number {
    let p = start
    let padding = 0
    if ((flags & FrameFlag.padded) !== 0) {
      if (length === 0) throw new Http2ConnectionError('padding without its length')
      if (p >= end) return -1
      padding = data[p++] + 1
      if (padding > length) throw new Http2ConnectionError('padding longer than its frame')
    }
    this.inData = true
    this.dataLeft = length - padding
    this.paddingLeft = padding === 0 ? 0 : padding - 1
    this.handler.onDataBegin(flags, streamId, length, this.dataLeft)
    return p
  }

  #passData(data: Buffer, start: number, end: number): number {
    let p = start
    if (this.dataLeft > 0) {
      if (p === end) return p
      const stop = Math.min(end, p + this.dataLeft)
      this.dataLeft -= stop - p
      const chunk = p === 0 && stop === data.length ? data : data.subarray(p, stop)
      p = stop
      // Of a padded frame the end is told behind the padding.
      const isLast = this.dataLeft === 0 && this.paddingLeft === 0
      if (isLast) this.inData = false
      this.handler.onDataChunk(chunk, isLast)
      if (isLast || this.dataLeft > 0) return p
    }
    const skipped = Math.min(end - p, this.paddingLeft)
    this.paddingLeft -= skipped
    p += skipped
    if (this.paddingLeft > 0) return p
    this.inData = false
    this.handler.onDataChunk(noBytes, true)
    return p
  }
}
