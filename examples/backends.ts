// The small servers that stand behind the examples.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { basename, extname, join } from 'node:path'
import type { Backend } from './example.ts'

/** What an HTTP backend answers: a JSON text of what it was asked. */
export interface Echo {
  readonly backend: string
  readonly method: string
  readonly host: string
  readonly path: string
  readonly headers: Record<string, string | string[] | undefined>
}

/** Answers every request with an `Echo`; `status` may choose another status than 200. */
export function httpEcho(name: string, status?: (request: IncomingMessage) => number): Backend {
  return () => createHttpServer(echoRequest(name, status))
}

export function echoRequest(name: string, status: (request: IncomingMessage) => number = () => 200): RequestListener {
  return (request, response) => {
    const { method = '', url: path = '', headers } = request
    const echo: Echo = { backend: name, method, host: headers.host ?? '', path, headers }
    response.writeHead(status(request), { 'content-type': 'application/json' })
    response.end(`${JSON.stringify(echo)}\n`)
  }
}

/** Well until it gets `/break`; whoever gets `/mend` makes all well. `/health` tells. `broken` are the names of the ill. */
export function breakable(name: string, broken: Set<string>): Backend {
  return httpEcho(name, ({ url }) => {
    if (url === '/break') broken.add(name)
    if (url === '/mend') broken.clear()
    return url === '/health' && broken.has(name) ? 500 : 200
  })
}

const contentTypes: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' }

/** Serves the files of a folder, `index.html` for `/`; it has no folders below it. */
export function site(folder: string): Backend {
  return () =>
    createHttpServer((request, response) => {
      const name = basename(new URL(request.url ?? '/', 'http://site').pathname) || 'index.html'
      const file = join(folder, name)
      if (!existsSync(file)) response.writeHead(404).end()
      else response.writeHead(200, { 'content-type': contentTypes[extname(name)] }).end(readFileSync(file))
    })
}

/** Sends back what comes, and ends when the peer does. */
export const tcpEcho: Backend = () =>
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })

const webSocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Sends back every message of a WebSocket (RFC 6455), shorter than 126 bytes each; answers plain requests with 200. */
export const webSocketEcho: Backend = () => {
  const server = createHttpServer((_request, response) => response.end('plain HTTP\n'))
  server.on('upgrade', (request, socket: Socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${webSocketGuid}`).digest('base64')
    const head = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: Upgrade']
    socket.write(`${[...head, `sec-websocket-accept: ${accept}`].join('\r\n')}\r\n\r\n`)
    let received: Buffer = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let frame = takeFrame(received); frame !== undefined; frame = takeFrame(received)) {
        received = received.subarray(frame.length)
        socket.write(Buffer.concat([Buffer.from([frame.first, frame.payload.length]), frame.payload]))
        const isClose = (frame.first & 0x0f) === 8
        if (isClose) socket.end()
      }
    })
  })
  return server
}

/** One masked client frame with a short payload from the start of `bytes`; undefined where it is not all there yet. */
function takeFrame(bytes: Buffer): { first: number; payload: Buffer; length: number } | undefined {
  const size = (bytes[1] ?? 0) & 0x7f
  const length = 6 + size
  if (bytes.length < length) return undefined
  const mask = bytes.subarray(2, 6)
  const payload = Buffer.from(bytes.subarray(6, length).map((byte, i) => byte ^ mask[i % 4]))
  return { first: bytes[0], payload, length }
}
