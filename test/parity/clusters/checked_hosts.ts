/** A proxy with three hosts of its own, each of which answers checks as the test has told it to. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BackendConnection, type BackendRequest, EchoBackend } from '../../support/echo_backend.ts'
import { httpRequest } from '../../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, spawnProxy } from '../../support/proxy_process.ts'

export type HostName = 'a' | 'b' | 'c'
/** `hang`: there is no answer before another turn. */
export type Answer = 'ok' | 'fail' | 'degraded' | 'hang'

const NAMES: readonly HostName[] = ['a', 'b', 'c']
const WAIT_MS = 10_000
const POLL_MS = 20
/** So many requests find every host that is in use. */
const REQUESTS = 12

const answers: Readonly<Record<Exclude<Answer, 'hang'>, string>> = {
  ok: '200 OK\r\n',
  fail: '500 X\r\n',
  degraded: '200 OK\r\nx-envoy-degraded: true\r\n',
}

export const HCM =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'

function at(address: string): string {
  return address === '127.0.0.1' ? '' : `@${address}`
}

/** A check of the hosts' answers under that name. */
export function check(name: string, more: object = {}): object {
  const timings = { timeout: '5s', interval: '0.05s', no_traffic_interval: '0.05s' }
  const thresholds = { unhealthy_threshold: 1, healthy_threshold: 1 }
  return { ...timings, ...thresholds, http_health_check: { path: `/check/${name}` }, ...more }
}

export class CheckedHosts {
  readonly kind: ProxyKind
  readonly hosts = new Map<HostName, EchoBackend>()
  /** For files that the test changes. */
  readonly folder = mkdtempSync(join(tmpdir(), 'checked-hosts-'))
  readonly #turns = new Map<string, Answer>()
  readonly #hanging: { request: BackendRequest; key: string }[] = []
  readonly #waiting: BackendConnection[] = []
  /** Answers traffic; false where hosts are to answer with their names. */
  answerTraffic: (name: HostName, request: BackendRequest) => boolean = () => false
  proxy!: ProxyProcess

  private constructor(kind: ProxyKind) {
    this.kind = kind
  }

  static async start(kind: ProxyKind, bootstrap: (of: CheckedHosts) => object): Promise<CheckedHosts> {
    const it = await CheckedHosts.spawn(kind, bootstrap)
    await it.proxy.waitReady()
    return it
  }

  /** Without waiting until it is ready. */
  static async spawn(kind: ProxyKind, bootstrap: (of: CheckedHosts) => object): Promise<CheckedHosts> {
    const it = new CheckedHosts(kind)
    for (const name of NAMES)
      it.hosts.set(name, await EchoBackend.start({ onRequest: (request) => it.#answer(name, request) }, '0.0.0.0'))
    const admin = { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } }
    it.proxy = spawnProxy(kind, JSON.stringify({ node: { id: 'n', cluster: 'own' }, admin, ...bootstrap(it) }), [
      ...['-l', 'error', '--file-flush-interval-msec', '20'],
    ])
    return it
  }

  async stop(): Promise<void> {
    await this.proxy.stop()
    for (const host of this.hosts.values()) await host.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  port(name: HostName): number {
    return this.hosts.get(name)?.port ?? 0
  }

  endpoint(name: HostName, more: object = {}, lbEndpoint: object = {}): object {
    const address = { socket_address: { address: '127.0.0.1', port_value: this.port(name) } }
    return { endpoint: { address, ...more }, ...lbEndpoint }
  }

  assignment(name: string, ...priorities: readonly (readonly object[])[]): object {
    const endpoints = priorities.map((each, priority) => ({ priority, lb_endpoints: each }))
    return { cluster_name: name, endpoints }
  }

  /** From now on the host answers so to that check; `<name>@<address>` is the one at another address than 127.0.0.1. */
  turn(name: HostName, checkName: string, answer: Answer): void {
    this.#turns.set(`${name} ${checkName}`, answer)
    for (const { request, key } of this.#hanging.splice(0)) {
      if (key === `${name} ${checkName}`) this.#answer(name, request)
      else this.#hanging.push({ request, key })
    }
  }

  #answer(name: HostName, request: BackendRequest): void {
    const { target, connection } = request
    const [, first, second] = target.split('/')
    if (target.endsWith('/wait')) {
      this.#waiting.push(connection)
      return
    }
    if (first !== 'check') {
      if (this.answerTraffic(name, request)) return
      const ask = target.endsWith(`no_more_of_${name}`) ? 'x-envoy-immediate-health-check-fail: true\r\n' : ''
      connection.send(`HTTP/1.1 200 OK\r\n${ask}content-length: 1\r\n\r\n${name}`)
      return
    }
    const { localAddress = '' } = connection.socket
    const key = `${name} ${second}${at(localAddress)}`
    const answer = this.#turns.get(key) ?? 'ok'
    if (answer === 'hang') this.#hanging.push({ request, key })
    else connection.send(`HTTP/1.1 ${answers[answer]}content-length: 0\r\n\r\n`)
  }

  /** Requests whose paths end with `/wait`. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Answers those. */
  release(): void {
    for (const connection of this.#waiting.splice(0))
      connection.send('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate')
  }

  /** Puts a file of resources in the place of the one before. */
  writeResources(file: string, ...resources: readonly object[]): void {
    writeFileSync(join(this.folder, 'next'), JSON.stringify({ resources }))
    renameSync(join(this.folder, 'next'), join(this.folder, file))
  }

  get(path: string, listener = 'main', headers: Record<string, string> = {}) {
    return httpRequest(`127.0.0.1:${this.proxy.port(listener)}`, path, 'GET', 5000, headers)
  }

  /** One response of that host asks for no more of that cluster's traffic. */
  async askNoMore(cluster: string, name: HostName): Promise<void> {
    for (let i = 0; i < REQUESTS; i++) {
      const { body } = await this.get(`/${cluster}/no_more_of_${name}`)
      if (body === name) return
    }
    throw new Error(`${cluster} sends nothing to ${name}: ${this.kind}`)
  }

  /** Flags by host, as `/clusters` shows them. */
  async flags(cluster: string): Promise<Record<string, string>> {
    const { body } = await this.proxy.admin('/clusters')
    const found = [...body.matchAll(/^(\w+)::([\d.]+):(\d+)::health_flags::(.*)$/gm)]
    const names = new Map(NAMES.map((name) => [String(this.port(name)), name]))
    const own = found.filter(([, name]) => name === cluster)
    return Object.fromEntries(
      own.map(([, , address, port, flags]) => [(names.get(port) ?? port) + at(address), flags]).sort(),
    )
  }

  /** Who answers requests for that cluster, or with which status they are answered. */
  async served(cluster: string): Promise<string> {
    const seen = new Set<string>()
    for (let i = 0; i < REQUESTS; i++) {
      const { status, body } = await this.get(`/${cluster}/`)
      seen.add(status === 200 ? body : String(status))
    }
    return [...seen].sort().join()
  }

  /** Waits until it is so; the last that was seen otherwise. */
  async settled<T>(see: () => Promise<T>, expected: T): Promise<T> {
    const deadline = performance.now() + WAIT_MS
    for (;;) {
      const seen = await see()
      if (JSON.stringify(seen) === JSON.stringify(expected) || performance.now() > deadline) return seen
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}

/** Each cluster is behind the paths that begin with its name. */
export function httpListener(name: string, clusters: readonly string[], filters: readonly object[] = []): object {
  const routes = clusters.map((cluster) => ({ match: { prefix: `/${cluster}/` }, route: { cluster } }))
  const manager = {
    '@type': HCM,
    stat_prefix: name,
    route_config: { validate_clusters: false, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [...filters, { name: 'router', typed_config: { '@type': ROUTER } }],
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  return { name, address, filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }] }
}
