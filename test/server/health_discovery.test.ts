// Health discovery in one server: what management servers may do wrong, and what of a specifier is kept.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { HealthDiscoveryServer } from '../support/xds/health_discovery_server.ts'
import { httpListener, inlineRoute } from '../support/xds/samples.ts'
import { assignment } from './discovery_support.ts'
import { portOf, startServer, statOf, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

let backend: EchoBackend
let hds: HealthDiscoveryServer

beforeEach(async () => {
  backend = await EchoBackend.start()
  stops.push(() => backend.stop())
  hds = await HealthDiscoveryServer.start()
  stops.push(() => hds.stop())
})

function bootstrap(clusterName: string): string {
  const service = { grpc_services: [{ envoy_grpc: { cluster_name: clusterName } }] }
  return `
node: { id: node, cluster: cluster }
hds_config: ${JSON.stringify({ api_type: 'GRPC', transport_api_version: 'V3', ...service })}
static_resources:
  listeners: [ ${httpListener('main', inlineRoute('c')).resource} ]
  clusters:
  - { name: hds, http2_protocol_options: {}, load_assignment: ${JSON.stringify(assignment('hds', hds.port))} }
  - { name: c, load_assignment: ${JSON.stringify(assignment('c', backend.port))} }
`
}

async function running(): Promise<Server> {
  const server = await startServer(bootstrap('hds'), '--concurrency', '1')
  stops.push(() => server.stop())
  await hds.until(() => hds.streams.length > 0 && hds.stream.reports.length > 0, 'the first request')
  return server
}

const timings = { timeout: 5000, interval: 10, noTrafficInterval: 10, unhealthyThreshold: 1, healthyThreshold: 1 }
const check = (path: string, more: object = {}) => ({ ...timings, httpHealthCheck: { path }, ...more })
const endpoint = (port: number, more: object = {}) => ({
  address: { socketAddress: { address: '127.0.0.1', portValue: port } },
  ...more,
})

function cluster(clusterName: string, checks: readonly object[], endpoints: readonly object[]): object {
  return { clusterName, healthChecks: checks, localityEndpoints: [{ endpoints }] }
}

function specify(...clusterHealthChecks: readonly object[]): void {
  hds.stream.specify({ clusterHealthChecks, interval: 20 })
}

function health(): Record<string, string> {
  const told = hds.health?.clusterEndpointsHealth ?? []
  return Object.fromEntries(
    told.map(({ clusterName, localityEndpointsHealth }) => [
      clusterName,
      localityEndpointsHealth.flatMap((each) => each.endpointsHealth.map(({ healthStatus }) => healthStatus)).join(),
    ]),
  )
}

async function told(expected: Record<string, string>): Promise<void> {
  const matches = () => JSON.stringify(health()) === JSON.stringify(expected)
  await hds.until(matches, JSON.stringify(expected))
}

/** Paths that are asked for from now on, when some time has gone by. */
async function askedNext(): Promise<Set<string>> {
  const { requests } = backend
  const from = requests.length
  await backend.until(() => requests.length >= from + 10)
  return new Set(requests.slice(from).map(({ target }) => target))
}

describe('a specifier', () => {
  test.each([
    [
      'an address that is a name',
      cluster('bad', [check('/bad')], [{ address: { socketAddress: { address: 'localhost', portValue: 1 } } }]),
    ],
    ['an endpoint without an address', cluster('bad', [check('/bad')], [{}])],
    [
      'an impossible status',
      cluster('bad', [{ ...timings, httpHealthCheck: { path: '/bad', expectedStatuses: [{ start: 9, end: 8 }] } }], []),
    ],
    ['an unknown kind of check', cluster('bad', [{ ...timings, customHealthCheck: { name: 'own' } }], [])],
    [
      'an address of checks that is a name',
      cluster(
        'bad',
        [],
        [endpoint(1, { healthCheckConfig: { address: { socketAddress: { address: 'x', portValue: 1 } } } })],
      ),
    ],
    [
      'a field that nobody acts on',
      cluster('bad', [{ ...timings, httpHealthCheck: { path: '/bad', useAlpnProtocol: true } }], []),
    ],
    ['no threshold', cluster('bad', [{ timeout: 1, interval: 1, tcpHealthCheck: {} }], [])],
  ])('with %s is refused as a whole, and the one before stays in force', async (_what, bad) => {
    const server = await running()
    specify(cluster('good', [check('/good')], [endpoint(backend.port)]))
    await told({ good: 'HEALTHY' })
    specify(cluster('first', [check('/first')], [endpoint(backend.port)]), bad)
    await until('the error is counted', () => statOf(server, 'hds_delegate.errors') === 1)
    expect(await askedNext()).toEqual(new Set(['/good']))
    expect(health()).toEqual({ good: 'HEALTHY' })
    expect(statOf(server, 'hds_delegate.updates')).toBe(1)
    expect(server.stats.counter('cluster.first.health_check.attempt')).toBeUndefined()
    expect(server.stats.counter('cluster.bad.upstream_cx_total')).toBeUndefined()
  })

  test('takes hosts and checks away, and leaves the others as they are', async () => {
    const server = await running()
    const other = await EchoBackend.start()
    stops.push(() => other.stop())
    specify(cluster('x', [check('/a'), check('/b')], [endpoint(backend.port), endpoint(other.port)]))
    await told({ x: 'HEALTHY,HEALTHY' })
    await until('both checks have connections', () => backend.connections.length === 2)
    specify(cluster('x', [check('/b')], [endpoint(backend.port)]))
    await told({ x: 'HEALTHY' })
    await until('the other host is left', () => other.connections.every(({ ended }) => ended))
    await until('one check is left', () => backend.connections.filter(({ ended }) => !ended).length === 1)
    expect(await askedNext()).toEqual(new Set(['/b']))
    expect(backend.connections.length).toBe(2)
    expect(statOf(server, 'cluster.x.health_check.healthy')).toBe(1)
    specify()
    await told({})
    await until('nothing is left', () => backend.connections.every(({ ended }) => ended))
    expect(server.stats.counter('cluster.x.health_check.attempt')).toBeUndefined()
  })

  test('may have the same host in several places, each with a health of its own', async () => {
    await running()
    backend.script = {
      onRequest: ({ target, connection }) =>
        connection.send(`HTTP/1.1 ${target === '/bad' ? 500 : 200} X\r\ncontent-length: 0\r\n\r\n`),
    }
    const host = endpoint(backend.port)
    specify(cluster('x', [check('/good')], [host, host]), cluster('y', [check('/bad')], [host]))
    await told({ x: 'HEALTHY,HEALTHY', y: 'UNHEALTHY' })
  })

  test('may say that a host is not to be checked, which is then unhealthy', async () => {
    await running()
    const disabled = endpoint(backend.port, { healthCheckConfig: { disableActiveHealthCheck: true } })
    specify(cluster('x', [check('/')], [disabled, endpoint(backend.port)]))
    await told({ x: 'UNHEALTHY,HEALTHY' })
    expect(backend.connections.length).toBe(1)
  })
})

test('a cluster that has traffic is checked at its interval', async () => {
  const server = await running()
  const seldom = { noTrafficInterval: 50, interval: 3_600_000 }
  specify(cluster('c', [check('/check', seldom)], [endpoint(backend.port)]))
  const checks = () => backend.requests.filter(({ target }) => target === '/check').length
  await backend.until(() => checks() >= 3)
  await httpRequest(`127.0.0.1:${portOf(server, 'main')}`, '/traffic', 'GET', 5000)
  // A check that was due already may come.
  const most = checks() + 1
  const reports = hds.stream.reports.length
  await hds.until(() => hds.stream.reports.length >= reports + 20, 'time to go by')
  expect(checks()).toBeLessThanOrEqual(most)
})

test('a stream that ends is opened again, and checks go on', async () => {
  const server = await running()
  specify(cluster('x', [check('/')], [endpoint(backend.port)]))
  await told({ x: 'HEALTHY' })
  for (const connection of hds.connections) connection.reset()
  await until('the error is counted', () => (statOf(server, 'hds_delegate.errors') ?? 0) > 0)
  await askedNext()
  await hds.until(() => hds.streams.length > 1 && hds.stream.reports.length > 0, 'another stream')
  specify(cluster('x', [check('/')], [endpoint(backend.port)]))
  await told({ x: 'HEALTHY' })
  expect(backend.connections.length).toBe(1)
}, 20_000)

test('a configuration that names no cluster there is starts all the same, and nothing is asked', async () => {
  const server = await startServer(bootstrap('nobody'), '--concurrency', '1')
  stops.push(() => server.stop())
  expect(hds.streams.length).toBe(0)
  expect(server.stats.counter('hds_delegate.requests')).toBeUndefined()
})
