/** DNS caches as time passes, beside Envoy: other addresses, names that go and come, hosts that nobody uses any more. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DnsServer } from '../../support/dns_server.ts'
import { EchoBackend } from '../../support/echo_backend.ts'
import { httpRequest } from '../../support/http_get.ts'
import { type ProxyProcess, startProxy } from '../../support/proxy_process.ts'
import { proxyPair } from '../define_suite.ts'
import { cacheConfig, forwardProxyCluster } from '../http_filters/forward_proxy_yaml.ts'
import { response } from '../requests.ts'
import { bootstrap, http1Options, httpFilter, httpListener, routes } from '../yaml.ts'

const WAIT_MS = 15_000
const POLL_MS = 20

/** Each connection has one request: the next goes where the name leads by then. */
const ONE_REQUEST = http1Options(`
common_http_protocol_options: { max_requests_per_connection: 1 }
upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true }
explicit_http_config: { http_protocol_options: {} }
`)
const SOON = ', dns_min_refresh_rate: 1s, dns_refresh_rate: 1s'
const caches: Record<string, string> = {
  refreshed: SOON,
  idle: `${SOON}, host_ttl: 1s`,
  retrying: `${SOON}, dns_failure_refresh_rate: { base_interval: 0.1s, max_interval: 0.1s }`,
  listed: '',
}

/** A proxy with a DNS server and two backends on one port of its own. */
class Side {
  readonly proxy: ProxyProcess
  readonly dns: DnsServer
  readonly #backends: readonly EchoBackend[]

  private constructor(proxy: ProxyProcess, dns: DnsServer, backends: readonly EchoBackend[]) {
    this.proxy = proxy
    this.dns = dns
    this.#backends = backends
  }

  static async start(kind: ProxyProcess['kind']): Promise<Side> {
    const dns = await DnsServer.start()
    const answering = (text: string) => ({
      onRequest: ({ connection }: { connection: { send(data: string): void } }) => connection.send(response(200, text)),
    })
    const first = await EchoBackend.start(answering('first'), '127.0.0.1')
    const second = await EchoBackend.start(answering('second'), '127.0.0.2', first.port)
    const names = Object.keys(caches)
    const cache = (name: string): string => cacheConfig(name, dns.port, caches[name])
    const yaml = bootstrap(
      names.map((name) =>
        httpListener({
          name,
          filters: httpFilter('dynamic_forward_proxy', 'FilterConfig', cache(name)),
          virtualHosts: routes(`- { match: { prefix: / }, route: { cluster: ${name} } }`),
        }),
      ),
      names.map((name) => forwardProxyCluster(name, cache(name), ONE_REQUEST)),
    )
    const proxy = await startProxy(kind, yaml, ['-l', 'error', '--file-flush-interval-msec', '10'])
    return new Side(proxy, dns, [first, second])
  }

  get port(): number {
    return this.#backends[0].port
  }

  async ask(at: string, name: string): Promise<string> {
    const host = `${name}:${this.port}`
    const { status, body } = await httpRequest(`127.0.0.1:${this.proxy.port(at)}`, '/', 'GET', 5000, { host })
    return `${status} ${body}`
  }

  queriesOf(name: string): number {
    return this.dns.queries.filter((query) => query.name === name).length
  }

  /** Of a cache and of the members of its cluster. */
  async stats(at: string): Promise<Record<string, number>> {
    const wanted = `^(dns_cache.${at}.(host|num)|cluster.${at}.membership)`
    return Object.fromEntries(await this.proxy.stats(wanted))
  }

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + WAIT_MS
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`${this.proxy.kind}: waited in vain until ${what}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  async stop(): Promise<void> {
    await this.proxy.stop()
    await this.dns.stop()
    for (const backend of this.#backends) await backend.stop()
  }
}

let sides: Side[] = []
beforeAll(async () => {
  sides = await Promise.all(proxyPair().map((kind) => Side.start(kind)))
})
afterAll(() => Promise.all(sides.map((side) => side.stop())))

/** Has both proxies do the same, and compares what is seen of it. */
async function alike(script: (side: Side) => Promise<unknown>): Promise<void> {
  const [expected, seen] = await Promise.all(sides.map(script))
  expect(seen).toEqual(expected)
}

describe('DNS caches as time passes', () => {
  it('go to other addresses, and keep those that were good once', () =>
    alike(async (side) => {
      side.dns.set('a.test', { addresses: ['127.0.0.1'], ttlSeconds: 1 })
      const seen = [await side.ask('refreshed', 'a.test')]
      side.dns.set('a.test', { addresses: ['127.0.0.2'], ttlSeconds: 1 })
      await side.until(
        'the other backend answers',
        async () => (await side.ask('refreshed', 'a.test')) === '200 second',
      )
      for (const zone of [{ addresses: [] }, { responseCode: 'SERVFAIL' }, { responseCode: 'NXDOMAIN' }] as const) {
        side.dns.set('a.test', zone)
        const asked = side.queriesOf('a.test')
        await side.until('the name is looked up again', () => side.queriesOf('a.test') > asked + 1)
        seen.push(await side.ask('refreshed', 'a.test'))
      }
      return { seen, stats: await side.stats('refreshed') }
    }))

  it('forget hosts that nobody uses, and look them up anew', () =>
    alike(async (side) => {
      side.dns.set('b.test', { addresses: ['127.0.0.1'], ttlSeconds: 1 })
      const seen = [await side.ask('idle', 'b.test'), await side.ask('idle', 'none.test')]
      const removed = async () => (await side.stats('idle'))['dns_cache.idle.host_removed']
      await side.until('they are forgotten', async () => (await removed()) === 2)
      const between = await side.stats('idle')
      side.dns.set('none.test', { addresses: ['127.0.0.2'], ttlSeconds: 1 })
      seen.push(await side.ask('idle', 'none.test'), await side.ask('idle', 'b.test'))
      return { seen, between }
    }))

  it('try again what has failed, and not before its time', () =>
    alike(async (side) => {
      side.dns.set('c.test', { responseCode: 'SERVFAIL' })
      const seen = [await side.ask('retrying', 'c.test'), await side.ask('retrying', 'c.test')]
      side.dns.set('c.test', { addresses: ['127.0.0.1'] })
      await side.until('it is found', async () => (await side.ask('retrying', 'c.test')) === '200 first')
      return { seen, stats: await side.stats('retrying') }
    }))

  it('are told of by /clusters', () =>
    alike(async (side) => {
      side.dns.set('d.test', { addresses: ['127.0.0.1'] })
      side.dns.set('e.test', { addresses: ['127.0.0.1', '127.0.0.2'] })
      await side.ask('listed', 'd.test')
      await side.ask('listed', 'e.test')
      await side.ask('listed', 'e.test')
      await side.ask('listed', 'none.test')
      const { body } = await side.proxy.admin('/clusters?filter=^listed$')
      const lines = body.replaceAll(String(side.port), 'port').split('\n')
      // The order of hosts is free, and they come to and go from the same address.
      return lines.filter((line) => !line.includes('::cx_')).sort()
    }))

  it('are told of by the access log', () =>
    alike(async (side) => {
      side.dns.set('f.test', { addresses: ['127.0.0.2'] })
      await side.ask('listed', 'f.test')
      const log = () => readFileSync(join(side.proxy.folder, 'access.log'), 'latin1')
      await side.until('the line is there', () => log().includes('f.test'))
      const line =
        log()
          .split('\n')
          .find((each) => each.includes('f.test')) ?? ''
      return line.slice(line.indexOf('|')).replaceAll(String(side.port), 'port')
    }))
})
