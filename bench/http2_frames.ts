// As much of HTTP/2 (RFC 9113) as the load client and the backend need: frames, and header blocks that are written and not
// read.

import type { Socket } from 'node:net'

export const FrameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const
export const Flag = { endStream: 1, ack: 1, endHeaders: 4 } as const

export const frameHeaderBytes = 9
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

const largestWindow = 2 ** 31 - 1
const initialWindow = 65_535
const initialWindowSetting = 4
/** So many bytes of data are taken before the connection's window is filled up again. */
const updateAfterBytes = 1024 * 1024

export function frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(streamId, 5)
  payload.copy(bytes, frameHeaderBytes)
  return bytes
}

/** A header field as a literal: `name` is an index of the static table, or a name. Indexed for later, or not. */
export function literal(name: number | string, value: string, isIndexed: boolean): Buffer {
  const pattern = isIndexed ? 0x40 : 0
  const prefixLimit = isIndexed ? 63 : 15
  const bytes: number[] = []
  if (typeof name === 'string') bytes.push(pattern, name.length, ...Buffer.from(name, 'latin1'))
  else if (name < prefixLimit) bytes.push(pattern | name)
  else bytes.push(pattern | prefixLimit, name - prefixLimit)
  return Buffer.from([...bytes, value.length, ...Buffer.from(value, 'latin1')])
}

/** SETTINGS and the connection's window, so that no stream ever waits for a window of ours. */
function openingFrames(): Buffer {
  const settings = Buffer.alloc(6)
  settings.writeUInt16BE(initialWindowSetting)
  settings.writeUInt32BE(largestWindow, 2)
  return Buffer.concat([frame(FrameType.settings, 0, 0, settings), windowUpdate(largestWindow - initialWindow)])
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes)
  return frame(FrameType.windowUpdate, 0, 0, payload)
}

/** The frames that are about streams; payloads are valid during the call. */
export interface StreamFrames {
  onHeaders(streamId: number, endStream: boolean): void
  onData(streamId: number, payload: Buffer, endStream: boolean): void
  /** RST_STREAM or GOAWAY. */
  onAbort(what: string): void
}

/** One end of a connection. What the answers to one chunk come to is written at once. */
export class Http2Peer {
  readonly #socket: Socket
  readonly #frames: StreamFrames
  #rest: Buffer | undefined = undefined
  #output: Buffer[] = []
  #bytesTaken = 0
  #prefaceLeft: number

  /** A client writes the preface, a server skips it. */
  constructor(socket: Socket, frames: StreamFrames, isClient: boolean) {
    this.#socket = socket
    this.#frames = frames
    this.#prefaceLeft = isClient ? 0 : preface.length
    if (isClient) this.send(preface)
    this.send(openingFrames())
    socket.on('data', (chunk) => this.#onChunk(chunk as Buffer))
  }

  /** The bytes of whole frames, not to be changed any more. */
  send(bytes: Buffer): void {
    this.#output.push(bytes)
  }

  flush(): void {
    if (this.#output.length === 0) return
    this.#socket.write(this.#output.length === 1 ? this.#output[0] : Buffer.concat(this.#output))
    this.#output = []
  }

  #onChunk(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let start = Math.min(this.#prefaceLeft, bytes.length)
    this.#prefaceLeft -= start
    while (bytes.length - start >= frameHeaderBytes) {
      const end = start + frameHeaderBytes + bytes.readUIntBE(start, 3)
      if (end > bytes.length) break
      this.#onFrame(bytes, start, end)
      start = end
    }
    this.#rest = start === bytes.length ? undefined : bytes.subarray(start)
    this.flush()
  }

  #onFrame(bytes: Buffer, start: number, end: number): void {
    const type = bytes[start + 3]
    const flags = bytes[start + 4]
    const streamId = bytes.readUInt32BE(start + 5)
    const endStream = (flags & Flag.endStream) !== 0
    if (type === FrameType.data) {
      this.#take(end - start - frameHeaderBytes)
      this.#frames.onData(streamId, bytes.subarray(start + frameHeaderBytes, end), endStream)
    } else if (type === FrameType.headers) this.#frames.onHeaders(streamId, endStream)
    else if (type === FrameType.rstStream) this.#frames.onAbort('RST_STREAM')
    else if (type === FrameType.goaway) this.#frames.onAbort('GOAWAY')
    else if ((type === FrameType.settings || type === FrameType.ping) && (flags & Flag.ack) === 0) {
      const echo = type === FrameType.ping ? Buffer.from(bytes.subarray(start + frameHeaderBytes, end)) : undefined
      this.send(frame(type, Flag.ack, 0, echo))
    }
  }

  #take(byteCount: number): void {
    this.#bytesTaken += byteCount
    if (this.#bytesTaken < updateAfterBytes) return
    this.send(windowUpdate(this.#bytesTaken))
    this.#bytesTaken = 0
  }
}
