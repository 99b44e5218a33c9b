/** One end of a WebSocket (RFC 6455) over any byte stream: sends frames as it is told, checks and lists what it gets. */
import { createHash, randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface Frame {
  readonly isFinal: boolean
  readonly opcode: number
  readonly isMasked: boolean
  readonly payload: Buffer
}

export function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** A whole frame; `mask` is what a client's frames have. */
export function encodeFrame(opcode: number, payload: Buffer | string, isFinal = true, mask?: Buffer): Buffer {
  const body = Buffer.from(payload as string)
  const first = (isFinal ? 0x80 : 0) | opcode
  const maskBit = mask === undefined ? 0 : 0x80
  let head: Buffer
  if (body.length < 126) head = Buffer.from([first, maskBit | body.length])
  else if (body.length < 65536) {
    head = Buffer.from([first, maskBit | 126, 0, 0])
    head.writeUInt16BE(body.length, 2)
  } else {
    head = Buffer.alloc(10)
    head[0] = first
    head[1] = maskBit | 127
    head.writeBigUInt64BE(BigInt(body.length), 2)
  }
  return mask === undefined ? Buffer.concat([head, body]) : Buffer.concat([head, mask, masked(body, mask)])
}

function masked(payload: Buffer, mask: Buffer): Buffer {
  const result = Buffer.from(payload)
  for (let i = 0; i < result.length; i++) result[i] ^= mask[i & 3]
  return result
}

/** The first frame of the bytes and its length in them; undefined where it is not all there. */
function decodeFrame(bytes: Buffer): { frame: Frame; length: number } | undefined {
  if (bytes.length < 2) return undefined
  const isMasked = (bytes[1] & 0x80) !== 0
  let size = bytes[1] & 0x7f
  let p = 2
  if (size === 126) {
    if (bytes.length < 4) return undefined
    size = bytes.readUInt16BE(2)
    p = 4
  } else if (size === 127) {
    if (bytes.length < 10) return undefined
    size = Number(bytes.readBigUInt64BE(2))
    p = 10
  }
  const start = isMasked ? p + 4 : p
  if (bytes.length < start + size) return undefined
  const body = bytes.subarray(start, start + size)
  const payload = isMasked ? masked(body, bytes.subarray(p, start)) : Buffer.from(body)
  return {
    frame: { isFinal: (bytes[0] & 0x80) !== 0, opcode: bytes[0] & 0x0f, isMasked, payload },
    length: start + size,
  }
}

/** Takes chunks, gives frames; a large frame's chunks are joined once. */
export class FrameReader {
  #chunks: Buffer[] = []
  #held = 0
  #wanted = 2

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    const frames: Frame[] = []
    while (this.#held >= this.#wanted) {
      const bytes = Buffer.concat(this.#chunks)
      const next = decodeFrame(bytes)
      const rest = next === undefined ? bytes : bytes.subarray(next.length)
      this.#chunks = [rest]
      this.#held = rest.length
      if (next === undefined) {
        // Its length is known from 10 bytes on, and nothing needs to be looked at before it is there.
        this.#wanted = Math.max(this.#held + 1, frameLength(rest))
        break
      }
      this.#wanted = 2
      frames.push(next.frame)
    }
    return frames
  }
}

function frameLength(bytes: Buffer): number {
  if (bytes.length < 10) return 0
  const maskBytes = (bytes[1] & 0x80) === 0 ? 0 : 4
  const size = bytes[1] & 0x7f
  if (size === 127) return 10 + maskBytes + Number(bytes.readBigUInt64BE(2))
  return size === 126 ? 4 + maskBytes + bytes.readUInt16BE(2) : 2 + maskBytes + size
}

export class WebSocketPeer {
  readonly stream: Duplex
  readonly isClient: boolean
  readonly frames: Frame[] = []
  /** The other end has ended the stream below. */
  ended = false
  readonly #reader = new FrameReader()
  #waiting: (() => void)[] = []
  #read = 0

  constructor(stream: Duplex, isClient: boolean) {
    this.stream = stream
    this.isClient = isClient
    stream.on('data', (chunk: Buffer) => {
      this.frames.push(...this.#reader.push(chunk))
      this.#wake()
    })
    for (const event of ['end', 'close']) {
      stream.on(event, () => {
        this.ended = true
        this.#wake()
      })
    }
    stream.on('error', () => undefined)
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }

  send(opcode: number, payload: Buffer | string = '', isFinal = true): void {
    this.stream.write(encodeFrame(opcode, payload, isFinal, this.isClient ? randomBytes(4) : undefined))
  }

  /** The next frame that has not been asked for yet; undefined where the stream ends without one. */
  async next(): Promise<Frame | undefined> {
    while (this.frames.length <= this.#read && !this.ended) {
      await new Promise<void>((resume) => this.#waiting.push(resume))
    }
    return this.frames[this.#read++]
  }

  /** Resolves when the other end has ended the stream. */
  async end(): Promise<void> {
    while (!this.ended) await new Promise<void>((resume) => this.#waiting.push(resume))
  }
}

export function closePayload(code: number, reason = ''): Buffer {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return Buffer.concat([head, Buffer.from(reason)])
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A server that echoes messages, frame by frame as they were cut, and closes with the code that RFC 6455 7.4 names. */
export async function serveEcho(stream: Duplex): Promise<void> {
  const peer = new WebSocketPeer(stream, false)
  let parts: Buffer[] | undefined
  let isText = false
  const close = (code: number): void => {
    peer.send(Opcode.close, closePayload(code))
    stream.end()
  }
  for (;;) {
    const frame = await peer.next()
    if (frame === undefined) {
      stream.end()
      return
    }
    const { opcode, payload, isFinal } = frame
    if (!frame.isMasked || (opcode >= Opcode.close && (!isFinal || payload.length > 125))) return close(1002)
    if (opcode === Opcode.close) {
      peer.send(Opcode.close, payload)
      stream.end()
      return
    }
    if (opcode === Opcode.ping) peer.send(Opcode.pong, payload)
    if (opcode >= Opcode.close) continue
    if (opcode > Opcode.binary || (opcode === Opcode.continuation) !== (parts !== undefined)) return close(1002)
    parts ??= []
    if (opcode !== Opcode.continuation) isText = opcode === Opcode.text
    parts.push(payload)
    if (isFinal) {
      if (isText && !isUtf8(Buffer.concat(parts))) return close(1007)
      parts.forEach((part, i, { length }) => {
        peer.send(i > 0 ? Opcode.continuation : isText ? Opcode.text : Opcode.binary, part, i === length - 1)
      })
      parts = undefined
    }
  }
}

function isUtf8(bytes: Buffer): boolean {
  try {
    utf8.decode(bytes)
    return true
  } catch {
    return false
  }
}
