import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { freePorts } from '../support/free_ports.ts'
import { httpRequest } from '../support/http_get.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import type { DiscoveryRecord } from '../support/xds/requests.ts'
import type { TypeName } from '../support/xds/resource_types.ts'
import {
  adsBootstrap,
  answer,
  assignment,
  edsCluster,
  endpoints,
  planeWithOneService,
  rdsListener,
  routesTo,
} from './discovery_support.ts'
import { portOf, startServer, statOf, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** The port of a server that answers with its name. */
async function backend(name: string): Promise<number> {
  const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => server.close())
  return (server.address() as AddressInfo).port
}

interface Running {
  readonly plane: ControlPlane
  readonly server: Server
}

async function running(apiType: 'GRPC' | 'DELTA_GRPC' = 'GRPC'): Promise<Running> {
  const plane = await planeWithOneService(await backend('first'))
  stops.push(() => plane.stop())
  const server = await startServer(adsBootstrap(plane.port, apiType), '--concurrency', '2', '--drain-time-s', '1')
  stops.push(() => server.stop())
  return { plane, server }
}

/** A server that waits for what the control plane does not have yet; `started` is told when it serves. */
async function starting(apiType: 'GRPC' | 'DELTA_GRPC'): Promise<{ plane: ControlPlane; started: Promise<Server> }> {
  const plane = await ControlPlane.start()
  stops.push(() => plane.stop())
  const started = startServer(adsBootstrap(plane.port, apiType), '--concurrency', '1', '--drain-time-s', '1')
  stops.push(async () => (await started).stop())
  return { plane, started }
}

function asked(plane: ControlPlane, type: TypeName, name: string): Promise<unknown> {
  return plane.waitForRequest((each) => each.type === type && each.names.includes(name), `a request for ${name}`)
}

async function get(server: Server, listener = 'l'): Promise<string> {
  const { status, body } = await httpRequest(`127.0.0.1:${portOf(server, listener)}`, '/')
  return `${status} ${body}`
}

describe.each(['GRPC', 'DELTA_GRPC'] as const)('over ADS, %s', (apiType) => {
  test('clusters, hosts, listeners and routes come in that order, and are served', async () => {
    const { plane, server } = await running(apiType)
    expect(await get(server)).toBe('200 first')
    const types = plane.requests.filter(({ kind }) => kind === 'initial').map(({ type }) => type)
    expect(types).toEqual(['CDS', 'EDS', 'LDS', 'RDS'])
  })

  test('routes change in place', async () => {
    const { plane, server } = await running(apiType)
    plane.set('RDS', [routesTo('r', answer('changed'))], '2')
    await plane.waitForAck('RDS', '2')
    expect(await get(server)).toBe('200 changed')
  })

  test('hosts change', async () => {
    const { plane, server } = await running(apiType)
    plane.set('EDS', [endpoints('c', await backend('other'))], '2')
    await plane.waitForAck('EDS', '2')
    expect(await get(server)).toBe('200 other')
  })

  test('a listener comes and goes', async () => {
    const { plane, server } = await running(apiType)
    plane.set('LDS', [rdsListener('l', 'r'), rdsListener('second', 'r')], '2')
    await plane.waitForAck('LDS', '2')
    await until(
      'the second listener accepts',
      async () => (await get(server, 'second').catch(() => '')) === '200 first',
    )
    const port = portOf(server, 'second')
    plane.set('LDS', [rdsListener('l', 'r')], '3')
    await plane.waitForAck('LDS', '3')
    await until('it refuses', () =>
      httpRequest(`127.0.0.1:${port}`, '/').then(
        () => false,
        () => true,
      ),
    )
    expect(await get(server)).toBe('200 first')
  })

  test('a cluster goes and comes back', async () => {
    const { plane, server } = await running(apiType)
    plane.set('CDS', [], '2')
    await plane.waitForAck('CDS', '2')
    expect(await get(server)).toBe('503 ')
    plane.set('CDS', [edsCluster('c')], '3')
    await until('it serves again', async () => (await get(server)) === '200 first')
  })

  test('a bad listener is refused with its name and reason, the good one of the same push is taken', async () => {
    const { plane, server } = await running(apiType)
    const bad = rdsListener('bad', 'r', { filter_chains: [{ filters: [{ name: 'nothing' }] }] })
    plane.set('LDS', [rdsListener('l', 'r'), bad, rdsListener('good', 'r')], '2')
    const { error } = await plane.waitForNack('LDS', '2')
    expect(error?.message).toContain('Error adding/updating listener(s) bad: ')
    await until('the good one accepts', async () => (await get(server, 'good').catch(() => '')) === '200 first')
    expect(await get(server)).toBe('200 first')
    expect(statOf(server, 'listener_manager.lds.update_rejected')).toBe(1)
  })

  test('routes that cannot be built leave those in force', async () => {
    const { plane, server } = await running(apiType)
    const doubled = { name: 'r', virtual_hosts: ['a', 'b'].map((name) => ({ name, domains: ['*'], routes: [] })) }
    plane.set('RDS', [{ name: 'r', resource: doubled }], '2')
    await plane.waitForNack('RDS', '2')
    expect(await get(server)).toBe('200 first')
  })
  test('a cluster that goes before its endpoints came keeps nobody waiting', async () => {
    const { plane, started } = await starting(apiType)
    plane.set('CDS', [edsCluster('c'), edsCluster('without')], '1')
    await asked(plane, 'EDS', 'without')
    plane.setAll('2', {
      CDS: [edsCluster('c')],
      EDS: [endpoints('c', await backend('first'))],
      LDS: [rdsListener('l', 'r')],
      RDS: [routesTo('r', { route: { cluster: 'c' } })],
    })
    expect(await get(await started)).toBe('200 first')
  })

  test('a cluster that comes while others are waited for is waited for too', async () => {
    const { plane, started } = await starting(apiType)
    plane.set('CDS', [edsCluster('c')], '1')
    await asked(plane, 'EDS', 'c')
    plane.set('CDS', [edsCluster('c'), edsCluster('later')], '2')
    await asked(plane, 'EDS', 'later')
    plane.setAll('3', {
      EDS: [endpoints('c', await backend('first')), endpoints('later', await backend('second'))],
      LDS: [rdsListener('l', 'r')],
      RDS: [routesTo('r', { route: { cluster: 'later' } })],
    })
    expect(await get(await started)).toBe('200 second')
  })

  test('a listener that is replaced before its routes came keeps nobody waiting', async () => {
    const { plane, started } = await starting(apiType)
    plane.setAll('1', { CDS: [], LDS: [rdsListener('l', 'without'), rdsListener('gone', 'without')] })
    await asked(plane, 'RDS', 'without')
    plane.setAll('2', { RDS: [routesTo('r', answer('replaced'))], LDS: [rdsListener('l', 'r')] })
    expect(await get(await started)).toBe('200 replaced')
  })

  test('an update of clusters is answered when they are warm', async () => {
    const { plane } = await running(apiType)
    const from = plane.requests.length
    plane.set('CDS', [edsCluster('c'), edsCluster('warming')], '2')
    await asked(plane, 'EDS', 'warming')
    plane.set('RDS', [routesTo('r', answer('meanwhile'))], '2')
    await plane.waitForAck('RDS', '2')
    expect(plane.lines('CDS', from)).toEqual([])
    plane.set('EDS', [endpoints('c', 1), endpoints('warming', 1)], '2')
    await plane.waitForAck('CDS', '2')
  })

  test('many clusters change while requests run over them, and none fails', async () => {
    const { plane, server } = await running(apiType)
    const port = await backend('first')
    const names = Array.from({ length: 40 }, (_, i) => `c${i}`)
    const clusters = (policy: string) => names.map((name) => edsCluster(name, { lb_policy: policy }))
    plane.set('EDS', [endpoints('c', port), ...names.map((name) => endpoints(name, port))], '2')
    plane.set('CDS', [edsCluster('c'), ...clusters('ROUND_ROBIN')], '2')
    await plane.waitForAck('CDS', '2')
    plane.set('RDS', [routesTo('r', { route: { cluster: 'c39' } })], '2')
    await plane.waitForAck('RDS', '2')
    const answers = new Set<string>()
    let isDone = false
    const load = (async () => {
      while (!isDone) answers.add(await get(server))
    })()
    for (let i = 0; i < 6; i++) {
      plane.set('CDS', [edsCluster('c'), ...clusters(i % 2 === 0 ? 'RANDOM' : 'ROUND_ROBIN')], `change ${i}`)
      await plane.waitForAck('CDS', `change ${i}`)
    }
    isDone = true
    await load
    expect([...answers]).toEqual(['200 first'])
  })
  test('a cluster that breaks a limit is refused, the good ones of the same push are taken', async () => {
    const { plane, server } = await running(apiType)
    const service = assignment('good', await backend('good'))
    const good = { name: 'good', resource: { name: 'good', load_assignment: service } }
    plane.set('CDS', [{ name: 'bad', resource: { name: 'bad', connect_timeout: '0s' } }, edsCluster('c'), good], '2')
    const { error } = await plane.waitForNack('CDS', '2')
    expect(error?.message).toContain('bad: ')
    plane.set('RDS', [routesTo('r', { route: { cluster: 'good' } })], '2')
    await plane.waitForAck('RDS', '2')
    expect(await get(server)).toBe('200 good')
  })

  test('a listener cannot have the address of another one', async () => {
    const { plane, server } = await running(apiType)
    const port = portOf(server, 'l')
    const address = { socket_address: { address: '127.0.0.1', port_value: (await freePorts(1))[0] } }
    const first = rdsListener('first', 'r', { address })
    plane.set('LDS', [rdsListener('l', 'r'), first, rdsListener('twice', 'r', { address })], '2')
    const { error } = await plane.waitForNack('LDS', '2')
    expect(error?.message).toContain("twice: error adding listener: 'twice' has duplicate address '127.0.0.1:")
    await until('the first accepts', async () => (await get(server, 'first').catch(() => '')) === '200 first')
    // What was refused is sent again only when it has changed.
    const changed = rdsListener('twice', 'r', { address, per_connection_buffer_limit_bytes: 9000 })
    plane.set('LDS', [rdsListener('l', 'r'), changed], '3')
    await plane.waitForAck('LDS', '3')
    await until('the other accepts', async () => (await get(server, 'twice').catch(() => '')) === '200 first')
    expect(portOf(server, 'l')).toBe(port)
  })

  test('endpoints that are confirmed in time stay', async () => {
    const { plane, server } = await running(apiType)
    const policy = { endpoint_stale_after: '0.4s' }
    const confirmed = { name: 'c', resource: { ...assignment('c', await backend('confirmed')), policy } }
    plane.set('EDS', [confirmed], '2')
    await plane.waitForAck('EDS', '2')
    const startedAtMs = performance.now()
    for (let i = 0; performance.now() - startedAtMs < 1000; i++) {
      plane.streamOf('EDS').respond('EDS', { version: `again ${i}` })
      await plane.waitForAck('EDS', `again ${i}`)
      expect(await get(server)).toBe('200 confirmed')
    }
    await until('they are stale', async () => (await get(server)) === '503 no healthy upstream')
    plane.streamOf('EDS').respond('EDS', { version: 'at last' })
    await until('they are back', async () => (await get(server)) === '200 confirmed')
  })

  test('routes are asked for until the connections of the listener that needs them have left', async () => {
    const { plane } = await running(apiType)
    const from = plane.requests.length
    plane.store.set('RDS', [routesTo('r', answer('first')), routesTo('other', answer('second'))], '2')
    plane.set('LDS', [rdsListener('l', 'other')], '2')
    const isRoutes = ({ type }: DiscoveryRecord): boolean => type === 'RDS'
    const next = await plane.waitForRequest(isRoutes, 'a request for other routes', undefined, from)
    expect(apiType === 'GRPC' ? next.names : next.unsubscribed).toEqual(apiType === 'GRPC' ? ['other', 'r'] : [])
    const drops = (each: DiscoveryRecord): boolean =>
      isRoutes(each) && (apiType === 'GRPC' ? !each.names.includes('r') : each.unsubscribed.includes('r'))
    await plane.waitForRequest(drops, 'a request without the routes', undefined, from)
  })
})
