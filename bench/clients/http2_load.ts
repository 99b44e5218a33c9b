// Sends HTTP/2 requests as fast as they are answered: GETs where there is no h2load, and gRPC calls, whose messages come
// back from `backend_http2.ts`.
// `node bench/clients/http2_load.ts KIND PORT CONNECTIONS STREAMS SECONDS BYTES` prints one JSON object.
//
// KIND is `get` (answers must have bodies of BYTES), `unary` (a call a message of BYTES) or `streaming`: calls of 1,000
// messages, each sent when the one before has come back, so that streams live long and yet come to an end.

import { connect, type Socket } from 'node:net'
import { Flag, FrameType, frame, Http2Peer, literal } from '../http2_frames.ts'

export const loadKinds = ['get', 'unary', 'streaming'] as const
export type LoadKind = (typeof loadKinds)[number]

export interface Http2LoadResult {
  readonly perSecond: number
  /** Answers or messages. */
  readonly total: number
}

interface Call {
  /** Of the answer, or of the message that is under way. */
  receivedBytes: number
  messagesLeft: number
}

const messagesPerStream = { get: 0, unary: 1, streaming: 1000 } as const
/** Compression flag and length before each gRPC message. */
const messageHeaderBytes = 5
/** Stream ids of a connection are used up some time. */
const lastStreamId = 2 ** 31 - 1
const staticName = { authority: 1, path: 4, contentType: 31, userAgent: 58 } as const
const post = 0x83
const get = 0x82
const schemeHttp = 0x86
const firstDynamicIndex = 62

/** The header block that fills the dynamic table, and the one that refers to it afterwards. */
function headerBlocks(kind: LoadKind): [Buffer, Buffer] {
  const fields = [
    literal(staticName.authority, 'bench', true),
    literal(staticName.path, kind === 'get' ? '/' : '/bench.Echo/Echo', true),
    literal(staticName.userAgent, 'bench', true),
  ]
  if (kind !== 'get')
    fields.push(literal(staticName.contentType, 'application/grpc', true), literal('te', 'trailers', true))
  const start = Buffer.from([kind === 'get' ? get : post, schemeHttp])
  // The last that was added has the lowest index.
  const indexed = fields.map((_, i) => 0x80 | (firstDynamicIndex + fields.length - 1 - i))
  return [Buffer.concat([start, ...fields]), Buffer.concat([start, Buffer.from(indexed)])]
}

class LoadConnection {
  readonly socket: Socket
  readonly #kind: LoadKind
  readonly #bytes: number
  readonly #peer: Http2Peer
  readonly #calls = new Map<number, Call>()
  readonly #onAnswer: () => void
  readonly #onError: (error: Error) => void
  readonly #firstBlock: Buffer
  readonly #block: Buffer
  readonly #message: Buffer
  #nextStreamId = 1

  constructor(kind: LoadKind, socket: Socket, bytes: number, onAnswer: () => void, onError: (error: Error) => void) {
    this.socket = socket
    this.#kind = kind
    this.#bytes = kind === 'get' ? bytes : bytes + messageHeaderBytes
    this.#onAnswer = onAnswer
    this.#onError = onError
    ;[this.#firstBlock, this.#block] = headerBlocks(kind)
    this.#message = Buffer.alloc(messageHeaderBytes + bytes, 'x')
    this.#message[0] = 0
    this.#message.writeUInt32BE(bytes, 1)
    this.#peer = new Http2Peer(
      socket,
      {
        onHeaders: (streamId, endStream) => {
          if (endStream) this.#onEnd(streamId)
        },
        onData: (streamId, payload, endStream) => this.#onData(streamId, payload.length, endStream),
        onAbort: (what) => onError(new Error(`the proxy sent ${what}`)),
      },
      true,
    )
  }

  open(streams: number): void {
    for (let i = 0; i < streams; i++) this.#openStream()
    this.#peer.flush()
  }

  #openStream(): void {
    const streamId = this.#nextStreamId
    if (streamId > lastStreamId) {
      this.#onError(new Error('no stream ids are left'))
      return
    }
    this.#nextStreamId += 2
    const call: Call = { receivedBytes: 0, messagesLeft: messagesPerStream[this.#kind] }
    this.#calls.set(streamId, call)
    const flags = this.#kind === 'get' ? Flag.endHeaders | Flag.endStream : Flag.endHeaders
    const block = streamId === 1 ? this.#firstBlock : this.#block
    this.#peer.send(frame(FrameType.headers, flags, streamId, block))
    if (this.#kind !== 'get') this.#sendMessage(streamId, call)
  }

  #sendMessage(streamId: number, call: Call): void {
    call.messagesLeft--
    call.receivedBytes = 0
    this.#peer.send(frame(FrameType.data, call.messagesLeft === 0 ? Flag.endStream : 0, streamId, this.#message))
  }

  #onData(streamId: number, byteCount: number, endStream: boolean): void {
    const call = this.#calls.get(streamId)
    if (call === undefined) {
      this.#onError(new Error(`data on stream ${streamId}, which is not open`))
      return
    }
    call.receivedBytes += byteCount
    if (this.#kind !== 'get' && call.receivedBytes === this.#bytes) {
      this.#onAnswer()
      if (call.messagesLeft > 0) this.#sendMessage(streamId, call)
    }
    if (endStream) this.#onEnd(streamId)
  }

  #onEnd(streamId: number): void {
    const call = this.#calls.get(streamId)
    if (call === undefined || call.messagesLeft > 0 || call.receivedBytes !== this.#bytes) {
      this.#onError(new Error(`stream ${streamId} ended after ${call?.receivedBytes} bytes of ${this.#bytes}`))
      return
    }
    this.#calls.delete(streamId)
    if (this.#kind === 'get') this.#onAnswer()
    this.#openStream()
  }
}

/** Rejects where an answer is not what it should be, or a connection ends. */
export function runHttp2Load(
  kind: LoadKind,
  port: number,
  connections: number,
  streams: number,
  seconds: number,
  bytes: number,
): Promise<Http2LoadResult> {
  return new Promise((resolve, reject) => {
    let total = 0
    const startedAt = performance.now()
    const onAnswer = () => {
      total++
    }
    const all = Array.from({ length: connections }, () => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      const connection = new LoadConnection(kind, socket, bytes, onAnswer, fail)
      socket.on('error', fail)
      socket.on('close', () => fail(new Error('the proxy closed a connection')))
      connection.open(streams)
      return connection
    })
    const timer = setTimeout(() => {
      close()
      resolve({ perSecond: total / ((performance.now() - startedAt) / 1000), total })
    }, seconds * 1000)

    function close(): void {
      clearTimeout(timer)
      for (const { socket } of all) {
        socket.removeAllListeners('close')
        socket.destroy()
      }
    }

    function fail(error: Error): void {
      close()
      reject(error)
    }
  })
}

if (import.meta.main) {
  const [kind, ...numbers] = process.argv.slice(2)
  const known = loadKinds.find((each) => each === kind)
  if (known === undefined) throw new Error(`there is no load '${kind}'`)
  const [port, connections, streams, seconds, bytes] = numbers.map(Number)
  console.log(JSON.stringify(await runHttp2Load(known, port, connections, streams, seconds, bytes)))
}
