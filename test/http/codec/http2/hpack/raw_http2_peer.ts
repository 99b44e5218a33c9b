/** As much of HTTP/2 as it takes to exchange header blocks with a real implementation. */
import type { Socket } from 'node:net'
import { HpackDecoder } from '../../../../../src/http/codec/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../../../../src/http/codec/http2/hpack/encoder.ts'
import { decodeFields, encodeFields, type FieldList } from './blocks.ts'

export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

const headersFrame = 1
const settingsFrame = 4
const pingFrame = 6
const continuationFrame = 9
/** The same bit means END_STREAM in HEADERS. */
const ackFlag = 1
const endHeadersFlag = 4
const headerTableSize = 1
const mostFrameBytes = 16384

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

export class RawHttp2Peer {
  readonly decoder = new HpackDecoder()
  readonly encoder = new HpackEncoder(65536)
  readonly #socket: Socket
  readonly #tableBytes: number
  readonly #onHeaders: (streamId: number, fields: FieldList) => void
  #unread = Buffer.alloc(0)
  #block: Buffer[] = []

  /** Asks the peer for a table of `tableBytes`. `skipBytes` come before the first frame. */
  constructor(
    socket: Socket,
    tableBytes: number,
    skipBytes: number,
    onHeaders: (streamId: number, fields: FieldList) => void,
  ) {
    this.#socket = socket
    this.#tableBytes = tableBytes
    this.#onHeaders = onHeaders
    let skip = skipBytes
    socket.on('data', (data: Buffer) => {
      const skipped = Math.min(skip, data.length)
      skip -= skipped
      this.#unread = Buffer.concat([this.#unread, data.subarray(skipped)])
      this.#readFrames()
    })
  }

  sendSettings(): void {
    const payload = Buffer.alloc(6)
    payload.writeUInt16BE(headerTableSize, 0)
    payload.writeUInt32BE(this.#tableBytes, 2)
    this.#socket.write(frame(settingsFrame, 0, 0, payload))
  }

  /** A message without a body, in as many frames as it takes. */
  sendHeaders(streamId: number, fields: FieldList): void {
    const block = encodeFields(this.encoder, fields)
    let at = 0
    do {
      const piece = block.subarray(at, at + mostFrameBytes)
      const end = at + piece.length === block.length ? endHeadersFlag : 0
      this.#socket.write(frame(at === 0 ? headersFrame : continuationFrame, at === 0 ? end | 1 : end, streamId, piece))
      at += piece.length
    } while (at < block.length)
  }

  #readFrames(): void {
    while (this.#unread.length >= 9) {
      const length = this.#unread.readUIntBE(0, 3)
      if (this.#unread.length < 9 + length) return
      const type = this.#unread[3]
      const flags = this.#unread[4]
      const streamId = this.#unread.readUInt32BE(5)
      const payload = this.#unread.subarray(9, 9 + length)
      this.#unread = this.#unread.subarray(9 + length)
      this.#onFrame(type, flags, streamId, payload)
    }
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === settingsFrame) this.#onSettings(flags, payload)
    else if (type === pingFrame && (flags & ackFlag) === 0) this.#socket.write(frame(pingFrame, ackFlag, 0, payload))
    else if (type === headersFrame || type === continuationFrame) {
      const hasPriority = type === headersFrame && (flags & 0x20) !== 0
      this.#block.push(hasPriority ? payload.subarray(5) : payload)
      if ((flags & endHeadersFlag) === 0) return
      const block = Buffer.concat(this.#block)
      this.#block = []
      this.#onHeaders(streamId, decodeFields(this.decoder, block))
    }
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & ackFlag) !== 0) {
      this.decoder.setMaxTableSize(this.#tableBytes)
      return
    }
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === headerTableSize) this.encoder.setMaxTableSize(payload.readUInt32BE(at + 2))
    }
    this.#socket.write(frame(settingsFrame, ackFlag, 0, Buffer.alloc(0)))
  }
}
