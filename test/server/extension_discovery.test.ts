import { afterEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { httpRequest } from '../support/http_get.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import type { ResourceInput } from '../support/xds/resources.ts'
import { ads, adsBootstrap, answer, routesTo } from './discovery_support.ts'
import { portOf, startServer, statOf, until } from './support.ts'

const types = 'type.googleapis.com/envoy.extensions.filters'
const MANAGER = `${types}.network.http_connection_manager.v3.HttpConnectionManager`
const ROUTER = `${types}.http.router.v3.Router`
const CORS = `${types}.http.cors.v3.Cors`

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

function discoveredFilter(name: string, type: string): object {
  return { name, config_discovery: { config_source: ads, type_urls: [type] } }
}

function manager(routeName: string, httpFilters: readonly object[]): object {
  const rds = { route_config_name: routeName, config_source: ads }
  return { '@type': MANAGER, stat_prefix: 's', rds, http_filters: httpFilters }
}

const routerFilter = { name: 'router', typed_config: { '@type': ROUTER } }

function listener(name: string, filter: object): ResourceInput {
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  return { name, resource: { name, address, filter_chains: [{ filters: [filter] }] } }
}

function extension(name: string, config: object): ResourceInput {
  return { name, resource: { name, typed_config: config } }
}

interface Running {
  readonly plane: ControlPlane
  readonly server: Server
}

/** One listener with its resources; two workers. */
async function running(
  apiType: 'GRPC' | 'DELTA_GRPC',
  filter: object,
  extensions: readonly ResourceInput[],
): Promise<Running> {
  const plane = await ControlPlane.start()
  stops.push(() => plane.stop())
  plane.setAll('1', {
    CDS: [],
    LDS: [listener('l', filter)],
    RDS: ['r', 'other'].map((name) => routesTo(name, answer(name))),
    ECDS: extensions,
  })
  const server = await startServer(adsBootstrap(plane.port, apiType), '--concurrency', '2', '--drain-time-s', '1')
  stops.push(() => server.stop())
  return { plane, server }
}

async function get(server: Server): Promise<string> {
  const { status, body } = await httpRequest(`127.0.0.1:${portOf(server, 'l')}`, '/')
  return `${status} ${body}`
}

const httpFilter = {
  name: 'http',
  typed_config: manager('r', [discoveredFilter('late', CORS), routerFilter]),
}

describe.each(['GRPC', 'DELTA_GRPC'] as const)('filters by discovery, %s', (apiType) => {
  test('an HTTP filter is waited for', async () => {
    const { server } = await running(apiType, httpFilter, [extension('late', { '@type': CORS })])
    expect(await get(server)).toBe('200 r')
    expect(statOf(server, 'extension_config_discovery.http_filter.late.config_reload')).toBe(1)
  })

  test('a connection manager with routes of its own', async () => {
    const filter = discoveredFilter('manager', MANAGER)
    const { plane, server } = await running(apiType, filter, [extension('manager', manager('r', [routerFilter]))])
    expect(await get(server)).toBe('200 r')
    plane.set('ECDS', [extension('manager', manager('other', [routerFilter]))], '2')
    await plane.waitForAck('ECDS', '2')
    await until('the other routes have come', async () => (await get(server)) === '200 other')
    plane.set('RDS', [routesTo('other', answer('changed'))], '2')
    await plane.waitForAck('RDS', '2')
    expect(await get(server)).toBe('200 changed')
  })

  test('a filter that is refused leaves the one before in force, and all workers alike', async () => {
    const { plane, server } = await running(apiType, httpFilter, [extension('late', { '@type': CORS })])
    plane.set('ECDS', [extension('late', { '@type': ROUTER })], '2')
    const { error } = await plane.waitForNack('ECDS', '2')
    expect(error?.message).toContain(
      'Error: filter config has type URL envoy.extensions.filters.http.router.v3.Router but expect envoy.extensions.filters.http.cors.v3.Cors.',
    )
    for (let i = 0; i < 4; i++) expect(await get(server)).toBe('200 r')
    expect(statOf(server, 'extension_config_discovery.http_filter.late.config_fail')).toBe(1)
    expect(statOf(server, 'extension_config_discovery.http_filter.late.update_rejected')).toBe(1)
  })
})

test('a filter that is withdrawn leaves requests without an answer but 500, until it is back', async () => {
  const cors = extension('late', { '@type': CORS })
  const { plane, server } = await running('DELTA_GRPC', httpFilter, [cors])
  plane.set('ECDS', [], '2')
  await plane.waitForAck('ECDS', '2')
  expect(await get(server)).toBe('500 ')
  plane.set('ECDS', [cors], '3')
  await plane.waitForAck('ECDS', '3')
  expect(await get(server)).toBe('200 r')
})

test('a worker that starts later knows the filter', async () => {
  const { server } = await running('GRPC', httpFilter, [extension('late', { '@type': CORS })])
  const [pid] = server.workerPids()
  process.kill(pid, 'SIGKILL')
  await until('another worker is there', () => !server.workerPids().includes(pid) && server.workerPids().length === 2)
  for (let i = 0; i < 8; i++) expect(await get(server)).toBe('200 r')
})
