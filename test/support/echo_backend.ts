/** An HTTP/1.1 server for tests on plain sockets: keeps the raw bytes of each request and answers raw bytes by script. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls'
import { Condition } from './condition.ts'
import { MessageReader } from './message_reader.ts'

export interface BackendRequest {
  method: string
  target: string
  /** Names in lower case; the last of repeated fields. */
  headers: Map<string, string>
  /** The head's bytes as they came, with the empty line, one character a byte. */
  head: string
  /** Decoded body, filled when the request is complete. */
  body: string
  /** Every byte of the request as it came; grows until the request is complete. */
  raw: string
  complete: boolean
  connection: BackendConnection
}

export class BackendConnection {
  readonly socket: Socket
  /** Position among the connections of the backend. */
  readonly index: number
  /** Everything received, one character a byte. */
  received = ''
  ended = false

  constructor(socket: Socket, index: number) {
    this.socket = socket
    this.index = index
  }

  send(data: string | Uint8Array): void {
    if (this.socket.destroyed || this.socket.writableEnded) return
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
  }

  /** FIN after what was sent. */
  finish(data?: string): void {
    if (data !== undefined) this.send(data)
    this.socket.end()
  }

  reset(): void {
    if (this.socket instanceof TLSSocket) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }
}

/** What to do at a step; each may be left out. */
export interface BackendScript {
  /** A connection was accepted. */
  onConnection?: (connection: BackendConnection) => void
  /** The head of a request is there. */
  onHead?: (request: BackendRequest) => void
  /** The whole request is there; without it the answer is 200 with the body `ok`. */
  onRequest?: (request: BackendRequest) => void
  /** Bytes came on a connection that a 101 or CONNECT answer turned into a tunnel (`tunnel` below). */
  onTunnelData?: (connection: BackendConnection, data: string) => void
  /** Everything is payload from the start: no HTTP is read and all bytes go to `onTunnelData`. */
  raw?: boolean
  /** The peer sent FIN; without it an idle connection is finished too. */
  onEnd?: (connection: BackendConnection) => void
  /** True when the request turns the connection into a tunnel; asked when the request is complete. */
  tunnel?: (request: BackendRequest) => boolean
}

export class EchoBackend {
  readonly server: Server
  readonly connections: BackendConnection[] = []
  readonly requests: BackendRequest[] = []
  /** May be replaced at any time; applies from the next step on. */
  script: BackendScript
  readonly #changed = new Condition()
  /** Of TLS, those whose handshake failed included. */
  readonly #sockets = new Set<Socket>()

  constructor(script: BackendScript, tls?: TlsOptions) {
    this.script = script
    const options = { allowHalfOpen: true, noDelay: true }
    this.server =
      tls === undefined
        ? createServer(options, (socket) => this.#accept(socket))
        : createTlsServer({ ...options, ...tls }, (socket) => this.#accept(socket, tlsFacts(socket)))
    if (tls !== undefined) this.server.on('connection', (socket) => this.#sockets.add(socket))
  }

  static async start(
    script: BackendScript = {},
    host = '127.0.0.1',
    port = 0,
    tls: TlsOptions | undefined = undefined,
  ): Promise<EchoBackend> {
    const backend = new EchoBackend(script, tls)
    backend.server.listen(port, host)
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
    for (const socket of this.#sockets) socket.destroy()
    const closed = once(this.server, 'close')
    this.server.close()
    await closed
  }

  /** `preface` stands before what the connection receives, if it is anything. */
  #accept(socket: Socket, preface = ''): void {
    const connection = new BackendConnection(socket, this.connections.length)
    this.connections.push(connection)
    let current: BackendRequest | undefined
    let tunnel = this.script.raw ?? false
    const reader = new MessageReader({
      head: (head) => {
        current = this.#newRequest(connection, head)
        this.script.onHead?.(current)
      },
      raw: (data) => {
        if (current !== undefined) current.raw += data
      },
      complete: (body) => {
        if (current === undefined) return
        current.body = body
        current.complete = true
        tunnel = this.script.tunnel?.(current) ?? false
        const request = current
        current = undefined
        if (this.script.onRequest !== undefined) this.script.onRequest(request)
        else connection.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        return tunnel
      },
    })
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      connection.received += connection.received === '' ? preface + text : text
      const rest = tunnel ? text : reader.push(text)
      if (tunnel && rest !== '') this.script.onTunnelData?.(connection, rest)
      this.#changed.wake()
    })
    socket.on('end', () => {
      connection.ended = true
      if (this.script.onEnd !== undefined) this.script.onEnd(connection)
      else if (current === undefined) socket.end()
      this.#changed.wake()
    })
    socket.on('error', () => {
      connection.ended = true
    })
    socket.on('close', () => {
      connection.ended = true
      this.#changed.wake()
    })
    this.script.onConnection?.(connection)
    this.#changed.wake()
  }

  #newRequest(connection: BackendConnection, head: string): BackendRequest {
    const lines = head.split('\r\n')
    const [method = '', target = ''] = lines[0].split(' ')
    const headers = new Map<string, string>()
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':')
      if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    }
    const request = { method, target, headers, head, body: '', raw: head, complete: false, connection }
    this.requests.push(request)
    return request
  }
}

/** What a TLS backend was told in the handshake. */
function tlsFacts(socket: TLSSocket): string {
  const { CN } = socket.getPeerCertificate()?.subject ?? {}
  const client = CN === undefined ? 'none' : String(CN)
  const sni = socket.servername || 'none'
  return `[sni=${sni} alpn=${socket.alpnProtocol || 'none'} client=${client} resumed=${socket.isSessionReused()}]`
}
