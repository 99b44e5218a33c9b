/** What health checks are made of: hosts that answer well, badly, late or never, by what they are asked. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { IssuedCertificate } from '../certificate_authority.ts'
import { type BackendRequest, EchoBackend } from '../echo_backend.ts'
import { freePorts } from '../free_ports.ts'
import { Http2Backend, type Http2BackendRequest, type Http2ReplyStep, playHttp2Reply } from '../http2_backend.ts'
import { TcpBackend } from '../tcp_backend.ts'

/** By the path of the request; all else is `/ok`. */
const answers: Readonly<Record<string, string>> = {
  '/ok': '200 OK\r\n',
  '/fail': '500 X\r\n',
  '/unavailable': '503 X\r\n',
  '/found': '204 X\r\n',
  '/degraded': '200 OK\r\nx-envoy-degraded: true\r\n',
  '/immediate': '500 X\r\nx-envoy-immediate-health-check-fail: true\r\n',
  '/named': '200 OK\r\nx-envoy-upstream-healthchecked-cluster: right\r\n',
  '/close': '200 OK\r\nconnection: close\r\n',
}

function answerHttp({ method, connection }: BackendRequest, target: string): void {
  if (target === '/hang') return
  if (target === '/nonsense') connection.finish('this is no HTTP\r\n\r\n')
  else if (target === '/until_close') connection.finish('HTTP/1.1 200 OK\r\n\r\nall is well')
  else {
    const hasBody = method !== 'HEAD' && target !== '/found'
    const body = hasBody ? 'content-length: 11\r\n\r\nall is well' : '\r\n'
    connection.send(`HTTP/1.1 ${answers[target] ?? answers['/ok']}${body}`)
  }
}

const grpcHead = { ':status': 200, 'content-type': 'application/grpc' }
const health = (status: number) => ({ data: `\0\0\0\0\x02\x08${String.fromCharCode(status)}` })

/** By the service that is asked for, which is at the end of the request's body, or by the path. */
const http2Answers: Readonly<Record<string, readonly Http2ReplyStep[]>> = {
  serving: [{ headers: grpcHead }, health(1), { trailers: { 'grpc-status': '0' } }],
  not_serving: [{ headers: grpcHead }, health(2), { trailers: { 'grpc-status': '0' } }],
  unknown: [{ headers: { ...grpcHead, 'grpc-status': '5', 'grpc-message': 'who?' }, end: true }],
  no_status: [{ headers: grpcHead }, health(1), { trailers: { other: '1' } }],
  no_grpc: [{ headers: { ':status': 200, 'content-type': 'text/plain' } }, { data: 'hello', end: true }],
  gateway: [{ headers: { ':status': 503 }, end: true }],
  reset: [{ rst: 2 }],
  leaving: [{ goAway: 0 }, { headers: { ':status': 200 }, end: true }],
  gone: [{ goAway: 2, last: 0 }],
  '/ok': [{ headers: { ':status': 200 } }, { data: 'ok', end: true }],
  '/fail': [{ headers: { ':status': 500 }, end: true }],
  hang: [],
}

function answerHttp2(request: Http2BackendRequest): void {
  const path = String(request.headers[':path'])
  const service = path.startsWith('/grpc.') ? request.body.slice(7) : path.replace(/^\/(?!ok|fail)/, '')
  void playHttp2Reply(request, http2Answers[service] ?? http2Answers.serving)
}

function streamText({ headers, body }: Http2BackendRequest): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`)
  // The order among the pseudo-headers is free.
  const pseudo = fields.filter((field) => field.startsWith(':')).sort()
  return [...pseudo, ...fields.slice(pseudo.length), JSON.stringify(body)].join('\n')
}

/** The ports of a PROXY header are chance. */
function each(texts: readonly string[]): string[] {
  return [...new Set(texts.map((text) => text.replace(/^(PROXY TCP4 \S+ \S+) .*/, '$1')))].sort()
}

export class HealthBackends {
  readonly http: EchoBackend
  readonly tls: EchoBackend
  readonly http2: Http2Backend
  /** Answers `pong` to what begins with `ping`, in two pieces to what begins with `slow`. */
  readonly tcp: TcpBackend
  /** Hangs up at once. */
  readonly rude: Server
  /** Nobody listens there. */
  readonly refusedPort: number
  /** What `/turning` answers as. */
  turn = '/ok'
  readonly #tcpChunks: string[] = []

  private constructor(parts: Pick<HealthBackends, 'http' | 'tls' | 'http2' | 'tcp' | 'rude' | 'refusedPort'>) {
    this.http = parts.http
    this.tls = parts.tls
    this.http2 = parts.http2
    this.tcp = parts.tcp
    this.rude = parts.rude
    this.refusedPort = parts.refusedPort
    const onRequest = (request: BackendRequest) =>
      answerHttp(request, request.target === '/turning' ? this.turn : request.target)
    this.http.script = { onRequest }
    this.tls.script = { onRequest }
    this.tcp.onConnection = ({ socket }) => socket.on('data', (data: Buffer) => this.#onTcpData(socket, data))
  }

  #onTcpData(socket: Socket, data: Buffer): void {
    const text = data.toString('latin1')
    this.#tcpChunks.push(text)
    if (text.includes('ping')) socket.write('<pong>')
    if (!text.includes('slow')) return
    socket.write('po')
    setImmediate(() => socket.write('-ng'))
  }

  static async start({ cert, key }: IssuedCertificate): Promise<HealthBackends> {
    const rude = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(rude, 'listening')
    const tls = { cert, key, ALPNProtocols: ['checks', 'http/1.1'] }
    return new HealthBackends({
      http: await EchoBackend.start(),
      tls: await EchoBackend.start({}, '127.0.0.1', 0, tls),
      http2: await Http2Backend.start({ onRequest: answerHttp2 }),
      tcp: await TcpBackend.start(),
      rude,
      refusedPort: (await freePorts(1))[0],
    })
  }

  get rudePort(): number {
    return (this.rude.address() as AddressInfo).port
  }

  /** What has come, each once: the bytes of HTTP/1 and TCP, of HTTP/2 what the streams brought. */
  probes(): Readonly<Record<'http' | 'http2' | 'tcp', string[]>> {
    const http = [...this.http.requests, ...this.tls.requests].map(({ raw }) => raw)
    const http2 = this.http2.requests.filter(({ complete }) => complete).map(streamText)
    return { http: each(http), http2: each(http2), tcp: each(this.#tcpChunks) }
  }

  async stop(): Promise<void> {
    this.rude.close()
    await Promise.all([this.http.stop(), this.tls.stop(), this.http2.stop(), this.tcp.stop()])
  }
}
