/** Plays a script of pushes to one proxy from a control plane of its own, and notes what each push makes it do. */

import type { EchoBackend } from '../../support/echo_backend.ts'
import { httpRequest } from '../../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, spawnProxy } from '../../support/proxy_process.ts'
import { RawClient } from '../../support/raw_client.ts'
import { type ControlPlane, ControlPlane as Plane } from '../../support/xds/control_plane.ts'
import { type DiscoveryRecord, describeRequest } from '../../support/xds/requests.ts'
import { type TypeName, typeNames } from '../../support/xds/resource_types.ts'
import { type ApiMode, type BootstrapPieces, discoveryBootstrap } from '../../support/xds/samples.ts'
import type { Observation } from '../case.ts'
import { sortedJson } from '../driver.ts'
import { normalizeText } from '../normalize.ts'

/** A request to a listener: the same as its name alone, with these headers or a body. */
export interface Ask {
  readonly of: string
  readonly headers: Readonly<Record<string, string>>
  readonly method?: string
}

export interface XdsStep {
  readonly name: string
  readonly act: (plane: ControlPlane) => void
  /** Beginnings of the requests' lines to wait for: `CDS ack c1`. What comes besides is noted as well. */
  readonly until?: readonly string[]
  /** The step is over when `/ready` says so, too. */
  readonly isReady?: boolean
  /** Admin paths whose answers are compared. */
  readonly admin?: readonly string[]
  /** Listeners that get a request each: status and body are compared. */
  readonly ask?: readonly (string | Ask)[]
  /** Exact bytes for listeners, one connection each: what comes back is compared, to the connection's end. */
  readonly talk?: readonly { readonly to: string; readonly bytes: string }[]
  /** How long there must be no request before the step is over; longer where timers run. */
  readonly quietMs?: number
  /** The proxy becomes ready by it, which starts processes: waits for that too. */
  readonly becomesReady?: boolean
  readonly modes?: readonly ApiMode[]
}

export interface XdsScript {
  readonly name: string
  /** By default. */
  readonly comparesStats?: boolean
  readonly bootstrap?: (mode: ApiMode) => BootstrapPieces
  /** The port is that of a backend which answers everything. */
  readonly steps: (mode: ApiMode, backendPort: number) => readonly XdsStep[]
}

const untilTimeoutMs = 5000
const askTimeoutMs = 5000
const defaultQuietMs = 200
const talkTimeoutMs = 2000
const comparedStats = [
  /^(cluster_manager|listener_manager|control_plane|sds|runtime|extension_config_discovery)\./,
  /^cluster\.(?!xds|rest)[a-z0-9_]+\.(leds\.(?!control_plane)|update_|init_fetch|membership|assignment|warming)/,
  /^http\.[a-z0-9_]+\.(rds|scoped_rds)\./,
]

/** Moments and durations, addresses of objects, and the words that protobuf puts before its text form at random. */
const masks: readonly [RegExp, string][] = [
  [/("(?:last_updated|last_update_attempt)": )"[^"]*"/g, '$1"<time>"'],
  [/goo\.gle\/debug\w+\s+/g, '<text> '],
  [/(FieldMask )<text> /g, '$1'],
  // Ours say more: where, and what was expected.
  [/("details": ".*?) \((?:typed_config|at) .*"$/gm, '$1"'],
  [/(Listener-local-init-manager \S+ )\d+/g, '$1<hash>'],
  [/^(.*(?:update_time|time_ms)): .*$/gm, '$1: <time>'],
]

export class XdsDriver {
  readonly plane: ControlPlane
  readonly proxy: ProxyProcess
  readonly backend: EchoBackend
  readonly #comparesStats: boolean
  /** How many requests were told by the steps so far. */
  #told = 0

  private constructor(plane: ControlPlane, proxy: ProxyProcess, backend: EchoBackend, comparesStats: boolean) {
    this.#comparesStats = comparesStats
    this.plane = plane
    this.proxy = proxy
    this.backend = backend
  }

  static async start(script: XdsScript, mode: ApiMode, kind: ProxyKind, backend: EchoBackend): Promise<XdsDriver> {
    const plane = await Plane.start({ identifier: 'control-plane-1' })
    const yaml = discoveryBootstrap(plane, mode, script.bootstrap?.(mode))
    const proxy = spawnProxy(kind, yaml, ['-l', 'error', '--drain-time-s', '600'])
    await proxy.waitAdmin()
    return new XdsDriver(plane, proxy, backend, script.comparesStats ?? true)
  }

  async stop(): Promise<void> {
    await this.proxy.stop()
    await this.plane.stop()
  }

  async run(step: XdsStep): Promise<Observation> {
    const from = this.#told
    const before = await this.#stats()
    step.act(this.plane)
    await this.#settle(step, from)
    this.#told = this.plane.requests.length
    const requests = typeNames.map((type) => this.#linesOf(type, from)).filter((text) => text !== '')
    if (step.isReady === true) await this.proxy.waitReady()
    const ready = await this.proxy.admin('/ready')
    await this.proxy.refreshPorts()
    const admin: string[] = [`/ready ${ready.status} ${ready.body}`]
    for (const path of step.admin ?? []) {
      const { status, body } = await this.proxy.admin(path)
      admin.push(`${path} ${status}\n${inOrder(path, body)}`)
    }
    for (const ask of step.ask ?? [])
      admin.push(await this.#ask(typeof ask === 'string' ? { of: ask, headers: {} } : ask))
    for (const { to, bytes } of step.talk ?? []) admin.push(await this.#talk(to, bytes))
    const stats = this.#comparesStats ? await this.#moved(before) : []
    return {
      received: this.#clean(requests.join('\n')),
      connection: 'open',
      upstream: [],
      accessLog: [],
      stats: stats.map((line) => this.#clean(line)),
      admin: admin.map((text) => this.#clean(text)),
    }
  }

  async #talk(to: string, bytes: string): Promise<string> {
    const port = this.proxy.ports.get(to)
    const client = port === undefined ? undefined : await RawClient.connect(port).catch(() => undefined)
    if (client === undefined) return `${to} does not accept`
    if (bytes !== '') client.write(bytes)
    const end = (await client.waitClosed(talkTimeoutMs)) ? (client.errorCode ?? 'end') : 'still open'
    client.close()
    return `${JSON.stringify(bytes)} to ${to}:\n${client.text}\n${end}`
  }

  async #ask({ of, headers, method = 'GET' }: Ask): Promise<string> {
    const { status, body } = await httpRequest(`127.0.0.1:${this.proxy.port(of)}`, '/', method, askTimeoutMs, headers)
    return `${method} / of ${of} ${JSON.stringify(headers)}: ${status} ${body}`
  }

  async #settle({ until = [], quietMs = defaultQuietMs, becomesReady }: XdsStep, from: number): Promise<void> {
    const isSeen = () => {
      const lines = this.plane.requests.slice(from).flatMap(apart).map(describeRequest)
      return until.every((start) => lines.some((line) => line === start || line.startsWith(`${start} `)))
    }
    // What does not come is missing in the comparison, which says more than an error here.
    await this.plane.until(isSeen, until.join(', '), untilTimeoutMs).catch(() => undefined)
    const deadline = performance.now() + untilTimeoutMs
    while (becomesReady && performance.now() < deadline && (await this.proxy.admin('/ready')).status !== 200)
      await new Promise((resolve) => setTimeout(resolve, 20))
    for (let count = -1; count !== this.plane.requests.length; ) {
      count = this.plane.requests.length
      await new Promise((resolve) => setTimeout(resolve, quietMs))
    }
  }

  /** In the order of each stream, the streams by what they ask for first; what REST asks again and again counts once. */
  #linesOf(type: TypeName, from: number): string {
    const subject = ({ stream }: DiscoveryRecord) =>
      this.plane.requests.find((record) => record.stream === stream)?.names.join() ?? ''
    const records = this.plane.requests
      .slice(from)
      .filter((record) => record.type === type)
      .flatMap(apart)
      .sort((a, b) => subject(a).localeCompare(subject(b)))
    const lines = records.map((record) =>
      describeRequest({ ...record, error: record.error && { code: record.error.code, message: '' } }),
    )
    return lines.filter((line, i) => records[i].protocol !== 'rest' || !lines.slice(0, i).includes(line)).join('\n')
  }

  async #stats(): Promise<Map<string, number>> {
    const all = [...(await this.proxy.stats())]
    return new Map(all.filter(([name]) => comparedStats.some((pattern) => pattern.test(name))))
  }

  async #moved(before: ReadonlyMap<string, number>): Promise<string[]> {
    const after = await this.#stats()
    const lines: string[] = []
    for (const [name, value] of after) {
      const change = value - (before.get(name) ?? 0)
      if (change !== 0) lines.push(`${name}: ${name.endsWith('.version') ? value : change}`)
    }
    return lines.sort()
  }

  #clean(text: string): string {
    const ports = [...this.proxy.ports].map(([name, port]) => ({ port, word: `listener ${name}` }))
    const cleaned = normalizeText(text, [...ports, { port: this.backend.port, word: 'backend' }], masks)
    return cleaned.replaceAll(/("port_value": )(\d+)/g, (whole, key, port) => {
      const known = [{ port: this.backend.port, word: 'backend' }, ...ports].find((one) => one.port === Number(port))
      return known === undefined ? whole : `${key}<${known.word}>`
    })
  }
}

/** Names that are asked for while an ACK is due go with it, in both proxies: whether they do is chance. */
function apart(record: DiscoveryRecord): DiscoveryRecord[] {
  const { protocol, kind, names, unsubscribed } = record
  const isBoth = protocol === 'delta' && kind === 'ack' && names.length + unsubscribed.length > 0
  if (!isBoth) return [record]
  const change = { ...record, kind: 'change', answeredVersion: '' } as const
  return [{ ...record, names: [], unsubscribed: [] }, change]
}

/** Envoy keeps the runtime's maps, listeners, and hosts of a collection, in no order. */
function inOrder(path: string, body: string): string {
  if (path === '/runtime') return sortedJson(body)
  // What the management servers' clusters count is theirs.
  if (path === '/clusters')
    return body
      .split('\n')
      .filter((line) => !/^(?:xds|rest)::|::(?:cx|rq)_/.test(line))
      .sort()
      .join('\n')
  // What is refused is told in words.
  if (!path.startsWith('/config_dump?resource=dynamic_listeners') || !body.startsWith('{')) return body
  const dump = JSON.parse(body) as { configs?: { name?: string }[] }
  // Those of the last update's errors have no names, and are in its order.
  dump.configs?.sort(({ name: a = '~' }, { name: b = '~' }) => (a < b ? -1 : a > b ? 1 : 0))
  return JSON.stringify(dump, undefined, 1)
}
