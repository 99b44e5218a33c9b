/** Health discovery (HDS) beside Envoy: the same hosts to check for each, with a management server and hosts of its own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../../support/proxy_process.ts'
import { HealthBackends } from '../../support/xds/health_backends.ts'
import {
  HealthDiscoveryServer,
  type HealthReport,
  type HealthStream,
} from '../../support/xds/health_discovery_server.ts'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import { checkedClusters, httpCheck } from './health_cases.ts'

const HTTP_OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const intervalMs = 100

interface Specifier {
  readonly clusterHealthChecks: readonly object[]
  readonly interval: number
}

/** One proxy, its management server, and hosts of its own. */
class Checking {
  readonly server: HealthDiscoveryServer
  readonly backends: HealthBackends
  readonly proxy: ProxyProcess

  constructor(server: HealthDiscoveryServer, backends: HealthBackends, proxy: ProxyProcess) {
    this.server = server
    this.backends = backends
    this.proxy = proxy
  }

  static async start(kind: ProxyKind, authority: CertificateAuthority): Promise<Checking> {
    const server = await HealthDiscoveryServer.start()
    const certificate = authority.issue({ name: `host_${kind}`, altNames: ['DNS:host.test'] })
    const backends = await HealthBackends.start(certificate)
    const checking = new Checking(
      server,
      backends,
      await startProxy(kind, bootstrap(server.port), ['-l', 'error', '--file-flush-interval-msec', '50']),
    )
    await server.until(() => server.streams.length > 0 && server.stream.reports.length > 0, 'the first request')
    return checking
  }

  /** Asks for these, and waits until they are as they should be. */
  async ask(names: readonly string[]): Promise<void> {
    this.server.stream.specify(this.specifier(names))
    const expected = JSON.stringify(Object.fromEntries(names.map((name) => [name, checkedClusters[name].health])))
    await this.server.until(() => JSON.stringify(this.health()) === expected, `${names.join(', ')}: ${this.proxy.kind}`)
  }

  /** Waits for so many answers more. */
  async reported(times: number): Promise<void> {
    const { reports } = this.server.stream
    const until = reports.length + times
    await this.server.until(() => reports.length >= until, `answers of ${this.proxy.kind}`)
  }

  /** All of it in one specifier, each a cluster with one host in a zone of its name. */
  specifier(names: readonly string[]): Specifier {
    const clusterHealthChecks = names.map((name) => {
      const { port, check, endpoint, cluster } = checkedClusters[name]
      const address = { socketAddress: { address: '127.0.0.1', portValue: port(this.backends) } }
      const endpoints = [{ address, ...endpoint?.(this.backends) }]
      const localityEndpoints = [{ locality: { region: 'here', zone: name }, endpoints }]
      return { clusterName: name, healthChecks: [check], localityEndpoints, ...cluster }
    })
    return { clusterHealthChecks, interval: intervalMs }
  }

  /** What was told last, by cluster. */
  health(): Record<string, string> {
    const told = this.server.health?.clusterEndpointsHealth ?? []
    return Object.fromEntries(
      told.map(({ clusterName, localityEndpointsHealth }) => {
        const places = localityEndpointsHealth.flatMap(({ endpointsHealth }) => endpointsHealth)
        return [clusterName, places.map(statusText).join(', ')]
      }),
    )
  }

  async stop(): Promise<void> {
    await this.proxy.stop()
    await this.server.stop()
    await this.backends.stop()
  }
}

type Told = NonNullable<HealthReport['endpointHealthResponse']>['endpointsHealth'][number]

function statusText({ healthStatus, healthMetadata }: Told): string {
  return [healthStatus, ...Object.values(healthMetadata ?? {})].join(' ')
}

function bootstrap(port: number): string {
  return `
node: { id: test-node, cluster: test-cluster, locality: { zone: z } }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
hds_config:
  api_type: GRPC
  transport_api_version: V3
  grpc_services: [ { envoy_grpc: { cluster_name: hds }, initial_metadata: [ { key: x-tenant, value: one } ] } ]
static_resources:
  clusters:
  - name: hds
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": ${HTTP_OPTIONS}
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: hds
      endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } } ] } ]
`
}

describe('health discovery', () => {
  const authority = new CertificateAuthority()
  let pair: Checking[] = []
  const names = Object.keys(checkedClusters)

  beforeAll(async () => {
    pair = await Promise.all(discoveryProxies.map((kind) => Checking.start(kind, authority)))
  }, 30_000)

  afterAll(async () => {
    await Promise.all(pair.map((each) => each.stop()))
    authority.remove()
  })

  it('begins with who asks, and what can be checked', () => {
    const [envoy, nuncio] = pair.map(({ server }) => server.stream.reports[0].healthCheckRequest)
    expect(nuncio?.capability).toEqual(envoy?.capability)
    expect(nuncio?.node?.id).toBe('test-node')
    expect(nuncio?.node?.locality).toEqual(envoy?.node?.locality)
    for (const { server } of pair) expect(server.stream.call.metadata['x-tenant']).toBe('one')
  })

  it('tells how hosts are, of every kind', async () => {
    const expected = Object.fromEntries(names.map((name) => [name, checkedClusters[name].health]))
    for (const each of pair) each.server.stream.specify(each.specifier(names))
    for (const each of pair) {
      const settled = () => names.every((name) => each.health()[name] === expected[name])
      await each.server.until(settled, `the health of all: ${each.proxy.kind}`, 15_000).catch(() => {})
      expect(each.health(), each.proxy.kind).toEqual(expected)
    }
  }, 40_000)

  it('tells it by cluster and locality, and as one list', () => {
    const [envoy, nuncio] = pair.map(({ server, backends }) => withoutPorts(server.health, backends))
    expect(nuncio).toEqual(envoy)
  })

  it('asks hosts in the same words', () => {
    const [envoy, nuncio] = pair.map(({ backends }) => backends.probes())
    expect(envoy.http.length).toBeGreaterThan(15)
    expect(envoy.http2.length).toBeGreaterThan(10)
    expect(nuncio).toEqual(envoy)
  })

  it('has the same stats, and the same of them move', async () => {
    const [envoy, nuncio] = await Promise.all(pair.map(({ proxy }) => clusterStats(proxy)))
    expect([...nuncio.keys()].sort()).toEqual([...envoy.keys()].sort())
    const moved = (stats: ReadonlyMap<string, number>) =>
      [...stats].filter(([, value]) => value > 0).map(([name]) => name)
    expect(moved(nuncio).sort()).toEqual(moved(envoy).sort())
    const exact = /health_check\.(healthy|degraded)$|total_match_count$/
    const values = (stats: ReadonlyMap<string, number>) => [...stats].filter(([name]) => exact.test(name)).sort()
    expect(values(nuncio)).toEqual(values(envoy))
  })

  it('goes on with what two specifiers have in common', async () => {
    await Promise.all(pair.map((each) => each.ask(['healthy', 'failing', 'pong', 'late'])))
    const kept = pair.map(({ backends }) => backends.http.connections.filter(({ ended }) => !ended).length)
    await Promise.all(pair.map((each) => each.ask(['connected', 'late', 'healthy'])))
    for (const [index, { server, backends, proxy }] of pair.entries()) {
      expect(Object.keys(pair[index].health()), proxy.kind).toEqual(['connected', 'late', 'healthy'])
      await backends.http.until(() => backends.http.connections.filter(({ ended }) => !ended).length <= kept[index])
      expect(server.health?.endpointsHealth.length).toBe(3)
    }
    const stats = await Promise.all(pair.map(({ proxy }) => proxy.stats('^cluster\\.(failing|pong)\\.')))
    expect(stats.map(({ size }) => size)).toEqual([0, 0])
  })

  it('begins anew where transport sockets are others', async () => {
    await Promise.all(pair.map((each) => each.ask(['tls'])))
    for (const each of pair) {
      const specifier = each.specifier(['tls'])
      const [cluster] = specifier.clusterHealthChecks as [{ transportSocketMatches?: unknown }]
      delete cluster.transportSocketMatches
      each.server.stream.specify(specifier)
      await each.server.until(() => each.health()['tls'] === 'UNHEALTHY', `no TLS any more: ${each.proxy.kind}`)
    }
  })

  it('asks from the address that it is told', async () => {
    for (const each of pair) {
      const { server, backends, proxy } = each
      const specifier = each.specifier(['healthy'])
      const [cluster] = specifier.clusterHealthChecks
      const upstreamBindConfig = { sourceAddress: { address: '127.0.0.2', portValue: 0 } }
      server.stream.specify({ ...specifier, clusterHealthChecks: [{ ...cluster, upstreamBindConfig }] })
      const bound = () => backends.http.connections.some(({ socket }) => socket.remoteAddress === '127.0.0.2')
      await backends.http.until(bound).catch(() => {})
      expect(bound(), proxy.kind).toBe(true)
    }
  })

  it('tells only once that it is asked for what it does', async () => {
    await Promise.all(pair.map((each) => each.ask(['healthy'])))
    const before = await Promise.all(pair.map(hdsStats))
    for (const each of pair) each.server.stream.specify(each.specifier(['healthy']))
    await Promise.all(pair.map((each) => each.reported(2)))
    const after = await Promise.all(pair.map(hdsStats))
    for (const [index] of pair.entries()) {
      expect(after[index].updates).toBe(before[index].updates)
      expect(after[index].requests).toBe(before[index].requests + 1)
    }
  })

  it('keeps to what it had where a specifier is not valid', async () => {
    await Promise.all(pair.map((each) => each.ask(['healthy'])))
    const before = await Promise.all(pair.map(hdsStats))
    for (const { server } of pair)
      server.stream.specify({ clusterHealthChecks: [{ clusterName: 'x', healthChecks: [{ interval: 10 }] }] })
    await Promise.all(pair.map((each) => each.reported(2)))
    const after = await Promise.all(pair.map(hdsStats))
    for (const [index, each] of pair.entries()) {
      expect(each.health()).toEqual({ healthy: 'HEALTHY 200' })
      expect(after[index].errors).toBe(before[index].errors + 1)
      expect(after[index].updates).toBe(before[index].updates)
    }
  })

  it('writes what becomes of a host into files', async () => {
    const events = await Promise.all(pair.map((each) => turningEvents(each)))
    expect(events[0].length).toBeGreaterThan(8)
    expect(events[1]).toEqual(events[0])
  })

  it('has names once, and any number of clusters without one', async () => {
    for (const each of pair) {
      const { clusterHealthChecks } = each.specifier(['healthy', 'failing', 'healthy'])
      const nameless = clusterHealthChecks.map((cluster) => ({ ...cluster, clusterName: '' }))
      each.server.stream.specify({ clusterHealthChecks: [...clusterHealthChecks, ...nameless], interval: intervalMs })
      const told = () => each.server.health?.clusterEndpointsHealth.map(({ clusterName }) => clusterName).join()
      await each.server.until(() => told() === 'healthy,failing,,,', `all clusters: ${each.proxy.kind}`)
    }
    const asked = ({ backends }: Checking) => backends.probes().http.filter((head) => head.includes('host: \r\n'))
    await Promise.all(
      pair.map(({ backends }) =>
        backends.http.until(() => backends.probes().http.filter((head) => head.includes('host: \r\n')).length === 2),
      ),
    )
    expect(asked(pair[1])).toEqual(asked(pair[0]))
  })

  it.each([
    { how: 'ends', break: (stream: HealthStream) => stream.call.end() },
    { how: 'fails', break: (stream: HealthStream) => stream.call.fail(status.UNAVAILABLE, 'later') },
    { how: 'brings nonsense', break: (stream: HealthStream) => stream.call.respondBytes(Buffer.from([0x0a, 0xff])) },
  ])(
    'goes on with its checks when the stream $how, and asks again',
    async ({ break: act }) => {
      await Promise.all(pair.map((each) => each.ask(['healthy'])))
      const before = await Promise.all(pair.map(hdsStats))
      const streams = pair.map(({ server }) => server.streams.length)
      for (const { server } of pair) act(server.stream)
      for (const [index, { server, backends }] of pair.entries()) {
        const checks = backends.http.requests.length
        await backends.http.until(() => backends.http.requests.length >= checks + 2)
        await server.until(
          () => server.streams.length > streams[index] && server.stream.reports.length > 0,
          'another stream',
        )
        expect(server.stream.reports[0].healthCheckRequest?.node?.id).toBe('test-node')
      }
      // What is said on the new stream counts, though it is what was said on the old one.
      await Promise.all(pair.map((each) => each.ask(['healthy'])))
      const after = await Promise.all(pair.map(hdsStats))
      for (const [index] of pair.entries()) {
        expect(after[index].errors).toBe(before[index].errors + 1)
        expect(after[index].updates).toBe(before[index].updates + 1)
      }
    },
    20_000,
  )
})

/** A host that fails and recovers, becomes degraded and is late. */
async function turningEvents(to: Checking): Promise<string[]> {
  const [file, sink] = ['events', 'more_events'].map((name) => join(to.proxy.folder, name))
  const typeUrl = 'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink'
  const check = {
    ...httpCheck('/turning'),
    timeout: 1000,
    noTrafficInterval: 50,
    eventLogPath: file,
    eventLogger: [{ name: 'file', typedConfig: { typeUrl, value: { eventLogPath: sink } } }],
    alwaysLogHealthCheckFailures: true,
    alwaysLogHealthCheckSuccess: true,
  }
  const specifier = to.specifier(['healthy'])
  to.backends.turn = '/fail'
  to.server.stream.specify({
    ...specifier,
    clusterHealthChecks: specifier.clusterHealthChecks.map((cluster) => ({ ...cluster, healthChecks: [check] })),
  })
  for (const [turn, health] of [
    ['/fail', 'UNHEALTHY 500'],
    ['/ok', 'HEALTHY 200'],
    ['/unavailable', 'UNHEALTHY 503'],
    ['/ok', 'HEALTHY 200'],
    ['/degraded', 'UNHEALTHY 200'],
    ['/ok', 'HEALTHY 200'],
    ['/hang', 'TIMEOUT'],
  ]) {
    to.backends.turn = turn
    const { requests } = to.backends.http
    const enough = requests.length + 4
    await to.backends.http.until(() => requests.length >= enough)
    await to.server.until(() => to.health()['healthy'] === health, `${health} of ${turn}: ${to.proxy.kind}`)
  }
  const read = () => normalizedEvents(readFileSync(file, 'utf8'))
  // Before the last, that it was ejected.
  await expect.poll(() => read().at(-2), { timeout: 5000 }).toContain('{"failure_type":"NETWORK_TIMEOUT","http_')
  await expect.poll(() => normalizedEvents(readFileSync(sink, 'utf8'))).toEqual(read())
  return read()
}

/** How often the same is said goes by time. */
function normalizedEvents(text: string): string[] {
  const lines = text.trimEnd().split('\n')
  const plain = lines.map((line) => line.replace(/"port_value":\d+/, '"port_value":0').replace(/\d{4}-[^"]+Z/, 'then'))
  return plain.filter((line, index) => line !== plain[index - 1])
}

async function clusterStats(proxy: ProxyProcess): Promise<Map<string, number>> {
  const stats = await proxy.stats('^cluster\\.')
  // What HTTP/2 and TLS count of their own goes by chance and by library.
  for (const name of stats.keys()) if (/\.(http2|ssl)\.|^cluster\.hds\./.test(name)) stats.delete(name)
  return stats
}

async function hdsStats({ proxy }: Checking): Promise<Record<'errors' | 'requests' | 'responses' | 'updates', number>> {
  const stats = await proxy.stats('^hds_delegate\\.')
  expect([...stats.keys()].sort()).toEqual(
    ['errors', 'requests', 'responses', 'updates'].map((name) => `hds_delegate.${name}`),
  )
  const of = (name: string) => stats.get(`hds_delegate.${name}`) ?? -1
  return { errors: of('errors'), requests: of('requests'), responses: of('responses'), updates: of('updates') }
}

/** Ports are each proxy's own. */
function withoutPorts(health: object | undefined, { http, tls, http2, tcp, rudePort, refusedPort }: HealthBackends) {
  const all: [number, string][] = [
    [http.port, 'http'],
    [tls.port, 'tls'],
    [http2.port, 'http2'],
    [tcp.port, 'tcp'],
    [rudePort, 'rude'],
    [refusedPort, 'refused'],
  ]
  return JSON.parse(
    JSON.stringify(health, (key, value: unknown) =>
      key === 'portValue' ? (all.find(([port]) => port === value)?.[1] ?? value) : value,
    ),
  ) as unknown
}
