/** A rate limit service that comes and goes, and filters that change while it is asked. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Server } from '../../../../src/server/server.ts'
import { bootstrap, httpFilter, httpListener, routes } from '../../../parity/yaml.ts'
import { start } from '../../../server/reload_support.ts'
import { portOf, statOf, until } from '../../../server/support.ts'
import { EchoBackend } from '../../../support/echo_backend.ts'
import { RateLimitService } from '../../../support/rate_limit_service.ts'
import { RawClient } from '../../../support/raw_client.ts'

const SERVICE =
  'timeout: 20s, failure_mode_deny: true, rate_limit_service: { transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: rls } } }'
/** The first call of a worker waits for a library to be loaded. */
const patienceMs = 20_000
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const cluster = (name: string, port: number, more = '') =>
  `- { name: ${name}, load_assignment: { cluster_name: ${name}, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } } ] } ] }${more} }`

async function startService(port = 0): Promise<RateLimitService> {
  const service = await RateLimitService.start(port)
  closers.push(() => service.stop())
  return service
}

/** A configuration for each domain. */
async function limitedBy(service: RateLimitService): Promise<(domain: string) => string> {
  const backend = await EchoBackend.start({
    onRequest: ({ connection }) => connection.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
  })
  closers.push(() => backend.stop())
  const clusters = [cluster('main', backend.port), cluster('rls', service.port, ', http2_protocol_options: {}')]
  const limited = routes(
    '- { match: { prefix: "/" }, route: { cluster: main, rate_limits: [ { actions: [ { generic_key: { descriptor_value: v } } ] } ] } }',
  )
  return (domain) => {
    const filters = httpFilter('ratelimit', 'RateLimit', `domain: ${domain}, ${SERVICE}`)
    const listener = httpListener({ name: 'main', filters, virtualHosts: limited })
    return bootstrap([listener], clusters).replaceAll('{{dir}}/access.log', '/dev/null')
  }
}

/** A request that has been sent, on a connection of its own. */
async function open(server: Server): Promise<RawClient> {
  const client = await RawClient.connect(portOf(server, 'main'))
  closers.push(() => client.close())
  client.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')
  return client
}

async function statusOf(client: RawClient): Promise<string> {
  await client.readUntil((text) => text.includes('\r\n\r\n'), patienceMs)
  return client.text.split(' ')[1]
}

describe('a rate limit service', () => {
  it('answers all requests that come while its first connection is made', async () => {
    const service = await startService()
    const { server } = await start((await limitedBy(service))('d'))
    const clients = await Promise.all(Array.from({ length: 40 }, () => open(server)))
    expect(new Set(await Promise.all(clients.map(statusOf)))).toEqual(new Set(['200']))
    expect(service.requests).toHaveLength(40)
    expect(statOf(server, 'cluster.main.ratelimit.ok')).toBe(40)
  })

  it('is asked again when it has come back', async () => {
    const service = await startService()
    const { server } = await start((await limitedBy(service))('d'))
    expect(await statusOf(await open(server))).toBe('200')
    service.stop()
    expect(await statusOf(await open(server))).toBe('500')
    expect(await statusOf(await open(server))).toBe('500')
    const again = await startService(service.port)
    again.script({ response: { overallCode: 'OVER_LIMIT' } })
    expect(await statusOf(await open(server))).toBe('429')
    expect(statOf(server, 'cluster.main.ratelimit.error')).toBe(2)
  })

  it('answers a request that waits for it while its filter is replaced', async () => {
    const service = await startService()
    const yaml = await limitedBy(service)
    const { server, reload } = await start(yaml('before'))
    const { promise: after, resolve: answer } = Promise.withResolvers<void>()
    service.script({ response: { overallCode: 'OVER_LIMIT' }, after })
    const waiting = await open(server)
    await until('the service is asked', () => service.requests.length === 1)
    expect((await reload(yaml('after'))).result).toBe('applied')
    answer()
    expect(await statusOf(waiting)).toBe('429')
    service.script()
    expect(await statusOf(await open(server))).toBe('200')
    expect(service.requests[0]).toContain('"domain":"after"')
  })

  it('is told nothing more of a request whose client has gone', async () => {
    const service = await startService()
    const { server } = await start((await limitedBy(service))('d'))
    service.script({ silent: true })
    const waiting = await open(server)
    await until('the service is asked', () => service.requests.length === 1)
    waiting.close()
    await until('the call is over', () => statOf(server, 'cluster.rls.upstream_rq_active') === 0)
    expect(statOf(server, 'cluster.rls.upstream_rq_tx_reset')).toBe(1)
    expect(statOf(server, 'cluster.main.ratelimit.error')).toBeUndefined()
  })
})
