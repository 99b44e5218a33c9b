// Writes the frames of one connection (RFC 9113 sections 4 and 6), in order with what else goes to its socket.

import type { ByteWriter } from '../../../common/byte_writer.ts'
import type { Connection } from '../../../network/connection.ts'
import { defaultMaxFrameBytes, FrameFlag, FrameType, frameHeaderBytes } from './constants.ts'
import type { ProtocolConstraints } from './protocol_constraints.ts'

/** Payloads up to here are copied behind their frame's header: one more buffer in a write costs more. */
const copiedPayloadBytes = 2048

export class FrameWriter {
  readonly #connection: Connection
  readonly #constraints: ProtocolConstraints
  /** The longest frame that the peer takes. */
  maxFrameBytes = defaultMaxFrameBytes

  constructor(connection: Connection, constraints: ProtocolConstraints) {
    this.#connection = connection
    this.#constraints = constraints
  }

  /** One DATA frame; the caller keeps to the flow control windows and to `maxFrameBytes`. */
  data(streamId: number, data: Buffer, start: number, end: number, endStream: boolean): void {
    const out = this.#begin(false)
    if (out === undefined) return
    const length = end - start
    const flags = endStream ? FrameFlag.endStream : 0
    this.#constraints.dataFramesSent++
    if (length <= copiedPayloadBytes) {
      out.reserve(frameHeaderBytes + length)
      writeFrameHeader(out, length, FrameType.data, flags, streamId)
      data.copy(out.bytes, out.length, start, end)
      out.length += length
      this.#connection.wrote(frameHeaderBytes + length)
      return
    }
    out.reserve(frameHeaderBytes)
    writeFrameHeader(out, length, FrameType.data, flags, streamId)
    this.#connection.wrote(frameHeaderBytes)
    this.#connection.write(start === 0 && end === data.length ? data : data.subarray(start, end))
  }

  /** Where a header block is to be appended; undefined where nothing can be written any more. */
  beginHeaders(): ByteWriter | undefined {
    const out = this.#begin(false)
    if (out === undefined) return undefined
    out.reserve(frameHeaderBytes)
    out.length += frameHeaderBytes
    return out
  }

  /**
   * Makes a HEADERS frame, with CONTINUATION where it is too long for one, of what was appended since beginHeaders();
   * returns the bytes of all of it.
   */
  endHeaders(out: ByteWriter, start: number, streamId: number, endStream: boolean): number {
    const length = out.length - start - frameHeaderBytes
    const flags = endStream ? FrameFlag.endStream : 0
    if (length > this.maxFrameBytes) return this.#splitHeaders(out, start, streamId, flags)
    const end = out.length
    out.length = start
    writeFrameHeader(out, length, FrameType.headers, flags | FrameFlag.endHeaders, streamId)
    out.length = end
    this.#connection.wrote(end - start)
    return end - start
  }

  #splitHeaders(out: ByteWriter, start: number, streamId: number, flags: number): number {
    const block = Buffer.from(out.bytes.subarray(start + frameHeaderBytes, out.length))
    out.length = start
    for (let p = 0; p < block.length; p += this.maxFrameBytes) {
      const length = Math.min(this.maxFrameBytes, block.length - p)
      const last = p + length === block.length ? FrameFlag.endHeaders : 0
      out.reserve(frameHeaderBytes + length)
      const type = p === 0 ? FrameType.headers : FrameType.continuation
      writeFrameHeader(out, length, type, p === 0 ? flags | last : last, streamId)
      block.copy(out.bytes, out.length, p, p + length)
      out.length += length
    }
    this.#connection.wrote(out.length - start)
    return out.length - start
  }

  settings(entries: readonly (readonly [number, number])[]): void {
    const length = entries.length * 6
    const out = this.#begin(true)
    if (out === undefined) return
    out.reserve(frameHeaderBytes + length)
    writeFrameHeader(out, length, FrameType.settings, 0, 0)
    for (const [id, value] of entries) {
      out.bytes.writeUInt16BE(id, out.length)
      out.bytes.writeUInt32BE(value, out.length + 2)
      out.length += 6
    }
    this.#connection.wrote(frameHeaderBytes + length)
  }

  settingsAck(): void {
    const out = this.#begin(true)
    if (out === undefined) return
    out.reserve(frameHeaderBytes)
    writeFrameHeader(out, 0, FrameType.settings, FrameFlag.ack, 0)
    this.#connection.wrote(frameHeaderBytes)
  }

  /** `payload`: the eight bytes of it begin at `start`. */
  ping(payload: Buffer, start: number, ack: boolean): void {
    const out = this.#begin(true)
    if (out === undefined) return
    out.reserve(frameHeaderBytes + 8)
    writeFrameHeader(out, 8, FrameType.ping, ack ? FrameFlag.ack : 0, 0)
    payload.copy(out.bytes, out.length, start, start + 8)
    out.length += 8
    this.#connection.wrote(frameHeaderBytes + 8)
  }

  rstStream(streamId: number, errorCode: number): void {
    this.#word(true, FrameType.rstStream, streamId, errorCode)
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#word(false, FrameType.windowUpdate, streamId, increment)
  }

  goAway(lastStreamId: number, errorCode: number, debugData: string): void {
    const out = this.#begin(false)
    if (out === undefined) return
    const length = 8 + debugData.length
    out.reserve(frameHeaderBytes + length)
    writeFrameHeader(out, length, FrameType.goAway, 0, 0)
    out.bytes.writeUInt32BE(lastStreamId, out.length)
    out.bytes.writeUInt32BE(errorCode, out.length + 4)
    out.bytes.write(debugData, out.length + 8, 'latin1')
    out.length += length
    this.#connection.wrote(frameHeaderBytes + length)
  }

  #word(isControl: boolean, type: number, streamId: number, word: number): void {
    const out = this.#begin(isControl)
    if (out === undefined) return
    out.reserve(frameHeaderBytes + 4)
    writeFrameHeader(out, 4, type, 0, streamId)
    out.bytes.writeUInt32BE(word, out.length)
    out.length += 4
    this.#connection.wrote(frameHeaderBytes + 4)
  }

  #begin(isControl: boolean): ByteWriter | undefined {
    this.#constraints.onOutboundFrame(isControl)
    return this.#connection.writer()
  }
}

function writeFrameHeader(out: ByteWriter, length: number, type: number, flags: number, streamId: number): void {
  const { bytes } = out
  const p = out.length
  bytes[p] = length >> 16
  bytes[p + 1] = length >> 8
  bytes[p + 2] = length
  bytes[p + 3] = type
  bytes[p + 4] = flags
  bytes[p + 5] = streamId >> 24
  bytes[p + 6] = streamId >> 16
  bytes[p + 7] = streamId >> 8
  bytes[p + 8] = streamId
  out.length = p + frameHeaderBytes
}
