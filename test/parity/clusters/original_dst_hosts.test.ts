/** The hosts of a cluster of type ORIGINAL_DST come with requests, stay while they are used, and go; in both proxies alike. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { EchoBackend } from '../../support/echo_backend.ts'
import { httpRequest } from '../../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../../support/proxy_process.ts'
import { proxyPair } from '../define_suite.ts'
import { bootstrap, httpListener, routes } from '../yaml.ts'

const LATEST_MS = 20_000
const POLL_MS = 20
const yaml = bootstrap(
  [httpListener({ name: 'main', virtualHosts: routes('- { match: { prefix: / }, route: { cluster: named } }') })],
  [
    '- { name: named, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, cleanup_interval: 0.2s, original_dst_lb_config: { use_http_header: true } }',
  ],
)

class Observed {
  readonly proxy: ProxyProcess
  readonly #backends: readonly EchoBackend[]

  constructor(proxy: ProxyProcess, backends: readonly EchoBackend[]) {
    this.proxy = proxy
    this.#backends = backends
  }

  async ask(index: number): Promise<number> {
    const headers = { 'x-envoy-original-dst-host': `127.0.0.1:${this.#backends[index].port}` }
    const { status } = await httpRequest(`127.0.0.1:${this.proxy.port('main')}`, '/', 'GET', LATEST_MS, headers)
    return status
  }

  /** What `/clusters` says of the cluster once it has so many hosts. */
  async withHosts(count: number): Promise<unknown> {
    const deadline = performance.now() + LATEST_MS
    let total: number | undefined
    while (total !== count) {
      if (performance.now() > deadline) throw new Error(`${this.proxy.kind}: ${total} hosts, not ${count}`)
      await sleep(POLL_MS)
      total = (await this.proxy.stats('^cluster\\.named\\.membership_total$')).get('cluster.named.membership_total')
    }
    const { body } = await this.proxy.admin('/clusters')
    const hosts = body.split('\n').filter((line) => /::(hostname|health_flags|weight|cx_total|rq_total)::/.test(line))
    const stats = await this.proxy.stats('^cluster\\.named\\.(membership|upstream_cx_total)')
    return { hosts: hosts.map((line) => this.#named(line)).sort(), stats: Object.fromEntries(stats) }
  }

  #named(line: string): string {
    return this.#backends.reduce((text, { port }, i) => text.replaceAll(`127.0.0.1:${port}`, `BACKEND${i}`), line)
  }
}

function closeConnections(backend: EchoBackend): void {
  for (const { socket } of backend.connections) socket.destroy()
}

const running: { stop(): Promise<unknown> }[] = []

async function observe(kind: ProxyKind): Promise<unknown[]> {
  const backends = [await EchoBackend.start(), await EchoBackend.start()]
  running.push(...backends)
  const proxy = await startProxy(kind, yaml)
  running.push(proxy)
  const observed = new Observed(proxy, backends)
  const seen: unknown[] = [await observed.ask(0), await observed.withHosts(1)]
  seen.push(await observed.ask(1), await observed.withHosts(2))
  // The one that nobody is connected to any more goes, the other stays.
  closeConnections(backends[1])
  seen.push(await observed.withHosts(1))
  seen.push(await observed.ask(0))
  closeConnections(backends[0])
  seen.push(await observed.withHosts(0))
  seen.push(await observed.ask(0), await observed.withHosts(1))
  return seen
}

describe('hosts of an ORIGINAL_DST cluster', () => {
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop()))
  })

  it('come, stay and go', { timeout: 120_000 }, async () => {
    const [first, second] = await Promise.all(proxyPair().map(observe))
    expect(second).toEqual(first)
  })
})
