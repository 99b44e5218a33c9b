/** The rate limit service of Envoy's own project, with Redis: the same limits for both proxies, over all workers of ours. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EchoBackend } from '../support/echo_backend.ts'
import { DEBIAN_INSTALL_TIMEOUT_MS } from '../support/ensure_debian_command.ts'
import { INSTALL_TIMEOUT_MS } from '../support/ensure_go_tool.ts'
import { httpRequest } from '../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'
import { ensureRedisRateLimits, RedisRateLimits } from '../support/redis_rate_limits.ts'

/** By the year, so that no window ends while a test runs. */
const limits = `
domain: test
descriptors:
  - key: user
    rate_limit: { name: each-user, unit: year, requests_per_unit: 3 }
  - key: user
    value: guest
    rate_limit: { unit: year, requests_per_unit: 1 }
  - key: path
    value: /cheap
  - key: path
    value: /dear
    rate_limit: { unit: year, requests_per_unit: 10 }
  - key: connection
    value: limited
    rate_limit: { unit: year, requests_per_unit: 2 }
  - key: connection
    value: free
    rate_limit: { unlimited: true }
`
const TYPE = 'type.googleapis.com/envoy.extensions.filters'
const SERVICE =
  'domain: test, timeout: 5s, failure_mode_deny: true, rate_limit_service: { transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: limits } } }'
const RATE_LIMIT = `{ "@type": ${TYPE}.http.ratelimit.v3.RateLimit, ${SERVICE}, enable_x_ratelimit_headers: DRAFT_VERSION_03, enable_retry_after_header: true }`
const DEAR = `{ "@type": ${TYPE}.http.ratelimit.v3.RateLimitPerRoute, rate_limits: [ { hits_addend: { number: 4 }, actions: [ { request_headers: { header_name: ":path", descriptor_key: path } } ] } ] }`
const USER = 'rate_limits: [ { actions: [ { request_headers: { header_name: x-user, descriptor_key: user } } ] } ]'
const chains = (filters: string) => `filter_chains: [ { filters: [ ${filters} ] } ]`
const http = `{ name: hcm, typed_config: { "@type": ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h,
  http_filters: [ { name: envoy.filters.http.ratelimit, typed_config: ${RATE_LIMIT} }, { name: r, typed_config: { "@type": ${TYPE}.http.router.v3.Router } } ],
  route_config: { virtual_hosts: [ { name: v, domains: ["*"], routes: [
    { match: { prefix: /dear }, route: { cluster: main }, typed_per_filter_config: { envoy.filters.http.ratelimit: ${DEAR} } },
    { match: { prefix: / }, route: { cluster: main, ${USER} } } ] } ] } } }`
const tcp = (value: string) =>
  `{ name: l, typed_config: { "@type": ${TYPE}.network.ratelimit.v3.RateLimit, stat_prefix: ${value}, ${SERVICE}, descriptors: [ { entries: [ { key: connection, value: ${value} } ] } ] } },
   { name: e, typed_config: { "@type": ${TYPE}.network.echo.v3.Echo } }`
const listener = (name: string, filters: string) =>
  `{ name: ${name}, address: { socket_address: { address: 127.0.0.1, port_value: 0 } }, ${chains(filters)} }`
const cluster = (name: string, port: number, more = '') =>
  `{ name: ${name}, load_assignment: { cluster_name: ${name}, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } } ] } ] }${more} }`

const kinds = ['nuncio', 'envoy'] as const
const closers: (() => Promise<unknown>)[] = []

interface Peers {
  readonly proxy: ProxyProcess
  readonly service: RedisRateLimits
}

async function startPeers(kind: ProxyKind, backendPort: number): Promise<Peers> {
  const service = await RedisRateLimits.start(limits)
  closers.push(() => service.stop())
  const yaml = `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners: [ ${listener('http', http)}, ${listener('limited', tcp('limited'))}, ${listener('free', tcp('free'))} ]
  clusters: [ ${cluster('main', backendPort)}, ${cluster('limits', service.port, ', http2_protocol_options: {}')} ]
`
  const proxy = await startProxy(kind, yaml, ['-l', 'error', '--concurrency', '2'])
  closers.push(() => proxy.stop())
  return { proxy, service }
}

describe('the rate limit service with Redis', () => {
  const peers = new Map<ProxyKind, Peers>()

  beforeAll(async () => {
    ensureRedisRateLimits()
    const backend = await EchoBackend.start()
    closers.push(() => backend.stop())
    for (const kind of kinds) peers.set(kind, await startPeers(kind, backend.port))
  }, INSTALL_TIMEOUT_MS + DEBIAN_INSTALL_TIMEOUT_MS)

  afterAll(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  /** Each on a connection of its own, which any worker may get: status, and what is told of the limit. */
  async function ask(kind: ProxyKind, path: string, user?: string): Promise<string> {
    const { proxy } = peers.get(kind)!
    const headers: Record<string, string> = user === undefined ? {} : { 'x-user': user }
    const answer = await httpRequest(`127.0.0.1:${proxy.port('http')}`, path, 'GET', 10_000, headers)
    const told = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-envoy-ratelimited'].map(
      (name) => answer.headers[name],
    )
    return [answer.status, ...told].join(' ')
  }

  describe.each(kinds)('asked by %s', (kind) => {
    it('lets as many requests of each user pass as it says', async () => {
      const seen = []
      for (const user of ['a', 'a', 'b', 'a', 'a', 'b', 'guest', 'guest']) seen.push(await ask(kind, '/', user))
      const policy = '3, 3;w=31536000;name="each-user"'
      expect(seen).toEqual([
        `200 ${policy} 2 `,
        `200 ${policy} 1 `,
        `200 ${policy} 2 `,
        `200 ${policy} 0 `,
        `429 ${policy} 0 true`,
        `200 ${policy} 1 `,
        '200 1, 1;w=31536000 0 ',
        '429 1, 1;w=31536000 0 true',
      ])
    })

    it('takes several hits at once, and nothing where there is no limit', async () => {
      const seen = []
      for (const path of ['/dear', '/dear', '/dear', '/none']) seen.push(await ask(kind, path))
      const policy = '10, 10;w=31536000'
      expect(seen).toEqual([`200 ${policy} 6 `, `200 ${policy} 2 `, `429 ${policy} 0 true`, '200   '])
    })

    it('lets as many connections in as it says', async () => {
      const { proxy } = peers.get(kind)!
      const seen = []
      for (const name of ['limited', 'limited', 'limited', 'free', 'free', 'free']) {
        const client = await RawClient.connect(proxy.port(name))
        client.write('x')
        await client.waitFor(() => client.text === 'x' || client.ended)
        seen.push(client.text)
        client.close()
      }
      expect(seen).toEqual(['x', 'x', '', 'x', 'x', 'x'])
      const stats = await proxy.stats('^ratelimit\\.limited\\.')
      expect(stats.get('ratelimit.limited.cx_closed')).toBe(1)
      expect(stats.get('ratelimit.limited.ok')).toBe(2)
    })

    it('is missed when it has gone', async () => {
      const { proxy, service } = peers.get(kind)!
      await service.stop()
      expect(await ask(kind, '/', 'b')).toBe('500   ')
      expect((await proxy.stats('^cluster.main.ratelimit.error$')).get('cluster.main.ratelimit.error')).toBe(1)
    })
  })
})
