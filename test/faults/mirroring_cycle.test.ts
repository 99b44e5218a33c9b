/** Clusters that mirror to themselves and to each other: each makes one copy of a request, and no copy of that. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../parity/yaml.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'
import { startFaultProxy, until } from './fault_proxy.ts'

let proxy: ProxyProcess
let backend: EchoBackend

const mirroring = (name: string, ...targets: string[]) =>
  cluster(
    name,
    http1Options(
      `explicit_http_config: { http_protocol_options: {} }\nrequest_mirror_policies: [ ${targets.map((each) => `{ cluster: ${each} }`).join(', ')} ]`,
    ),
    String(backend.port),
  )

beforeAll(async () => {
  backend = await EchoBackend.start()
  const names = ['self', 'left', 'ofroute', 'absent']
  const policy = 'request_mirror_policies: [ { cluster: left } ]'
  const route = (name: string) => (name === 'ofroute' ? `cluster: plain, ${policy}` : `cluster: ${name}`)
  const table = names.map((name) => `- { match: { prefix: "/${name}" }, route: { ${route(name)} } }\n`).join('')
  proxy = await startFaultProxy(
    bootstrap(
      [httpListener({ name: 'main', virtualHosts: routes(table) })],
      [
        mirroring('self', 'self'),
        mirroring('left', 'right'),
        mirroring('right', 'left'),
        mirroring('absent', 'nobody'),
        cluster('plain', '', String(backend.port)),
      ],
    ),
  )
})

afterAll(async () => {
  await proxy?.stop()
  await backend?.stop()
})

test.each([
  ['a cluster that mirrors to itself', '/self', ['a', 'a-shadow']],
  ['two that mirror to each other', '/left', ['a', 'a-shadow', 'a-shadow-shadow']],
  ['two whose first copy is of a route', '/ofroute', ['a', 'a-shadow', 'a-shadow-shadow', 'a-shadow-shadow-shadow']],
  ['a cluster that is not there', '/absent', ['a']],
])('%s', async (_, path, hosts) => {
  const from = backend.requests.length
  const before = await counted()
  const client = await RawClient.connect(proxy.port('main'))
  client.write(`POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\n\r\nbody`)
  await client.readUntil((text) => text.endsWith('ok'))
  client.close()
  await until('all copies are answered', async () => {
    const { copies, active } = await counted()
    return copies - before.copies === hosts.length - 1 && active === 0
  })
  const seen = backend.requests.slice(from)
  expect(seen.map(({ headers }) => headers.get('host')).sort()).toEqual(hosts)
  expect(new Set(seen.map(({ body }) => body))).toEqual(new Set(['body']))
})

async function counted(): Promise<{ copies: number; active: number }> {
  const stats = await proxy.stats('^(http.async-client.rq_total|cluster.*.upstream_rq_active)$')
  const active = [...stats].filter(([name]) => name.endsWith('active')).reduce((sum, [, value]) => sum + value, 0)
  return { copies: stats.get('http.async-client.rq_total') ?? 0, active }
}
