/** One DNS cache over two workers: a name is looked up once for both, and stays as long as one of them uses it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Server } from '../../../src/server/server.ts'
import { cacheConfig, forwardProxyCluster } from '../../parity/http_filters/forward_proxy_yaml.ts'
import { bootstrap, httpFilter, httpListener } from '../../parity/yaml.ts'
import { start as startFile } from '../../server/reload_support.ts'
import { portOf, startServer, statOf, until } from '../../server/support.ts'
import { DnsServer } from '../../support/dns_server.ts'
import { EchoBackend } from '../../support/echo_backend.ts'
import { RawClient } from '../../support/raw_client.ts'

let server: Server
let dns: DnsServer
let backend: EchoBackend

beforeEach(async () => {
  dns = await DnsServer.start()
  backend = await EchoBackend.start({}, '127.0.0.1')
})
afterEach(async () => {
  await server.stop()
  await dns.stop()
  await backend.stop()
})

function yamlOf(more = ''): string {
  const cache = cacheConfig('hosts', dns.port, more)
  const listeners = ['filtered', 'bare'].map((name) =>
    httpListener({
      name,
      filters: name === 'bare' ? '' : httpFilter('dynamic_forward_proxy', 'FilterConfig', cache),
      virtualHosts:
        '- { name: all, domains: ["*"], routes: [ { match: { prefix: / }, route: { cluster: proxied } } ] }',
    }),
  )
  return bootstrap(listeners, [forwardProxyCluster('proxied', cache)]).replaceAll('{{dir}}/access.log', '/dev/null')
}

async function start(more = ''): Promise<void> {
  server = await startServer(yamlOf(more), '--concurrency', '2')
}

/** The statuses of as many requests for a host, each on a connection of its own; the kernel spreads them over the workers. */
async function statuses(count: number, host: string, listener = 'filtered'): Promise<number[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const client = await RawClient.connect(portOf(server, listener))
      client.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
      await client.readUntil((text) => text.includes('\r\n\r\n'))
      client.close()
      return Number(client.text.split(' ')[1])
    }),
  )
}

const statusesOf = (all: readonly number[]) => [...new Set(all)]
const stat = (name: string) => statOf(server, `dns_cache.hosts.${name}`)

describe('a DNS cache of a file that is read again', () => {
  it('is used on, and another one of its name refused', async () => {
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    const host = `a.test:${backend.port}`
    const running = await startFile(yamlOf())
    server = running.server
    expect(statusesOf(await statuses(4, host))).toEqual([200])
    expect(await running.reload(yamlOf().replaceAll('connect_timeout: 1s', 'connect_timeout: 2s'))).toMatchObject({
      result: 'applied',
    })
    expect(statusesOf(await statuses(4, host))).toEqual([200])
    expect(dns.queries).toHaveLength(1)
    const { result, issues } = await running.reload(yamlOf(', max_hosts: 7'))
    expect(result).toBe('refused')
    expect(issues[0].message).toBe("config specified DNS cache 'hosts' with different settings")
    expect(statusesOf(await statuses(4, host))).toEqual([200])
  })
})

describe('a DNS cache over two workers', () => {
  it.each(['filtered', 'bare'])('has a name looked up once for all who ask at the same time (%s)', async (listener) => {
    await start()
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    const host = `a.test:${backend.port}`
    expect(statusesOf(await statuses(40, host, listener))).toEqual([200])
    expect(dns.queries).toHaveLength(1)
    expect(stat('dns_query_attempt')).toBe(1)
    // Those that did not ask know it, too.
    expect(statusesOf(await statuses(40, host, listener))).toEqual([200])
    expect(dns.queries).toHaveLength(1)
    expect(stat('host_added')).toBe(1)
  })

  it('lets no more requests wait than it may', async () => {
    await start(', dns_cache_circuit_breaker: { max_pending_requests: 5 }, dns_query_timeout: 2s')
    dns.set('silent.test', { silent: true })
    const waiting = statuses(9, 'silent.test')
    await until('the others are turned down', () => stat('dns_rq_pending_overflow') === 4)
    server.refreshServerStats()
    expect(stat('circuit_breakers.rq_pending_open')).toBe(1)
    expect(stat('circuit_breakers.rq_pending_remaining')).toBe(0)
    expect(await waiting).toEqual(Array.from({ length: 9 }, () => 503))
    server.refreshServerStats()
    expect(stat('circuit_breakers.rq_pending_open')).toBe(0)
    expect(stat('circuit_breakers.rq_pending_remaining')).toBe(5)
  })

  it('is known to a worker that takes the place of one that died', async () => {
    await start()
    dns.set('a.test', { addresses: ['127.0.0.1'] })
    const host = `a.test:${backend.port}`
    expect(statusesOf(await statuses(10, host, 'bare'))).toEqual([200])
    const [pid] = server.workerPids()
    process.kill(pid, 'SIGKILL')
    await until('the worker is replaced', () => server.workerPids()[0] !== pid && server.workerPids().length === 2)
    dns.delete('a.test')
    expect(statusesOf(await statuses(40, host, 'bare'))).toEqual([200])
    expect(dns.queries).toHaveLength(1)
  })

  it('keeps a host that one worker uses, and forgets one that none does', async () => {
    await start(', dns_min_refresh_rate: 1s, host_ttl: 1s')
    dns.set('used.test', { addresses: ['127.0.0.1'], ttlSeconds: 1 })
    dns.set('idle.test', { addresses: ['127.0.0.1'], ttlSeconds: 1 })
    const client = await RawClient.connect(portOf(server, 'filtered'))
    let asked = 0
    const ask = async (): Promise<void> => {
      asked += 1
      client.write(`GET / HTTP/1.1\r\nhost: used.test:${backend.port}\r\n\r\n`)
      await client.readUntil((text) => text.split('HTTP/1.1 200').length > asked)
    }
    await ask()
    expect(statusesOf(await statuses(4, `idle.test:${backend.port}`))).toEqual([200])
    const lookedUp = (name: string) => dns.queries.filter((query) => query.name === name).length
    await until('the used host is looked up four times', async () => {
      await ask()
      return lookedUp('used.test') >= 4
    })
    client.close()
    expect(stat('host_removed')).toBe(1)
    expect(stat('num_hosts')).toBe(1)
    expect(statOf(server, 'cluster.proxied.membership_total')).toBe(1)
    await until('nobody uses it any more', () => stat('host_removed') === 2)
    expect(stat('num_hosts')).toBe(0)
    expect(statOf(server, 'cluster.proxied.membership_total')).toBe(0)
  })
})
