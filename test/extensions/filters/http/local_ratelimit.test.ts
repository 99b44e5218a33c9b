/** Buckets over two workers: as many requests pass as there are tokens, whoever serves them. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Server } from '../../../../src/server/server.ts'
import { bootstrap, httpFilter, httpListener, indent } from '../../../parity/yaml.ts'
import { portOf, startServer, statOf, TestFolder, until } from '../../../server/support.ts'
import { RawClient } from '../../../support/raw_client.ts'

let server: Server
afterEach(() => server.stop())

const TYPE = '"@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'
const ON =
  'stat_prefix: rl, filter_enabled: { default_value: { numerator: 100 } }, filter_enforced: { default_value: { numerator: 100 } }'
const bucket = (tokens: number) => `token_bucket: { max_tokens: ${tokens}, fill_interval: 100000s }`
const byUser = 'rate_limits: [ { actions: [ { request_headers: { header_name: x-user, descriptor_key: user } } ] } ]'
const anyUser = (tokens: number) => `descriptors: [ { entries: [ { key: user } ], ${bucket(tokens)} } ]`

/** A listener that answers by itself, with `filter` for all and `ofRoute` on the route /r. */
function listener(name: string, filter: string, ofRoute = ''): string {
  const settings = `typed_per_filter_config: { envoy.filters.http.local_ratelimit: { ${TYPE}, ${ofRoute} } }`
  const answer = 'direct_response: { status: 200 }'
  const more = ofRoute === '' ? '' : `, ${settings}`
  const routes = `- { match: { prefix: "/r" }, ${answer}${more} }\n- { match: { prefix: "/" }, ${answer} }`
  return httpListener({
    name,
    filters: httpFilter('local_ratelimit', 'LocalRateLimit', filter),
    virtualHosts: `- name: all\n  domains: ["*"]\n  routes:\n${indent(routes, 2)}`,
  })
}

async function start(listeners: readonly string[], clusters: readonly string[] = [], more = ''): Promise<void> {
  const yaml = bootstrap(listeners, clusters, more).replaceAll('{{dir}}/access.log', '/dev/null')
  server = await startServer(yaml, '--concurrency', '2')
}

/** The statuses of as many requests, each on a connection of its own, all at once; the kernel spreads them over the workers. */
async function statuses(count: number, path = '/', at = 'main', ...fields: string[]): Promise<number[]> {
  const head = `GET ${path} HTTP/1.1\r\nhost: a.test\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const client = await RawClient.connect(portOf(server, at))
      client.write(head)
      await client.readUntil((text) => text.includes('\r\n\r\n'))
      client.close()
      return Number(client.text.split(' ')[1])
    }),
  )
}

const passed = (all: readonly number[]) => all.filter((status) => status === 200).length

describe('local rate limits over two workers', () => {
  it('let as many requests through as the bucket holds', async () => {
    await start([listener('main', `${ON}, ${bucket(17)}`)])
    const all = await statuses(60)
    expect(passed(all)).toBe(17)
    expect(all.filter((status) => status === 429)).toHaveLength(43)
    expect(statOf(server, 'rl.http_local_rate_limit.ok')).toBe(17)
    expect(statOf(server, 'rl.http_local_rate_limit.enforced')).toBe(43)
  })

  it('keep a bucket for the settings of a route, and one for each value of a descriptor', async () => {
    const limits = `${ON}, ${bucket(1000)}, ${byUser}, ${anyUser(5)}, max_dynamic_descriptors: 3`
    await start([listener('main', limits, `${ON}, ${bucket(9)}`)])
    expect(passed(await statuses(30, '/r'))).toBe(9)
    const users = ['x-user: a', 'x-user: b', 'x-user: c']
    const counts = await Promise.all(users.map((user) => statuses(20, '/', 'main', user)))
    expect(counts.map(passed)).toEqual([5, 5, 5])
    // The value that was met longest ago makes room, and begins anew when it comes again.
    expect(passed(await statuses(8, '/', 'main', 'x-user: c'))).toBe(0)
    expect(passed(await statuses(8, '/', 'main', 'x-user: b'))).toBe(0)
    expect(passed(await statuses(8, '/', 'main', 'x-user: d'))).toBe(5)
    expect(passed(await statuses(8, '/', 'main', 'x-user: b'))).toBe(0)
    expect(passed(await statuses(8, '/', 'main', 'x-user: a'))).toBe(5)
  })

  it('are the same for all listeners whose routes come by the same discovery', async () => {
    using folder = new TestFolder()
    const routes = (more: string) => `resources:
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: found
  virtual_hosts:
  - name: all
    domains: ["*"]
    routes:
    - { match: { prefix: "/" }, direct_response: { status: 200 }, typed_per_filter_config: { envoy.filters.http.local_ratelimit: { ${TYPE}, ${ON}, ${more} } } }
`
    const path = folder.file('routes.yaml', routes(bucket(7)))
    const found = `rds: { route_config_name: found, config_source: { path_config_source: { path: ${path} } } }`
    const discovered = (name: string) => listener(name, ON).replace(/route_config:\n[\s\S]*/, `${found}\n`)
    await start([discovered('main'), discovered('other')])
    const [main, other] = await Promise.all([statuses(10), statuses(10, '/', 'other')])
    expect(passed(main) + passed(other)).toBe(7)
    folder.file('next.yaml', routes(bucket(4)))
    renameSync(join(folder.path, 'next.yaml'), path)
    await until('the new limit is there', async () => passed(await statuses(1)) === 1)
    expect(passed(await statuses(10, '/', 'other'))).toBe(3)
  })

  it('take the share of this proxy in its cluster', async () => {
    const endpoint = (port: number) =>
      `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`
    const members = `{ name: own, load_assignment: { cluster_name: own, endpoints: [ { lb_endpoints: [ ${[1, 2, 3, 4].map(endpoint).join(', ')} ] } ] } }`
    await start(
      [listener('main', `${ON}, ${bucket(40)}, local_cluster_rate_limit: {}`)],
      [`- ${members}`],
      'cluster_manager: { local_cluster_name: own }',
    )
    expect(passed(await statuses(30))).toBe(10)
  })

  it('outlive a worker', async () => {
    await start([listener('main', `${ON}, ${bucket(6)}`)])
    expect(passed(await statuses(4))).toBe(4)
    const [worker] = server.workerPids()
    process.kill(worker, 'SIGKILL')
    await until('the worker is replaced', () => server.workerPids()[0] !== worker)
    expect(passed(await statuses(12))).toBe(2)
  })
})
