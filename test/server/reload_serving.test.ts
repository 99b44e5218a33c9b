// What a reload changes while requests are served: secrets, access logs, clusters; and what discovery has brought stays.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server as HttpServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { DnsServer } from '../support/dns_server.ts'
import { httpRequest } from '../support/http_get.ts'
import { RawClient } from '../support/raw_client.ts'
import { caresYaml } from '../upstream/support.ts'
import { adsBootstrap, planeWithOneService } from './discovery_support.ts'
import { get, start, stops } from './reload_support.ts'
import { portOf, until } from './support.ts'
import { ca, pair, request, TLS } from './tls_support.ts'

const types = 'type.googleapis.com/envoy.extensions'

interface Served {
  readonly route: object
  /** Further fields of the connection manager, and of the listener. */
  readonly manager?: object
  readonly chain?: object
}

/** On a free port. */
function httpListener({ route, manager, chain }: Served): object {
  const config = {
    '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 's',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }] },
    http_filters: [{ name: 'router', typed_config: { '@type': `${types}.filters.http.router.v3.Router` } }],
    ...manager,
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  return { name: 'l', address, filter_chains: [{ filters: [{ name: 'http', typed_config: config }], ...chain }] }
}

function endpointsAt(name: string, address: string, port: number): object {
  const endpoint = { address: { socket_address: { address, port_value: port } } }
  return { load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] } }
}

const cluster = (name: string, port: number, more: object = {}): object => ({
  name,
  ...endpointsAt(name, '127.0.0.1', port),
  ...more,
})
const toCluster = (name: string): Served => ({ route: { route: { cluster: name } } })
const answered = { direct_response: { status: 200, body: { inline_string: 'ok' } } }
const yamlOf = (staticResources: object): string => JSON.stringify({ static_resources: staticResources })

/** Answers with its name; requests for /held are kept until they are answered by the test. */
class NamedBackend {
  readonly held: ServerResponse[] = []
  readonly #server: HttpServer

  private constructor(name: string) {
    this.#server = createServer((incoming, response) => {
      if (incoming.url === '/held') this.held.push(response)
      else response.end(name)
    })
  }

  static async start(name: string): Promise<NamedBackend> {
    const backend = new NamedBackend(name)
    backend.#server.listen(0, '127.0.0.1')
    await once(backend.#server, 'listening')
    stops.push(() => backend.#server.closeAllConnections())
    stops.push(() => backend.#server.close())
    return backend
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }
}

describe('a reload', () => {
  test('changes the certificate that is served, from secrets of the file', async () => {
    const yaml = (issued: ReturnType<typeof ca.issue>): string => {
      const common = { tls_certificate_sds_secret_configs: [{ name: 'server' }] }
      const tls = { '@type': `${TLS}.DownstreamTlsContext`, common_tls_context: common }
      const chain = { transport_socket: { name: 'tls', typed_config: tls } }
      return yamlOf({
        listeners: [httpListener({ route: answered, chain })],
        secrets: [{ name: 'server', tls_certificate: pair(issued) }],
      })
    }
    const [one, two] = ['one', 'two'].map((name) => yaml(ca.issue({ name, altNames: ['DNS:a.test'] })))
    const { server, reload } = await start(one)
    const port = portOf(server, 'l')
    expect((await request(port)).subject).toBe('CN=one')
    const { result, plan } = await reload(two)
    expect([result, plan?.secrets, plan?.listeners.modified.size]).toEqual(['applied', true, 0])
    // So many that both workers are among those who answer.
    for (let i = 0; i < 16; i++) expect((await request(port)).subject).toBe('CN=two')
    const unusable = two.replace(/"private_key":\{[^}]*\}/, '"private_key":{"inline_string":"no key"}')
    expect((await reload(unusable)).result).toBe('refused')
    expect((await request(port)).subject).toBe('CN=two')
  })

  test('writes to another access log', async () => {
    const yaml = (path: string): string => {
      const log = { '@type': `${types}.access_loggers.file.v3.FileAccessLog`, path }
      const manager = { access_log: [{ name: 'file', typed_config: log }] }
      return yamlOf({ listeners: [httpListener({ route: answered, manager })] })
    }
    const { server, folder, reload } = await start(yaml('/dev/null'), '--file-flush-interval-msec', '20')
    const path = `${folder.path}/second.log`
    expect((await reload(yaml(path))).result).toBe('applied')
    await get(server, 'l')
    await until('the line is written', () => readFileSync(path, 'utf8').includes('"GET / HTTP/1.1" 200'))
    const refused = await reload(yaml(`${folder.path}/nowhere/third.log`))
    expect(refused.issues[0].message).toContain('unable to open file')
    expect(await get(server, 'l')).toBe('ok')
  })

  test('changes a cluster, and lets requests that run on it end', async () => {
    const backend = await NamedBackend.start('backend')
    const yaml = (seconds: number): string =>
      yamlOf({
        listeners: [httpListener(toCluster('c'))],
        clusters: [cluster('c', backend.port, { connect_timeout: `${seconds}s` })],
      })
    const { server, reload } = await start(yaml(1))
    const address = `127.0.0.1:${portOf(server, 'l')}`
    const running = httpRequest(address, '/held')
    await until('the request is at the backend', () => backend.held.length === 1)
    const { plan } = await reload(yaml(2))
    expect([...(plan?.clusters.modified.keys() ?? [])]).toEqual(['c'])
    expect(await get(server, 'l')).toBe('backend')
    backend.held[0].end('late')
    expect(await running).toMatchObject({ status: 200, body: 'late' })
  })

  test('takes a cluster away when the connections whose routes name it have drained', async () => {
    const [one, two] = [await NamedBackend.start('one'), await NamedBackend.start('two')]
    const yaml = (name: string, port: number): string =>
      yamlOf({ listeners: [httpListener(toCluster(name))], clusters: [cluster(name, port)] })
    const { server, reload } = await start(yaml('c1', one.port), '--drain-time-s', '2')
    const client = await RawClient.connect(portOf(server, 'l'))
    stops.push(() => client.close())
    const ask = async (): Promise<string> => {
      const from = client.text.length
      client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
      return (await client.readUntil((text) => /(one|two)(\r\n0\r\n\r\n)?$/.test(text.slice(from)))).slice(from)
    }
    expect(await ask()).toContain('one')
    const { plan } = await reload(yaml('c2', two.port))
    expect(plan?.clusters.removed).toEqual(['c1'])
    expect(await get(server, 'l')).toBe('two')
    expect(await ask()).toMatch(/^HTTP\/1.1 200 OK[\s\S]*one/)
    expect((await server.reload(false)).result).toBe('unchanged')
    await until('the cluster is gone', () => server.clusterManager.get('c1') === undefined)
    expect(await get(server, 'l')).toBe('two')
  })

  test('that brings a cluster back in time keeps it', async () => {
    const backend = await NamedBackend.start('backend')
    const listeners = [httpListener(toCluster('c'))]
    const yaml = (...names: readonly string[]): string =>
      yamlOf({ listeners, clusters: names.map((name) => cluster(name, backend.port)) })
    const { server, reload } = await start(yaml('c', 'kept', 'gone'), '--drain-time-s', '1')
    await reload(yaml('c', 'gone'))
    expect([...((await reload(yaml('c', 'kept'))).plan?.clusters.added.keys() ?? [])]).toEqual(['kept'])
    // This one's time is over later than that of the other would have been.
    await until('the other is gone', () => server.clusterManager.get('gone') === undefined)
    expect(server.clusterManager.get('kept')).toBeDefined()
  })

  test('serves from the old cluster until the new one knows its hosts', async () => {
    const dns = await DnsServer.start()
    stops.push(() => dns.stop())
    dns.set('new.test', { silent: true })
    const [one, two] = [await NamedBackend.start('one'), await NamedBackend.start('two')]
    const listeners = [httpListener(toCluster('c'))]
    const resolver = caresYaml(dns.port, ', query_timeout_seconds: 1, query_tries: 8')
    const named = {
      name: 'c',
      type: 'STRICT_DNS',
      dns_lookup_family: 'V4_ONLY',
      typed_dns_resolver_config: 'RESOLVER',
      ...endpointsAt('c', 'new.test', two.port),
    }
    const { server, reload } = await start(yamlOf({ listeners, clusters: [cluster('c', one.port)] }))
    const report = reload(yamlOf({ listeners, clusters: [named] }).replace('"RESOLVER"', resolver))
    await dns.queried(1)
    expect(await get(server, 'l')).toBe('one')
    expect([...server.live.clusters.warming()].map(({ view }) => view.name)).toEqual(['c'])
    dns.set('new.test', { addresses: ['127.0.0.1'] })
    expect((await report).result).toBe('applied')
    expect(await get(server, 'l')).toBe('two')
  })

  test('leaves what discovery has brought', async () => {
    const backend = await NamedBackend.start('backend')
    const plane = await planeWithOneService(backend.port)
    stops.push(() => plane.stop())
    const yaml = adsBootstrap(plane.port)
    const { server, reload } = await start(yaml)
    expect(await get(server, 'l')).toBe('backend')
    const client = await RawClient.connect(portOf(server, 'l'))
    stops.push(() => client.close())
    const more = JSON.parse(yaml)
    more.static_resources.clusters.push(cluster('added', backend.port))
    more.dynamic_resources.cds_config.initial_fetch_timeout = '3s'
    const requests = plane.requests.length
    const { plan } = await reload(JSON.stringify(more))
    expect([...(plan?.clusters.added.keys() ?? [])]).toEqual(['added'])
    expect([plan?.clusters.removed, plan?.listeners.removed]).toEqual([[], []])
    expect(plan?.needsRestart).toEqual(['dynamic_resources'])
    client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
    expect(await client.readUntil((text) => text.includes('backend'))).not.toContain('connection: close')
    expect(plane.requests.length).toBe(requests)
    expect(server.clusterManager.get('added')).toBeDefined()
    expect(server.clusterManager.get('c')).toBeDefined()
  })
})
