/** A peer that sends frames as it is told, whether or not they make sense, and lists those that it gets. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { clientPreface, FrameFlag, FrameType } from '../../../../src/http/codec/http2/constants.ts'

export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1')
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, body])
}

export function word(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value)
  return buffer
}

function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  for (let rest = value - 127; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest & 127) | 128)
  }
}

export type Fields = readonly (readonly [string, string])[]

/** A header block of literals that nobody indexes. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0]),
      integer(name.length),
      Buffer.from(name, 'latin1'),
      integer(value.length),
      Buffer.from(value, 'latin1'),
    ]),
  )
}

export function request(extra: Fields = [], method = 'GET', path = '/'): Fields {
  return [[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'a'], ...extra]
}

export function headers(streamId: number, fields: Fields, endStream = true): Buffer {
  const flags = FrameFlag.endHeaders | (endStream ? FrameFlag.endStream : 0)
  return frame(FrameType.headers, flags, streamId, block(fields))
}

export function data(streamId: number, payload: Buffer | string, endStream = false): Buffer {
  return frame(FrameType.data, endStream ? FrameFlag.endStream : 0, streamId, payload)
}

export function rstStream(streamId: number, errorCode: number): Buffer {
  return frame(FrameType.rstStream, 0, streamId, word(errorCode))
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(FrameType.windowUpdate, 0, streamId, word(increment))
}

export function settings(...entries: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6)
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  })
  return frame(FrameType.settings, 0, 0, payload)
}

export const settingsAck = frame(FrameType.settings, FrameFlag.ack, 0)

export function repeated(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
}

export interface ReceivedFrame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

export class RawPeer {
  readonly socket: Socket
  readonly frames: ReceivedFrame[] = []
  ended = false
  #unread = Buffer.alloc(0)
  /** Bytes of a preface that are still to come. */
  #skip = 0
  #waiting: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    socket.on('close', () => {
      this.ended = true
      this.#wake()
    })
    socket.on('error', () => undefined)
  }

  /** A client that has sent its preface, empty SETTINGS and an acknowledgement of the server's. */
  static async client(port: number, first: Buffer = settings()): Promise<RawPeer> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const peer = new RawPeer(socket)
    peer.send(Buffer.from(clientPreface, 'latin1'), first, settingsAck)
    return peer
  }

  /** A server on a connection that was accepted. */
  static server(socket: Socket): RawPeer {
    const peer = new RawPeer(socket)
    peer.#skip = clientPreface.length
    peer.send(settings(), settingsAck)
    return peer
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  #read(bytes: Buffer): void {
    const skipped = Math.min(this.#skip, bytes.length)
    this.#skip -= skipped
    this.#unread = Buffer.concat([this.#unread, bytes.subarray(skipped)])
    while (this.#unread.length >= 9) {
      const end = 9 + this.#unread.readUIntBE(0, 3)
      if (this.#unread.length < end) return
      const [type, flags] = [this.#unread[3], this.#unread[4]]
      this.frames.push({ type, flags, streamId: this.#unread.readUInt32BE(5), payload: this.#unread.subarray(9, end) })
      this.#unread = this.#unread.subarray(end)
      this.#wake()
    }
  }

  /** The first frame that is wanted, when it has come; undefined where the connection ends without it. */
  async find(wanted: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame | undefined> {
    for (;;) {
      const found = this.frames.find(wanted)
      if (found !== undefined || this.ended) return found
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Everything that was sent before has been dealt with when a PING comes back. */
  async settle(): Promise<void> {
    const payload = word(this.frames.length).toString('latin1').padEnd(8, 'p')
    this.send(frame(FrameType.ping, 0, 0, payload))
    await this.find(
      ({ type, flags, payload: got }) =>
        type === FrameType.ping && flags === 1 && got.equals(Buffer.from(payload, 'latin1')),
    )
  }

  async errorOf(type: number): Promise<number | undefined> {
    const found = await this.find((frame) => frame.type === type)
    return found?.payload.readUInt32BE(type === FrameType.goAway ? 4 : 0)
  }

  /** The error code of the GOAWAY that ends the connection. */
  goAwayError(): Promise<number | undefined> {
    return this.errorOf(FrameType.goAway)
  }

  resetError(): Promise<number | undefined> {
    return this.errorOf(FrameType.rstStream)
  }

  /** The data of a stream so far. */
  dataOf(streamId: number): Buffer {
    const parts = this.frames.filter((frame) => frame.type === FrameType.data && frame.streamId === streamId)
    return Buffer.concat(parts.map(({ payload }) => payload))
  }

  close(): void {
    this.socket.destroy()
  }
}
