/** The server codec behind a listening socket, with a program that answers its streams. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { HeaderMap } from '../../../../src/common/header_map.ts'
import {
  CodecProtocolError,
  type RequestDecoder,
  type ResponseEncoder,
  type StreamResetReason,
} from '../../../../src/http/codec/codec.ts'
import { createHttp2CodecStats, type Http2CodecStats } from '../../../../src/http/codec/http2/codec_stats.ts'
import { Http2ServerCodec } from '../../../../src/http/codec/http2/server_codec.ts'
import type { Http2Settings } from '../../../../src/http/codec/http2/settings.ts'
import { Connection } from '../../../../src/network/connection.ts'
import { createLocalStore } from '../../../../src/stats/store.ts'

export const defaultSettings: Http2Settings = {
  hpackTableBytes: 4096,
  maxConcurrentStreams: 1024,
  initialStreamWindowBytes: 16 * 1024 * 1024,
  initialConnectionWindowBytes: 24 * 1024 * 1024,
  allowConnect: false,
  allowMetadata: false,
  maxOutboundFrames: 10000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  streamErrorOnInvalidMessage: false,
  streamResets: undefined,
  customSettings: [],
  keepalive: undefined,
  huffman: true,
  maxHeaderFieldBytes: 64 * 1024,
  allowObsText: true,
  maxHeadersBytes: 60 * 1024,
  maxHeadersCount: 100,
  headersWithUnderscores: 'ALLOW',
}

/** One request as it came, and the means to answer it. */
export class ServerStream implements RequestDecoder {
  readonly encoder: ResponseEncoder
  headers: HeaderMap | undefined = undefined
  readonly chunks: Buffer[] = []
  trailers: HeaderMap | undefined = undefined
  complete = false
  reset: { readonly reason: StreamResetReason; readonly details: string } | undefined = undefined
  watermarks: ('above' | 'below')[] = []
  readonly #program: Program

  constructor(encoder: ResponseEncoder, program: Program) {
    this.encoder = encoder
    this.#program = program
    encoder.setCallbacks({
      onResetStream: (reason, details) => {
        this.reset = { reason, details }
      },
      onAboveWriteBufferHighWatermark: () => this.watermarks.push('above'),
      onBelowWriteBufferLowWatermark: () => {
        this.watermarks.push('below')
        program.onRoom?.(this)
      },
    })
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks)
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.headers = headers
    this.#program.onHead?.(this)
    if (endStream) this.#end()
  }

  decodeData(data: Buffer, endStream: boolean): void {
    this.chunks.push(Buffer.from(data))
    if (endStream) this.#end()
  }

  decodeTrailers(trailers: HeaderMap): void {
    this.trailers = trailers
    this.#end()
  }

  #end(): void {
    this.complete = true
    this.#program.onRequest?.(this)
  }

  retainsData(): boolean {
    return false
  }

  sendProtocolErrorReply(): void {}

  sendLocalReply(): void {}

  answer(status: number, body: Buffer | string = '', fields: Readonly<Record<string, string>> = {}): void {
    this.encoder.encodeHeaders(headerMap(status, fields), body.length === 0)
    if (body.length > 0) this.encoder.encodeData(Buffer.from(body as string), true)
  }
}

export function headerMap(status: number, fields: Readonly<Record<string, string>> = {}): HeaderMap {
  const headers = new HeaderMap()
  headers.status = status
  for (const [name, value] of Object.entries(fields)) headers.add(name, value)
  return headers
}

export interface Program {
  onHead?(stream: ServerStream): void
  /** The request is whole. */
  onRequest?(stream: ServerStream): void
  onRoom?(stream: ServerStream): void
}

export const echo: Program = {
  onRequest: (stream) => stream.answer(200, stream.body, { path: stream.headers?.path ?? '' }),
}

export class CodecServer {
  readonly stats: Http2CodecStats = createHttp2CodecStats(createLocalStore())
  readonly streams: ServerStream[] = []
  readonly codecs: Http2ServerCodec[] = []
  readonly connections: Connection[] = []
  /** Errors that ended connections. */
  readonly errors: CodecProtocolError[] = []
  readonly #server: Server

  private constructor(program: Program, settings: Partial<Http2Settings>, bufferLimitBytes: number) {
    this.#server = createServer((socket) => {
      const connection = new Connection(socket, undefined, bufferLimitBytes, true)
      const newStream = (encoder: ResponseEncoder): ServerStream => {
        const stream = new ServerStream(encoder, program)
        this.streams.push(stream)
        return stream
      }
      const codec = new Http2ServerCodec(connection, { newStream }, { ...defaultSettings, ...settings }, this.stats)
      this.codecs.push(codec)
      this.connections.push(connection)
      connection.addConnectionCallbacks({
        onEvent: () => undefined,
        onAboveWriteBufferHighWatermark: () => codec.onUnderlyingConnectionAboveWriteBufferHighWatermark(),
        onBelowWriteBufferLowWatermark: () => codec.onUnderlyingConnectionBelowWriteBufferLowWatermark(),
      })
      connection.reuseReadBuffer(() => codec.retainsData())
      connection.reader = { onData: (bytes) => this.#dispatch(codec, connection, bytes) }
    })
  }

  #dispatch(codec: Http2ServerCodec, connection: Connection, bytes: Buffer): void {
    try {
      codec.dispatch(bytes)
    } catch (error) {
      if (!(error instanceof CodecProtocolError)) throw error
      this.errors.push(error)
      connection.close('flushWriteAndDelay', '')
    }
  }

  static async start(
    program: Program,
    settings: Partial<Http2Settings> = {},
    bufferLimitBytes = 1024 * 1024,
  ): Promise<CodecServer> {
    const server = new CodecServer(program, settings, bufferLimitBytes)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    for (const { socket } of this.connections) socket.destroy()
    this.#server.close()
  }
}
