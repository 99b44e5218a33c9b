// What discovery brings for some requests only (scopes, virtual hosts on demand), and the runtime, which comes first.

import { afterEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { httpRequest } from '../support/http_get.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import type { ResourceInput } from '../support/xds/resources.ts'
import { ads, adsBootstrap, answer, rdsListener, routesTo } from './discovery_support.ts'
import { portOf, startServer, statOf, until } from './support.ts'

const types = 'type.googleapis.com/envoy'
const hcm = `${types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function startPlane(): Promise<ControlPlane> {
  const plane = await ControlPlane.start()
  stops.push(() => plane.stop())
  plane.set('CDS', [], '1')
  return plane
}

async function serve(plane: ControlPlane, apiType: 'GRPC' | 'DELTA_GRPC', more: object = {}): Promise<Server> {
  const bootstrap = { ...JSON.parse(adsBootstrap(plane.port, apiType)), ...more }
  const server = await startServer(JSON.stringify(bootstrap), '--concurrency', '2', '--drain-time-s', '1')
  stops.push(() => server.stop())
  return server
}

async function get(server: Server, headers: Record<string, string> = {}): Promise<string> {
  const { status, body } = await httpRequest(`127.0.0.1:${portOf(server, 'l')}`, '/', 'GET', 5000, headers)
  return `${status} ${body}`
}

/** A listener whose connection manager has these fields, and the on_demand filter before its router. */
function listener(fields: object): ResourceInput {
  const filter = (name: string, message: string): object => ({
    name,
    typed_config: { '@type': `${types}.extensions.filters.http.${message}` },
  })
  const manager = {
    '@type': hcm,
    stat_prefix: 'l',
    ...fields,
    http_filters: [filter('on_demand', 'on_demand.v3.OnDemand'), filter('router', 'router.v3.Router')],
  }
  const resource = {
    name: 'l',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  }
  return { name: 'l', resource }
}

describe.each(['GRPC', 'DELTA_GRPC'] as const)('runtime discovery over ADS, %s', (apiType) => {
  const layered = {
    layered_runtime: {
      layers: [
        { name: 'fixed', static_layer: { a: 1, b: 1 } },
        { name: 'found', rtds_layer: { name: 'layer', rtds_config: ads } },
      ],
    },
  }
  const runtime = (layer: object): ResourceInput => ({ name: 'layer', resource: { name: 'layer', layer } })
  const found = (server: Server) => server.runtimeLayers().find(({ name }) => name === 'found')?.values

  test('the layer comes before all else, and changes', async () => {
    const plane = await startPlane()
    plane.setAll('1', { RTDS: [runtime({ a: 2, part: { of: 'it' } })], LDS: [rdsListener('l', 'r')] })
    plane.set('RDS', [routesTo('r', answer('served'))], '1')
    const server = await serve(plane, apiType, layered)
    const asked = plane.requests.filter(({ kind }) => kind === 'initial').map(({ type }) => type)
    expect(asked).toEqual(['RTDS', 'CDS', 'LDS', 'RDS'])
    expect(found(server)).toEqual({ a: 2, 'part.of': 'it' })
    expect(server.context.runtime.getInteger('a', 0)).toBe(2)
    plane.set('RTDS', [runtime({ b: 3 })], '2')
    await plane.waitForAck('RTDS', '2')
    expect(found(server)).toEqual({ b: 3 })
    expect(server.context.runtime.getInteger('a', 0)).toBe(1)
    expect(statOf(server, 'runtime.update_success')).toBe(2)
  })

  test('one that is withdrawn has no values, where the protocol can say so', async () => {
    const plane = await startPlane()
    plane.setAll('1', { RTDS: [runtime({ a: 2 })], LDS: [] })
    const server = await serve(plane, apiType, layered)
    const stream = plane.streamOf('RTDS')
    stream.respond('RTDS', { version: '2', resources: [], removed: ['layer'] })
    await plane.waitForAck('RTDS', '2')
    expect(found(server)).toEqual(apiType === 'GRPC' ? { a: 2 } : {})
  })
})

describe.each(['GRPC', 'DELTA_GRPC'] as const)('scoped routes over ADS, %s', (apiType) => {
  const extractor = { name: 'x-scope', element_separator: ';', element: { separator: '=', key: 'k' } }
  const scoped = listener({
    scoped_routes: {
      name: 'scopes',
      scope_key_builder: { fragments: [{ header_value_extractor: extractor }] },
      rds_config_source: ads,
      scoped_rds: { scoped_rds_config_source: ads },
    },
  })
  const scope = (name: string, key: string, more: object): ResourceInput => ({
    name,
    resource: { name, key: { fragments: [{ string_key: key }] }, ...more },
  })

  async function running(scopes: readonly ResourceInput[]): Promise<{ plane: ControlPlane; server: Server }> {
    const plane = await startPlane()
    plane.setAll('1', {
      LDS: [scoped],
      SRDS: scopes,
      RDS: [routesTo('r1', answer('first')), routesTo('r2', answer('second'))],
    })
    return { plane, server: await serve(plane, apiType) }
  }

  test('a request has the routes of the scope that its headers name', async () => {
    const inline = { name: 'inline', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [routeTo('inline')] }] }
    const { server } = await running([
      scope('one', '1', { route_configuration_name: 'r1' }),
      scope('two', '2', { route_configuration_name: 'r2' }),
      scope('three', '3', { route_configuration: inline }),
    ])
    expect(await get(server, { 'x-scope': 'k=1' })).toBe('200 first')
    expect(await get(server, { 'x-scope': 'a=1;k=2;k=1' })).toBe('200 second')
    expect(await get(server, { 'x-scope': 'k=3' })).toBe('200 inline')
    expect(await get(server, { 'x-scope': 'k=4' })).toBe('404 ')
    expect(await get(server)).toBe('404 ')
    expect(statOf(server, 'http.l.scoped_rds.scopes.all_scopes')).toBe(3)
  })

  test('scopes change, and what is wrong with them leaves the old ones', async () => {
    const { plane, server } = await running([scope('one', '1', { route_configuration_name: 'r1' })])
    const twice = ['one', 'two'].map((name) => scope(name, '1', { route_configuration_name: 'r2' }))
    plane.set('SRDS', twice, '2')
    const { error } = await plane.waitForNack('SRDS', '2')
    expect(error?.message).toContain("scope key conflict found, first scope is 'one', second scope is 'two'")
    expect(await get(server, { 'x-scope': 'k=1' })).toBe('200 first')
    plane.set('SRDS', [scope('two', '2', { route_configuration_name: 'r2' })], '3')
    await plane.waitForAck('SRDS', '3')
    await until('the scope serves', async () => (await get(server, { 'x-scope': 'k=2' })) === '200 second')
    expect(await get(server, { 'x-scope': 'k=1' })).toBe('404 ')
  })

  test('routes of a scope on demand are asked for by its first request', async () => {
    const { plane, server } = await running([scope('one', '1', { route_configuration_name: 'r1', on_demand: true })])
    expect(plane.lines('RDS')).toEqual([])
    expect(await get(server, { 'x-scope': 'k=1' })).toBe('200 first')
    expect(await get(server, { 'x-scope': 'k=2' })).toBe('404 ')
  })
})

describe('virtual hosts on demand', () => {
  const source = {
    api_config_source: {
      api_type: 'DELTA_GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
    },
    resource_api_version: 'V3',
  }
  const host = (name: string): ResourceInput => ({
    name: `r/${name}`,
    aliases: [`r/${name}.test`],
    resource: { name, domains: [`${name}.test`], routes: [routeTo(name)] },
  })

  async function running(): Promise<{ plane: ControlPlane; server: Server }> {
    const plane = await startPlane()
    plane.setAll('1', {
      LDS: [listener({ rds: { route_config_name: 'r', config_source: ads } })],
      RDS: [{ name: 'r', resource: { name: 'r', vhds: { config_source: source } } }],
    })
    plane.script.onRequest = ({ type, kind }, stream) => {
      if (type === 'VHDS' && kind === 'initial') stream.respond('VHDS', { version: '1', resources: [] })
      return undefined
    }
    return { plane, server: await serve(plane, 'DELTA_GRPC') }
  }

  test('a request for a host that is not known waits for it', async () => {
    const { plane, server } = await running()
    plane.set('VHDS', [host('one'), host('two')], '2')
    expect(await get(server, { host: 'one.test' })).toBe('200 one')
    expect(await get(server, { host: 'one.test' })).toBe('200 one')
    expect(await get(server, { host: 'TWO.test' })).toBe('200 two')
    expect(
      plane.requests.flatMap(({ type, kind, names }) => (type === 'VHDS' && kind === 'change' ? names : [])),
    ).toEqual(['r/one.test', 'r/two.test'])
  })

  test('one that has come by itself needs no asking', async () => {
    const plane = await startPlane()
    plane.store.set('VHDS', [host('zero')], '1')
    plane.script.onRequest = ({ type, kind }, stream) => {
      const resources = [...plane.store.state('VHDS')!.resources.values()]
      if (type === 'VHDS' && kind === 'initial') stream.respond('VHDS', { resources })
      return type === 'VHDS'
    }
    plane.setAll('1', {
      LDS: [listener({ rds: { route_config_name: 'r', config_source: ads } })],
      RDS: [{ name: 'r', resource: { name: 'r', vhds: { config_source: source } } }],
    })
    const server = await serve(plane, 'DELTA_GRPC')
    expect(await get(server, { host: 'zero.test' })).toBe('200 zero')
    expect(plane.lines('VHDS').filter((line) => line.includes('change'))).toEqual([])
  })

  test('one that the management server does not know is not found', async () => {
    const { plane, server } = await running()
    const nothing = { name: 'r/none.test', aliases: ['r/none.test'], resource: undefined }
    plane.set('VHDS', [host('one'), nothing], '2')
    expect(await get(server, { host: 'none.test' })).toBe('404 ')
    expect(await get(server, { host: 'one.test' })).toBe('200 one')
  })

  test('virtual hosts change and go', async () => {
    const { plane, server } = await running()
    plane.set('VHDS', [host('one')], '2')
    expect(await get(server, { host: 'one.test' })).toBe('200 one')
    const changed = { ...host('one'), resource: { name: 'one', domains: ['one.test'], routes: [routeTo('changed')] } }
    plane.set('VHDS', [changed], '3')
    await plane.waitForAck('VHDS', '3')
    expect(await get(server, { host: 'one.test' })).toBe('200 changed')
    plane.set('VHDS', [], '4')
    await plane.waitForAck('VHDS', '4')
    plane.script.onRequest = ({ type, kind }, stream) => {
      if (type === 'VHDS' && kind === 'change')
        stream.respond('VHDS', { version: '5', resources: [], removed: ['r/one.test'] })
      return true
    }
    expect(await get(server, { host: 'one.test' })).toBe('404 ')
  })
})

function routeTo(text: string): object {
  return { match: { prefix: '/' }, ...answer(text) }
}
