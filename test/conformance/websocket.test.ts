/** WebSockets through the proxy: HTTP/1 upgrades and extended CONNECT (RFC 8441) on either side, plain and TLS. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { request as secureRequest } from 'node:https'
import { type AddressInfo, connect, type Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CertificateAuthority } from '../support/certificate_authority.ts'
import { type ProxyProcess, startNuncio } from '../support/proxy_process.ts'
import { acceptKey, closePayload, encodeFrame, Opcode, serveEcho, WebSocketPeer } from './websocket_peer.ts'
import { cluster, httpListener, proxyYaml } from './yaml.ts'

const largeBytes = 10 * 1024 * 1024

let proxy: ProxyProcess
let ca: CertificateAuthority
let http1Backend: Server
const http2Backend = createHttp2Server({ settings: { enableConnectProtocol: true } })
const cleanups: (() => void)[] = []
const backendSockets = new Set<Socket>()

async function listen(server: NetServer): Promise<number> {
  server.on('connection', (socket: Socket) => {
    backendSockets.add(socket)
    socket.on('close', () => backendSockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function switchProtocols(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  const key = incoming.headers['sec-websocket-key'] ?? ''
  // An extended CONNECT has no key: then there is nothing to prove.
  const proof = key === '' ? '' : `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n`
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${proof}Sec-WebSocket-Protocol: chat\r\n\r\n`,
  )
  if (head.length > 0) socket.unshift(head)
  void serveEcho(socket)
}

beforeAll(async () => {
  ca = new CertificateAuthority()
  const certificate = ca.issue({ name: 'localhost', altNames: ['DNS:localhost'] })
  http1Backend = createServer((_, response) => response.writeHead(404).end('no upgrade'))
  http1Backend.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (incoming.url?.endsWith('/refused') === true) socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
    else switchProtocols(incoming, socket, head)
  })
  http2Backend.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined)
    if (headers[':protocol'] !== 'websocket' || headers[':path']?.endsWith('/refused') === true) {
      stream.respond({ ':status': 403 })
      stream.end('no')
      return
    }
    stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' })
    void serveEcho(stream)
  })
  const pieces = {
    hcm: 'codec_type: AUTO\nhttp2_protocol_options: { allow_connect: true }\nupgrade_configs: [ { upgrade_type: websocket } ]',
    routes:
      '[ { match: { prefix: /http1 }, route: { cluster: http1, timeout: 1s } }, { match: { prefix: /http2 }, route: { cluster: http2, timeout: 1s } } ]',
  }
  proxy = await startNuncio(
    proxyYaml(
      [httpListener('plain', pieces), httpListener('tls', { ...pieces, tls: certificate })],
      [
        cluster('http1', await listen(http1Backend), 'http_protocol_options: {}'),
        cluster('http2', await listen(http2Backend), 'http2_protocol_options: { allow_connect: true }'),
      ],
    ),
  )
})

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

afterAll(async () => {
  await proxy?.stop()
  for (const socket of backendSockets) socket.destroy()
  http1Backend?.close()
  http2Backend.close()
  ca?.remove()
})

type Security = 'plain' | 'tls'

interface Opened {
  readonly status: number
  readonly protocol: string | undefined
  readonly accept: string | undefined
  readonly stream: Duplex
}

async function openHttp1(security: Security, path: string, key: string): Promise<Opened> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': key,
    'sec-websocket-protocol': 'chat',
  }
  const options = { host: 'localhost', family: 4, port: proxy.port(security), path, headers, agent: false }
  const sent = security === 'tls' ? secureRequest({ ...options, ca: ca.cert }) : request(options)
  sent.on('error', () => undefined)
  sent.end()
  cleanups.push(() => sent.destroy())
  const [response, socket] = await new Promise<[IncomingMessage, Duplex]>((resolve, reject) => {
    sent.on('upgrade', (message, upgraded, head) => {
      if (head.length > 0) upgraded.unshift(head)
      resolve([message, upgraded])
    })
    sent.on('response', (message) => resolve([message, message.socket]))
    sent.on('error', reject)
  })
  cleanups.push(() => socket.destroy())
  return {
    status: response.statusCode ?? 0,
    protocol: response.headers['sec-websocket-protocol'],
    accept: response.headers['sec-websocket-accept'],
    stream: socket,
  }
}

async function openSession(security: Security): Promise<ClientHttp2Session> {
  const port = proxy.port(security)
  const session = connectHttp2(`${security === 'tls' ? 'https' : 'http'}://localhost:${port}`, {
    createConnection: () =>
      security === 'tls'
        ? connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca: ca.cert, ALPNProtocols: ['h2'] })
        : connect(port, '127.0.0.1'),
  })
  session.on('error', () => undefined)
  cleanups.push(() => session.destroy())
  const [settings] = (await once(session, 'remoteSettings')) as [{ enableConnectProtocol?: boolean }]
  expect(settings.enableConnectProtocol).toBe(true)
  return session
}

async function openHttp2(security: Security, path: string): Promise<Opened> {
  const session = await openSession(security)
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': security === 'tls' ? 'https' : 'http',
    ':path': path,
    ':authority': 'localhost',
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'chat',
  })
  const [headers] = (await once(stream, 'response')) as [Record<string, string | number>]
  return {
    status: Number(headers[':status']),
    protocol: headers['sec-websocket-protocol'] as string | undefined,
    accept: undefined,
    stream,
  }
}

const sides = ['http1', 'http2'] as const
const combinations = sides.flatMap((down) =>
  sides.flatMap((up) => (['plain', 'tls'] as const).map((security) => ({ down, up, security }))),
)

describe.each(combinations)('$down to $up, $security', ({ down, up, security }) => {
  const opened = (path = '', key = ''): Promise<Opened> =>
    down === 'http1' ? openHttp1(security, `/${up}${path}`, key) : openHttp2(security, `/${up}${path}`)

  async function open(): Promise<WebSocketPeer> {
    const { stream } = await opened()
    return new WebSocketPeer(stream, true)
  }

  async function expectFrame(
    peer: WebSocketPeer,
    opcode: number,
    payload: Buffer | string,
    isFinal = true,
  ): Promise<void> {
    const frame = await peer.next()
    const wanted = Buffer.from(payload as string)
    expect(frame && { opcode: frame.opcode, isFinal: frame.isFinal, length: frame.payload.length }).toEqual({
      opcode,
      isFinal,
      length: wanted.length,
    })
    expect(frame?.payload.equals(wanted)).toBe(true)
    expect(frame?.isMasked).toBe(false)
  }

  it('the handshake is answered as the backend does', async () => {
    const key = randomBytes(16).toString('base64')
    const { status, protocol, accept } = await opened('', key)
    expect(status).toBe(down === 'http1' ? 101 : 200)
    expect(protocol).toBe('chat')
    if (down === 'http1' && up === 'http1') expect(accept).toBe(acceptKey(key))
  })

  it('a refused handshake is an ordinary response', async () => {
    expect((await opened('/refused')).status).toBe(403)
  })

  it('messages of every way to write a length', async () => {
    const peer = await open()
    for (const length of [0, 1, 125, 126, 127, 128, 65535, 65536, 65537]) {
      const payload = randomBytes(length)
      peer.send(Opcode.binary, payload)
      await expectFrame(peer, Opcode.binary, payload)
    }
  })

  it('text of more than one byte a character', async () => {
    const peer = await open()
    const text = 'κόσμε, Hello-µ@ßöäüàá-UTF-8!!, \u{10ffff}'
    peer.send(Opcode.text, text)
    await expectFrame(peer, Opcode.text, text)
  })

  it('fragments stay as they were cut, with control frames between', async () => {
    const peer = await open()
    peer.send(Opcode.text, 'one ', false)
    peer.send(Opcode.ping, 'between')
    peer.send(Opcode.continuation, '', false)
    await expectFrame(peer, Opcode.pong, 'between')
    peer.send(Opcode.pong, 'nobody asked')
    peer.send(Opcode.continuation, 'two')
    await expectFrame(peer, Opcode.text, 'one ', false)
    await expectFrame(peer, Opcode.continuation, '', false)
    await expectFrame(peer, Opcode.continuation, 'two')
  })

  it('frames that come byte by byte, and many at a time', async () => {
    const peer = await open()
    for (const byte of encodeFrame(Opcode.text, 'slow', true, randomBytes(4))) {
      const written = new Promise((resolve) => peer.stream.write(Buffer.from([byte]), resolve))
      await written
    }
    await expectFrame(peer, Opcode.text, 'slow')
    const many = Array.from({ length: 500 }, (_, i) => encodeFrame(Opcode.text, `message ${i}`, true, randomBytes(4)))
    peer.stream.write(Buffer.concat(many))
    for (let i = 0; i < 500; i++) await expectFrame(peer, Opcode.text, `message ${i}`)
  })

  it('a message of 10 MiB, whole and in fragments', async () => {
    const peer = await open()
    const payload = randomBytes(largeBytes)
    peer.send(Opcode.binary, payload)
    await expectFrame(peer, Opcode.binary, payload)
    const cut = 1_000_000
    for (let p = 0; p < payload.length; p += cut) {
      const isLast = p + cut >= payload.length
      peer.send(p === 0 ? Opcode.binary : Opcode.continuation, payload.subarray(p, p + cut), isLast)
    }
    const parts: Buffer[] = []
    for (let isFinal = false; !isFinal; ) {
      const frame = await peer.next()
      if (frame === undefined) break
      parts.push(frame.payload)
      isFinal = frame.isFinal
    }
    expect(Buffer.concat(parts).equals(payload)).toBe(true)
  })

  it.each([1000, 1001, 1003, 1008, 1011, 3000, 4999])('close code %i comes back, and then the end', async (code) => {
    const peer = await open()
    peer.send(Opcode.close, closePayload(code, 'bye – ✓'))
    await expectFrame(peer, Opcode.close, closePayload(code, 'bye – ✓'))
    await peer.end()
  })

  it.each<[string, number, (peer: WebSocketPeer) => void]>([
    ['text that is no UTF-8', 1007, (peer) => peer.send(Opcode.text, Buffer.from([0xce, 0xba, 0xed, 0xa0, 0x80]))],
    ['a frame without a mask', 1002, (peer) => peer.stream.write(encodeFrame(Opcode.text, 'bare'))],
    ['a ping in fragments', 1002, (peer) => peer.send(Opcode.ping, 'half', false)],
    ['a continuation of nothing', 1002, (peer) => peer.send(Opcode.continuation, 'what')],
    ['an opcode that is not', 1002, (peer) => peer.send(7, 'what')],
  ])('the backend ends %s with its code', async (_, code, breakRules) => {
    const peer = await open()
    breakRules(peer)
    await expectFrame(peer, Opcode.close, closePayload(code))
    await peer.end()
  })

  // As in Envoy, the end of an HTTP/2 client's half does not reach an HTTP/1 backend: there the route's timeout ends the tunnel.
  it('a client that leaves without a word ends the tunnel', async () => {
    const peer = await open()
    peer.send(Opcode.text, 'here')
    await expectFrame(peer, Opcode.text, 'here')
    peer.stream.end()
    await peer.end()
  })
})
