/** Runs the cases of a suite on one proxy, one after another, and returns what was seen. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import { AccessLogService, comparableEntry } from '../support/access_log_service.ts'
import { type BackendRequest, type BackendScript, EchoBackend } from '../support/echo_backend.ts'
import {
  Http2Backend,
  type Http2BackendRequest,
  type Http2BackendScript,
  playHttp2Reply,
} from '../support/http2_backend.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { RateLimitService } from '../support/rate_limit_service.ts'
import { RawClient } from '../support/raw_client.ts'
import type { Observation, ParityCase, ParitySuite, Preparation, ReplyStep, Step } from './case.ts'
import { frameList } from './http2/frame_list.ts'
import { type KnownPort, normalizeText } from './normalize.ts'
import { withPorts } from './placeholders.ts'
import { frameScript, playReply } from './replies.ts'

const DEFAULT_QUIET_MS = 50
const STEP_TIMEOUT_MS = 5000
const SETTLE_TIMEOUT_MS = 1500
const POLL_MS = 5
const DEFAULT_REPLY = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** Format of the line that suites log to `{{dir}}/access.log`; the two ports in front tell whose line it is. */
export const LOG_PREFIX = '%DOWNSTREAM_LOCAL_PORT%:%DOWNSTREAM_DIRECT_REMOTE_PORT%|'

type ParityBackend = EchoBackend | Http2Backend

export class SuiteDriver {
  readonly suite: ParitySuite
  readonly proxy: ProxyProcess
  readonly backends: Map<string, ParityBackend>
  readonly #ports: KnownPort[] = []
  readonly #logService: AccessLogService | undefined
  readonly #rateLimits: RateLimitService | undefined
  #looks = 0

  private constructor(
    suite: ParitySuite,
    proxy: ProxyProcess,
    backends: Map<string, ParityBackend>,
    logService: AccessLogService | undefined,
    rateLimits: RateLimitService | undefined,
  ) {
    this.suite = suite
    this.proxy = proxy
    this.backends = backends
    this.#logService = logService
    this.#rateLimits = rateLimits
    for (const [name, backend] of backends) this.#ports.push({ port: backend.port, word: `backend ${name}` })
    for (const [name, port] of proxy.ports) this.#ports.push({ port, word: `listener ${name}` })
  }

  static async start(suite: ParitySuite, kind: ProxyKind): Promise<SuiteDriver> {
    const backends = new Map<string, ParityBackend>()
    for (const name of suite.backends ?? ['main'])
      backends.set(name, await EchoBackend.start({}, '127.0.0.1', 0, suite.tlsBackends?.[name]))
    for (const name of suite.frameBackends ?? []) backends.set(name, await EchoBackend.start({ raw: true }))
    for (const name of suite.http2Backends ?? [])
      backends.set(name, await Http2Backend.start({ settings: suite.http2Settings }, suite.tlsBackends?.[name]))
    const logService = suite.accessLogService === true ? await AccessLogService.start() : undefined
    const rateLimits = suite.rateLimitService === true ? await RateLimitService.start() : undefined
    const services = suite.yaml.replaceAll('{{als}}', String(logService?.port))
    const text = services.replaceAll('{{rls}}', String(rateLimits?.port))
    const yaml = withPorts(text, backends)
    try {
      const proxy = await startProxy(kind, yaml, [
        '-l',
        'warning',
        '--file-flush-interval-msec',
        '10',
        ...(suite.flags ?? []),
      ])
      return new SuiteDriver(suite, proxy, backends, logService, rateLimits)
    } catch (error) {
      logService?.stop()
      rateLimits?.stop()
      for (const backend of backends.values()) await backend.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.proxy.stop()
    this.#logService?.stop()
    this.#rateLimits?.stop()
    for (const backend of this.backends.values()) await backend.stop()
  }

  /** `patience` lengthens every waiting for nothing, for a second look at a difference. */
  async run(one: ParityCase, patience = 1): Promise<Observation> {
    this.#looks += 1
    this.#script(one)
    this.#rateLimits?.script(one.rateLimit)
    for (const each of one.prepare ?? []) await this.#prepare(each)
    const marks = this.#markBackends()
    // Client ports come again after a while: only lines written from now on are this case's.
    const logStart = this.#logText().length
    const before = one.stats === undefined ? undefined : await this.proxy.stats(one.stats)
    const port = this.proxy.port(one.listener ?? 'main')
    const held = await this.#hold(one, port)
    const client = await this.#connect(one, port)
    const admin: string[] = []
    const received = one.frames === true ? () => frameList(client.text) : () => client.text
    for (const step of one.steps) await this.#step(step, client, received, admin, marks)
    const quietMs = (one.quietMs ?? DEFAULT_QUIET_MS) * patience
    await client.waitQuiet(quietMs)
    if (one.waitClosedMs !== undefined) await client.waitClosed(one.waitClosedMs)
    const connection = client.errorCode === 'ECONNRESET' ? 'reset' : client.ended ? 'closed' : 'open'
    client.halfClose()
    await client.waitClosed(STEP_TIMEOUT_MS)
    client.close()
    for (const other of held) other.close()
    const ports = [...this.#ports, { port: client.localPort, word: 'client' }]
    const clean = (text: string) => normalizeText(text, ports, one.normalize)
    const logs = await this.#accessLog(`${port}:${client.localPort}|`, one.logLines ?? 1, logStart, patience)
    const observation: Observation = {
      received: clean(received()),
      connection,
      upstream: [...(this.#rateLimits?.requests ?? []), ...this.#receivedSince(marks)].map(clean),
      accessLog: one.logOnce === true ? [...new Set(logs.map(clean))] : logs.map(clean),
      stats: before === undefined ? [] : (await this.#movedStats(before, one.stats ?? '')).map(clean),
      admin: admin.map(clean),
    }
    await this.#closeBackendConnections()
    return observation
  }

  #filled(bytes: string): string {
    return withPorts(bytes, this.backends).replaceAll('{{look}}', String(this.#looks))
  }

  #connect(one: ParityCase, port: number): Promise<RawClient> {
    const named = one.tls?.servername ? { servername: this.#filled(one.tls.servername) } : {}
    if (one.tls !== undefined) return RawClient.connectTls(port, one.host, { ...one.tls, ...named })
    if (one.pipe === undefined) return RawClient.connect(port, one.host)
    // Node spells the abstract namespace as the kernel does.
    return RawClient.connect(one.pipe.replace('{{dir}}', this.proxy.folder).replace(/^@/, '\0'))
  }

  async #step(
    step: Step,
    client: RawClient,
    received: () => string,
    admin: string[],
    marks: Map<ParityBackend, number[]>,
  ): Promise<void> {
    if (typeof step === 'string') client.write(this.#filled(step))
    else if ('waitFor' in step) await client.waitFor(() => received().includes(step.waitFor) || client.ended)
    else if ('waitCount' in step) {
      const [text, count] = step.waitCount
      await client.waitFor(() => received().split(text).length > count || client.ended)
    } else if ('waitBackend' in step) {
      await Promise.race(
        [...this.backends.values()].map((backend) =>
          backend.until(() => this.#receivedSince(marks).some((text) => text.includes(step.waitBackend))),
        ),
      )
    } else if ('waitClosed' in step) await client.waitClosed(STEP_TIMEOUT_MS)
    else if ('halfClose' in step) client.halfClose()
    else if ('reset' in step) client.reset()
    else if ('quietMs' in step) await client.waitQuiet(step.quietMs)
    else if ('replaceFile' in step || 'waitStat' in step) await this.#prepare(step)
    else if ('file' in step) admin.push(await this.#fileText(step.file))
    else {
      const { status, headers, body } = await this.proxy.admin(step.admin, step.method ?? 'GET', step.headers)
      admin.push(`${status} ${headers['content-type']}\n${step.sortJson === true ? sortedJson(body) : body}`)
    }
  }

  async #prepare(step: Preparation): Promise<void> {
    if ('replaceFile' in step) {
      const path = join(this.proxy.folder, step.replaceFile)
      writeFileSync(`${path}.next`, step.text)
      renameSync(`${path}.next`, path)
      return
    }
    const { waitStat: name, value } = step
    const deadline = performance.now() + STEP_TIMEOUT_MS
    while ((await this.proxy.stats(`^${name.replaceAll('.', '\\.')}$`)).get(name) !== value) {
      if (performance.now() > deadline) throw new Error(`${this.proxy.kind}: ${name} did not become ${value}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  async #hold(one: ParityCase, port: number): Promise<RawClient[]> {
    const held: RawClient[] = []
    let arrived = this.#connectionCount()
    for (let i = 0; i < (one.holdConnections ?? 0); i += 1) {
      const client = await this.#connect(one, port)
      if (one.holdBytes !== undefined) client.write(this.#filled(one.holdBytes))
      held.push(client)
      arrived += 1
      const deadline = performance.now() + SETTLE_TIMEOUT_MS
      while (this.#connectionCount() < arrived && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    }
    return held
  }

  #connectionCount(): number {
    let count = 0
    for (const backend of this.backends.values()) count += backend.connections.length
    return count
  }

  async #fileText(name: string): Promise<string> {
    const path = join(this.proxy.folder, name)
    const deadline = performance.now() + SETTLE_TIMEOUT_MS
    for (;;) {
      const text = existsSync(path) ? readFileSync(path, 'latin1') : ''
      if (text !== '' || performance.now() > deadline) return text
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Sets all backends to answer as the case says. */
  #script(one: ParityCase): void {
    let requests = 0
    const plain: readonly ReplyStep[] =
      one.reply === undefined ? [DEFAULT_REPLY] : typeof one.reply === 'string' ? [one.reply] : one.reply
    const answer = (request: BackendRequest) => {
      const replies = one.replies
      const steps = replies === undefined ? plain : replies[Math.min(requests, replies.length - 1)]
      requests += 1
      void playReply(request.connection, steps)
    }
    const at = one.replyAt ?? 'request'
    const script: BackendScript = {
      tunnel: (request) => request.headers.has('upgrade') || request.method === 'CONNECT',
      onTunnelData: (connection, data) => connection.send(`echo(${data})`),
      onHead: (request) => {
        if (at === 'head') answer(request)
      },
      onRequest: (request) => {
        if (at === 'request') answer(request)
      },
      onConnection: (connection) => {
        if (at === 'connect') {
          for (const step of plain) {
            if (typeof step === 'string') connection.send(step)
            else if ('finish' in step) connection.finish()
            else if ('reset' in step) connection.reset()
          }
        }
      },
    }
    for (const [name, backend] of this.backends) {
      if (backend instanceof Http2Backend) backend.script = this.#http2Script(one)
      else if (this.#sendsFrames(name)) backend.script = frameScript(one)
      else backend.script = { ...script, ...this.suite.scripts?.[name] }
    }
  }

  #http2Script({ http2Replies, replyAt }: ParityCase): Http2BackendScript {
    const settings = this.suite.http2Settings
    if (http2Replies === undefined) return { settings }
    let requests = 0
    const answer = (request: Http2BackendRequest) => {
      const steps = http2Replies[Math.min(requests, http2Replies.length - 1)]
      requests += 1
      void playHttp2Reply(request, steps)
    }
    return replyAt === 'head' ? { settings, onHead: answer } : { settings, onRequest: answer }
  }

  #markBackends(): Map<ParityBackend, number[]> {
    const marks = new Map<ParityBackend, number[]>()
    for (const backend of this.backends.values()) {
      marks.set(
        backend,
        backend.connections.map((connection) => connection.received.length),
      )
    }
    return marks
  }

  #sendsFrames(backendName: string): boolean {
    return this.suite.frameBackends?.includes(backendName) === true
  }

  #receivedSince(marks: Map<ParityBackend, number[]>): string[] {
    const received: string[] = []
    for (const [name, backend] of this.backends) {
      const lengths = marks.get(backend) ?? []
      for (const connection of backend.connections) {
        const text = connection.received.slice(lengths[connection.index] ?? 0)
        if (text !== '') received.push(this.#sendsFrames(name) ? frameList(text) : text)
      }
    }
    return received
  }

  /** Every case starts without idle upstream connections; waits until the proxy has noticed. */
  async #closeBackendConnections(): Promise<void> {
    let closed = 0
    for (const backend of this.backends.values()) {
      for (const connection of backend.connections) {
        if (connection.socket.destroyed) continue
        connection.socket.destroy()
        closed += 1
      }
    }
    const deadline = performance.now() + SETTLE_TIMEOUT_MS
    while (closed > 0 && performance.now() < deadline) {
      const active = await this.proxy.stats('^cluster\\..*\\.upstream_cx_active$')
      // The connections to services stay.
      for (const name of ['als', 'rls']) active.delete(`cluster.${name}.upstream_cx_active`)
      if ([...active.values()].every((value) => value === 0)) return
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  #logText(): string {
    if (this.#logService !== undefined) return this.#logService.entries.map(entryLine).join('')
    const path = join(this.proxy.folder, 'access.log')
    return existsSync(path) ? readFileSync(path, 'latin1') : ''
  }

  async #accessLog(prefix: string, expected: number, start: number, patience: number): Promise<string[]> {
    if (expected === 0) return []
    const deadline = performance.now() + SETTLE_TIMEOUT_MS * patience
    for (;;) {
      const lines = this.#logText().slice(start).split('\n')
      const own = lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length))
      if (own.length >= expected || performance.now() > deadline)
        return this.#logService === undefined ? own : own.flatMap((line) => line.split(fieldEnd))
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Reads until two readings in a row are equal: closing a connection counts a little later. */
  async #movedStats(before: Map<string, number>, filter: string): Promise<string[]> {
    let last = ''
    const deadline = performance.now() + SETTLE_TIMEOUT_MS
    for (;;) {
      const after = await this.proxy.stats(filter)
      const moved: string[] = []
      for (const [name, value] of after) {
        // The digits of a service time or of a timeout that is left change how many bytes are written.
        if (name.endsWith('_tx_bytes_total')) continue
        // What is buffered at one moment depends on the sizes of reads.
        if (name.endsWith('_bytes_buffered')) continue
        // Reading the stats counts as well.
        if (name.startsWith('http.admin.') || name.startsWith('listener.admin.')) continue
        const change = value - (before.get(name) ?? 0)
        if (change !== 0) moved.push(`${name} ${change > 0 ? '+' : ''}${change}`)
      }
      const text = moved.sort().join('\n')
      if (text === last || performance.now() > deadline) return moved
      last = text
      await new Promise((resolve) => setTimeout(resolve, POLL_MS * 3))
    }
  }
}

/** A log line of an entry, with the two ports in front. */
function entryLine(entry: JsonObject): string {
  const common = entry['common_properties'] as Record<string, { socket_address?: { port_value?: number } }>
  const portOf = (name: string) => common[name]?.socket_address?.port_value ?? 0
  const ports = `${portOf('downstream_local_address')}:${portOf('downstream_direct_remote_address')}`
  return `${ports}|${fieldsOf(comparableEntry(entry)).join(fieldEnd)}\n`
}

const fieldEnd = '\t'

/** `a.b: value` for each field, however deep. */
function fieldsOf(value: JsonValue, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0)
    return [`${path}: ${JSON.stringify(value)}`]
  return Object.entries(value).flatMap(([key, member]) => fieldsOf(member, path === '' ? key : `${path}.${key}`))
}

/** The same JSON with the keys of each object in alphabetical order. */
export function sortedJson(text: string): string {
  const sorted = (_: string, value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  return JSON.stringify(JSON.parse(text), sorted, 1)
}
