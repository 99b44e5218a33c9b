/** An HTTP/2 server for tests, by prior knowledge or TLS, on Node's own implementation: keeps what each stream brought and answers by script. */
import { once } from 'node:events'
import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { Condition } from './condition.ts'

/** A step of the answer to one request. */
export type Http2ReplyStep =
  /** `:status` and the fields; `end` for a response without a body. */
  | { headers: Record<string, string | number | string[]>; end?: true }
  | { info: Record<string, string | number> }
  | { data: string; end?: true }
  | { trailers: Record<string, string> }
  | { rst: number }
  /** GOAWAY; streams above `last` will not be served (all have been, where it is left out). */
  | { goAway: number; last?: number }
  | { pauseMs: number }
  /** Waits until the stream has received the text, or has ended. */
  | { waitFor: string }
  /** Sends back what the request's body brings, until it ends. */
  | { echo: true }
  | { destroy: true }
  | { finish: true }

export interface Http2BackendRequest {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly connection: Http2BackendConnection
  body: string
  complete: boolean
}

export class Http2BackendConnection {
  readonly socket: Socket
  readonly session: ServerHttp2Session
  readonly index: number
  /** What came, as text: one line for each thing that a stream brought. */
  received = ''
  ended = false

  constructor(socket: Socket, session: ServerHttp2Session, index: number) {
    this.socket = socket
    this.session = session
    this.index = index
  }
}

export interface Http2BackendScript {
  /** The head of a request is there; without it each is answered with 200 and `ok` when it is complete. */
  onHead?: (request: Http2BackendRequest) => void
  onRequest?: (request: Http2BackendRequest) => void
  /** SETTINGS of the server. */
  settings?: { maxConcurrentStreams?: number; initialWindowSize?: number; enableConnectProtocol?: boolean }
}

export class Http2Backend {
  readonly server: Server
  readonly connections: Http2BackendConnection[] = []
  readonly requests: Http2BackendRequest[] = []
  /** May be replaced at any time; applies from the next step on. */
  script: Http2BackendScript
  readonly #changed = new Condition()

  constructor(script: Http2BackendScript, tls?: TlsOptions) {
    this.script = script
    const accept = (socket: Socket) => this.#accept(socket)
    this.server =
      tls === undefined ? createServer({ noDelay: true }, accept) : createTlsServer({ noDelay: true, ...tls }, accept)
  }

  static async start(script: Http2BackendScript = {}, tls?: TlsOptions): Promise<Http2Backend> {
    const backend = new Http2Backend(script, tls)
    backend.server.listen(0, '127.0.0.1')
    await once(backend.server, 'listening')
    return backend
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** Resolves when `condition` holds after some event of the backend; rejects at the end of the time. */
  until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
    return this.#changed.until(condition, timeoutMs, () => `the backend has ${this.requests.length} requests`)
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.socket.destroy()
    const closed = once(this.server, 'close')
    this.server.close()
    await closed
  }

  #accept(socket: Socket): void {
    const session = performServerHandshake(socket, { settings: this.script.settings ?? {} })
    const connection = new Http2BackendConnection(socket, session, this.connections.length)
    this.connections.push(connection)
    session.on('stream', (stream, headers) => this.#onStream(connection, stream, headers))
    session.on('goaway', (code) => this.#note(connection, `GOAWAY ${code}`))
    session.on('error', () => {})
    socket.on('error', () => {})
    const end = () => {
      connection.ended = true
      socket.destroy()
      this.#changed.wake()
    }
    session.on('close', end)
    socket.on('close', end)
    this.#changed.wake()
  }

  #note(connection: Http2BackendConnection, line: string): void {
    connection.received += `${line}\n`
    this.#changed.wake()
  }

  #onStream(connection: Http2BackendConnection, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const request: Http2BackendRequest = { stream, headers, connection, body: '', complete: false }
    this.requests.push(request)
    const id = stream.id ?? 0
    const fields = Object.entries(headers).map(([name, value]) => `  ${name}: ${String(value)}`)
    // The order among the pseudo-headers is free.
    const pseudo = fields.filter((field) => field.startsWith('  :')).sort()
    this.#note(connection, [`stream ${id}`, ...pseudo, ...fields.slice(pseudo.length)].join('\n'))
    stream.setEncoding('latin1')
    stream.on('data', (data: string) => {
      request.body += data
      this.#changed.wake()
    })
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      for (const [name, value] of Object.entries(trailers))
        this.#note(connection, `stream ${id} trailer ${name}: ${value}`)
    })
    stream.on('end', () => {
      request.complete = true
      if (request.body !== '') this.#note(connection, `stream ${id} body ${request.body}`)
      if (this.script.onRequest !== undefined) this.script.onRequest(request)
      else if (this.script.onHead === undefined) void playHttp2Reply(request, defaultReply)
      this.#changed.wake()
    })
    stream.on('aborted', () => this.#note(connection, `stream ${id} reset ${stream.rstCode}`))
    stream.on('error', () => {})
    stream.on('close', () => this.#changed.wake())
    this.script.onHead?.(request)
  }
}

const defaultReply: readonly Http2ReplyStep[] = [{ headers: { ':status': 200 } }, { data: 'ok', end: true }]

export async function playHttp2Reply(request: Http2BackendRequest, steps: readonly Http2ReplyStep[]): Promise<void> {
  const { stream, connection } = request
  const waitForTrailers = steps.some((step) => 'trailers' in step)
  for (const step of steps) {
    if (stream.destroyed && !('goAway' in step || 'pauseMs' in step)) return
    if ('headers' in step) stream.respond(step.headers, { endStream: step.end === true, waitForTrailers })
    else if ('info' in step) stream.additionalHeaders(step.info)
    else if ('data' in step) {
      if (step.end === true) stream.end(Buffer.from(step.data, 'latin1'))
      else await new Promise((resolve) => stream.write(Buffer.from(step.data, 'latin1'), resolve))
    } else if ('trailers' in step) {
      stream.once('wantTrailers', () => stream.sendTrailers(step.trailers))
      stream.end()
    } else if ('rst' in step) stream.close(step.rst)
    else if ('goAway' in step) connection.session.goaway(step.goAway, step.last ?? stream.id ?? 0)
    else if ('pauseMs' in step) await new Promise((resolve) => setTimeout(resolve, step.pauseMs))
    else if ('waitFor' in step) await waitForBody(request, step.waitFor)
    else if ('echo' in step) stream.pipe(stream)
    else if ('destroy' in step) connection.socket.destroy()
    else if ('finish' in step) connection.session.close()
  }
}

async function waitForBody(request: Http2BackendRequest, text: string): Promise<void> {
  while (!request.body.includes(text) && !request.complete && !request.stream.destroyed) {
    await new Promise((resolve) => {
      for (const event of ['data', 'end', 'close']) request.stream.once(event, resolve)
    })
  }
}
