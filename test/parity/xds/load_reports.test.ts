/** Load reports (LRS) beside Envoy: the same requests, told to a management server of each proxy's own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EchoBackend } from '../../support/echo_backend.ts'
import { httpRequest } from '../../support/http_get.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../../support/proxy_process.ts'
import { LoadReportServer, type LoadStatsRequest } from '../../support/xds/load_report_server.ts'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import { httpListener } from '../../support/xds/samples.ts'

const HTTP_OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const intervalMs = 200
const names = ['plain', 'places', 'dropping', 'dropping_half', 'full', 'metrics', 'eds']

let folder: string
let backend: EchoBackend
let second: EchoBackend
/** Requests that wait for an answer. */
let waiting: (() => void)[] = []

/** One proxy and its management server. */
class Reporting {
  readonly server: LoadReportServer
  readonly proxy: ProxyProcess

  constructor(server: LoadReportServer, proxy: ProxyProcess) {
    this.server = server
    this.proxy = proxy
  }

  static async start(kind: ProxyKind): Promise<Reporting> {
    const server = await LoadReportServer.start()
    const proxy = await startProxy(kind, bootstrap(server.port), ['-l', 'error', '--concurrency', '2'])
    return new Reporting(server, proxy)
  }

  async stop(): Promise<void> {
    await this.proxy.stop()
    await this.server.stop()
  }

  async ask(cluster: string, path = '/', headers: Record<string, string> = {}): Promise<number> {
    const answer = await httpRequest(`127.0.0.1:${this.proxy.port('main')}`, path, 'GET', 5000, {
      'x-cluster': cluster,
      ...headers,
    })
    return answer.status
  }

  /** Asks for reports, and waits until the clusters are watched. */
  async watch(clusters: readonly string[], more: object = {}): Promise<void> {
    const { requests } = this.server
    this.server.streams.at(-1)!.respond({ clusters: [...clusters], loadReportingInterval: intervalMs, ...more })
    const watched = () => {
      const last = this.server.requests.slice(requests.length + 1).at(-1)
      return clusters.every((name) => last?.clusterStats.some(({ clusterName }) => clusterName === name) === true)
    }
    await this.server.until(watched, `reports of ${clusters.join(', ')}`)
  }

  /** What all reports from `from` on say of a cluster, when `enough` of it has come. */
  async sum(cluster: string, from: number, enough: (sum: Sum) => boolean): Promise<Sum> {
    await this.server.until(
      () => enough(sumOf(cluster, this.server.requests.slice(from))),
      `reports of ${cluster} since ${from}`,
    )
    return sumOf(cluster, this.server.requests.slice(from))
  }
}

interface Sum {
  issued: number
  finished: number
  dropped: number
  /** All that was told but what is in progress, by what it is about. */
  readonly told: Record<string, number>
}

function sumOf(cluster: string, requests: readonly LoadStatsRequest[]): Sum {
  const sum: Sum = { issued: 0, finished: 0, dropped: 0, told: {} }
  const add = (key: string, value: number) => {
    if (value !== 0) sum.told[key] = (sum.told[key] ?? 0) + value
  }
  for (const stats of requests.flatMap((request) => request.clusterStats)) {
    if (stats.clusterName !== cluster) continue
    sum.dropped += stats.totalDroppedRequests
    add(`service ${stats.clusterServiceName} dropped`, stats.totalDroppedRequests)
    for (const { category, droppedCount } of stats.droppedRequests) add(`dropped by '${category}'`, droppedCount)
    for (const place of stats.upstreamLocalityStats) {
      const { region = '', zone = '', subZone = '' } = place.locality ?? {}
      const where = `${stats.clusterServiceName} ${place.locality === undefined} ${region}/${zone}/${subZone} ${place.priority}`
      sum.issued += place.totalIssuedRequests
      sum.finished += place.totalSuccessfulRequests + place.totalErrorRequests
      addCounts(add, where, place)
      for (const endpoint of place.upstreamEndpointStats) {
        const { address } = endpoint.address?.socketAddress ?? {}
        addCounts(add, `${where} ${address}`, endpoint)
      }
    }
  }
  return sum
}

type Counts = Pick<
  LoadStatsRequest['clusterStats'][number]['upstreamLocalityStats'][number],
  'totalSuccessfulRequests' | 'totalErrorRequests' | 'totalIssuedRequests' | 'loadMetricStats'
>

function addCounts(add: (key: string, value: number) => void, where: string, counts: Counts): void {
  add(`${where} success`, counts.totalSuccessfulRequests)
  add(`${where} error`, counts.totalErrorRequests)
  add(`${where} issued`, counts.totalIssuedRequests)
  for (const { metricName, numRequestsFinishedWithMetric, totalMetricValue } of counts.loadMetricStats) {
    add(`${where} ${metricName} requests`, numRequestsFinishedWithMetric)
    add(`${where} ${metricName} total`, totalMetricValue)
  }
}

function cluster(name: string, endpoints: string, extra = ''): string {
  return `  - { name: ${name}, connect_timeout: 1s, load_assignment: { cluster_name: ${name}, ${endpoints} }${extra} }\n`
}

const host = (ip: string, port: number) =>
  `{ endpoint: { address: { socket_address: { address: ${ip}, port_value: ${port} } } } }`

const overload = (percent: number) =>
  `policy: { drop_overloads: [ { category: tired, drop_percentage: { numerator: ${percent} } } ] }`

/** The path of a file that brings a load assignment. */
function edsFile(assignment: string): string {
  const path = join(folder, 'eds.yaml')
  const type = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'
  writeFileSync(path, `resources: [ { "@type": ${type}, ${assignment.slice(1)} ]\n`)
  return path
}

function bootstrap(port: number): string {
  const one = `endpoints: [ { lb_endpoints: [ ${host('127.0.0.1', backend.port)} ] } ]`
  const group = (zone: string, priority: number, ip: string, at: number) =>
    `{ locality: { region: r, zone: ${zone}, sub_zone: s }, priority: ${priority}, lb_endpoints: [ ${host(ip, at)} ] }`
  const places = [
    group('a', 0, '127.0.0.1', backend.port),
    group('b', 0, '127.0.0.2', second.port),
    group('c', 1, '127.0.0.1', second.port),
  ]
  const byHeader = names.map(
    (name) =>
      `{ match: { prefix: /, headers: [ { name: x-cluster, string_match: { exact: ${name} } } ] }, route: { cluster: ${name} } }`,
  )
  const virtualHost = `{ name: all, domains: ["*"], routes: [ ${byHeader.join(', ')} ] }`
  const listener = httpListener('main', `route_config: { name: r, virtual_hosts: [ ${virtualHost} ] }`)
  return `
node: { id: test-node, cluster: test-cluster, client_features: [ own.feature ] }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
cluster_manager:
  load_stats_config:
    api_type: GRPC
    transport_api_version: V3
    grpc_services: [ { envoy_grpc: { cluster_name: lrs }, initial_metadata: [ { key: x-tenant, value: one } ] } ]
static_resources:
  listeners:
  - ${listener.resource}
  clusters:
  - name: lrs
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": ${HTTP_OPTIONS}
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment: { cluster_name: lrs, endpoints: [ { lb_endpoints: [ ${host('127.0.0.1', port)} ] } ] }
${cluster('plain', one)}${cluster('places', `endpoints: [ ${places.join(', ')} ]`)}${cluster('dropping', `${one}, ${overload(100)}`)}${cluster('dropping_half', `${one}, ${overload(50)}`)}${cluster('full', one, ', circuit_breakers: { thresholds: [ { max_requests: 0 } ] }')}${cluster('metrics', one, ', lrs_report_endpoint_metrics: [ named_metrics.*, cpu_utilization, utilization.disk, request_cost.none ]')}  - { name: eds, type: EDS, eds_cluster_config: { service_name: known as, eds_config: { path_config_source: { path: ${edsFile(`{ cluster_name: known as, ${one} }`)} } } } }`
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'load-reports-'))
  const script = {
    onRequest: ({ target, connection }: { target: string; connection: { send(data: string): void } }) => {
      const answer = (code: number) => {
        const metrics = 'endpoint-load-metrics: TEXT named_metrics.a=1.5,named_metrics.b=2,cpu_utilization=0.25\r\n'
        const extra = target === '/metrics' ? metrics : ''
        connection.send(`HTTP/1.1 ${code} X\r\n${extra}content-length: 0\r\n\r\n`)
      }
      if (target === '/wait') waiting.push(() => answer(200))
      else answer(target === '/fail' ? 500 : target === '/missing' ? 404 : 200)
    },
  }
  backend = await EchoBackend.start(script)
  second = await EchoBackend.start(script, '0.0.0.0')
})

afterAll(async () => {
  await backend.stop()
  await second.stop()
  rmSync(folder, { recursive: true })
})

describe('load reports', () => {
  let pair: Reporting[] = []

  beforeAll(async () => {
    pair = await Promise.all(discoveryProxies.map((kind) => Reporting.start(kind)))
    for (const { server } of pair) await server.until(() => server.requests.length > 0, 'the first request')
  })

  afterAll(async () => {
    await Promise.all(pair.map((reporting) => reporting.stop()))
  })

  /** Does the same with both and compares what they tell. */
  async function same(cluster: string, act: (to: Reporting) => Promise<void>, enough: (sum: Sum) => boolean) {
    const [envoy, nuncio] = await Promise.all(
      pair.map(async (reporting) => {
        const from = reporting.server.requests.length
        await act(reporting)
        return reporting.sum(cluster, from, enough)
      }),
    )
    expect(envoy.issued + envoy.dropped).toBeGreaterThan(0)
    expect(nuncio).toEqual(envoy)
  }

  async function times(count: number, to: Reporting, name: string, ...paths: readonly string[]): Promise<void> {
    for (let i = 0; i < count; i++) await to.ask(name, paths[i % paths.length] ?? '/')
  }

  it('begin with a node and no numbers', () => {
    for (const { server } of pair) {
      const [first] = server.requests
      expect(first.clusterStats).toEqual([])
      expect(first.node?.id).toBe('test-node')
      expect(first.node?.clientFeatures.at(-1)).toBe('envoy.lrs.supports_send_all_clusters')
      expect(server.streams[0].call.metadata['x-tenant']).toBe('one')
    }
    const [envoy, nuncio] = pair.map(({ server }) => server.requests[0].node?.clientFeatures)
    expect(nuncio).toEqual(envoy)
  })

  it('tell nothing of what was before them', async () => {
    for (const each of pair) await times(3, each, 'plain')
    await Promise.all(pair.map((each) => each.watch(['plain'], { clusters: ['plain', 'nobody knows it'] })))
    for (const { server } of pair) expect(sumOf('plain', server.requests).issued).toBe(0)
  })

  it('count successes and errors', async () => {
    await same(
      'plain',
      (to) => times(6, to, 'plain', '/', '/fail', '/missing'),
      ({ finished }) => finished === 6,
    )
  })

  it('keep the node in later requests, and name the time that they are about', () => {
    const [envoy, nuncio] = pair.map(({ server }) => server.requests.at(-1)!)
    expect(nuncio.node?.id).toBe(envoy.node?.id)
    for (const { clusterStats } of [envoy, nuncio]) {
      expect(clusterStats[0].loadReportInterval).toBeGreaterThan(intervalMs / 2)
      expect(clusterStats[0].loadReportInterval).toBeLessThan(intervalMs * 10)
    }
  })

  it.each([false, true])(
    'go by localities and priorities, and by endpoints where they are asked to: %s',
    async (byEndpoints) => {
      await Promise.all(pair.map((each) => each.watch(['places'], { reportEndpointGranularity: byEndpoints })))
      const [envoy, nuncio] = await Promise.all(
        pair.map(async (each) => {
          const from = each.server.requests.length
          await times(20, each, 'places')
          return each.sum('places', from, ({ finished }) => finished === 20)
        }),
      )
      // Where each worker's turn among the hosts begins is chance.
      expect(Object.keys(nuncio.told).sort()).toEqual(Object.keys(envoy.told).sort())
      expect({ ...nuncio, told: {} }).toEqual({ ...envoy, told: {} })
    },
  )

  it('name what a cluster is called by its discovery service', async () => {
    await Promise.all(pair.map((each) => each.watch(['eds'])))
    await same(
      'eds',
      (to) => times(2, to, 'eds'),
      ({ finished }) => finished === 2,
    )
  })

  it('begin with the metrics that hosts have told before', async () => {
    const told = await Promise.all(
      pair.map(async (each) => {
        await times(2, each, 'metrics', '/metrics')
        const from = each.server.requests.length
        await each.watch(['metrics'])
        return each.sum('metrics', from, (sum) => Object.keys(sum.told).some((key) => key.includes('named_metrics.a')))
      }),
    )
    expect(told[1]).toEqual(told[0])
  })

  it('pass metrics on that hosts tell', async () => {
    await Promise.all(pair.map((each) => each.watch(['metrics'], { reportEndpointGranularity: true })))
    await same(
      'metrics',
      (to) => times(4, to, 'metrics', '/metrics', '/'),
      ({ finished }) => finished === 4,
    )
  })

  it('tell of requests in progress, again and again', async () => {
    await Promise.all(pair.map((each) => each.watch(['plain'])))
    waiting = []
    const answers = pair.map((each) => each.ask('plain', '/wait'))
    const inProgress = ({ clusterStats }: LoadStatsRequest) =>
      clusterStats.find(({ clusterName }) => clusterName === 'plain')?.upstreamLocalityStats[0]?.totalRequestsInProgress
    for (const { server } of pair) {
      const from = server.requests.length
      const running = () => server.requests.slice(from).filter((request) => inProgress(request) === 1)
      await server.until(() => running().length >= 3, 'three reports of a request in progress')
    }
    for (const answer of waiting) answer()
    expect(await Promise.all(answers)).toEqual([200, 200])
  })

  it.each([
    { name: 'drop_overload', to: 'dropping' },
    { name: 'a circuit breaker', to: 'full' },
  ])('count what is dropped by $name', async ({ to }) => {
    await Promise.all(pair.map((each) => each.watch([to])))
    await same(
      to,
      (each) => times(5, each, to),
      ({ dropped }) => dropped === 5,
    )
  })

  it('tell of all clusters where they are asked to', async () => {
    await Promise.all(pair.map((each) => each.watch([], { sendAllClusters: true })))
    for (const { server } of pair) {
      const all = ['lrs', ...names].sort()
      const told = () =>
        server.requests
          .at(-1)!
          .clusterStats.map(({ clusterName }) => clusterName)
          .sort()
      await server.until(() => told().length >= all.length, 'all clusters')
      expect(told()).toEqual(all)
    }
    const [envoy, nuncio] = pair.map(({ server }) =>
      server.requests.at(-1)!.clusterStats.find((each) => each.clusterName === 'lrs'),
    )
    expect({ ...nuncio, loadReportInterval: 0 }).toEqual({ ...envoy, loadReportInterval: 0 })
  })

  it('go on where they were when the server comes back', async () => {
    await Promise.all(pair.map((each) => each.watch(['plain'])))
    await same(
      'plain',
      async (to) => {
        const streams = to.server.streams.length
        to.server.streams.at(-1)!.call.fail(status.UNAVAILABLE, 'later')
        await times(4, to, 'plain')
        await to.server.until(() => to.server.streams.length > streams, 'another stream')
      },
      ({ finished }) => finished === 4,
    )
  }, 20_000)

  it('are counted', async () => {
    const filter = '^load_reporter\\.'
    const [envoy, nuncio] = await Promise.all(pair.map(({ proxy }) => proxy.stats(filter)))
    expect([...nuncio.keys()].sort()).toEqual([...envoy.keys()].sort())
    for (const name of ['load_reporter.errors', 'load_reporter.retries', 'load_reporter.requests'])
      expect(nuncio.get(name), name).toBe(envoy.get(name))
  })
})
