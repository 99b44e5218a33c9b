/** Discovery over gRPC against a real control plane, by the state of the world and by delta. */
import { afterEach, describe, expect, it } from 'vitest'
import {
  clusterLoadAssignmentType,
  clusterType,
  listenerType,
  routeConfigurationType,
} from '../../src/xds/resource_types.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { ads, grpcApi, portAddress, TestClient, xdsCluster } from './support.ts'

let plane: ControlPlane
let client: TestClient

afterEach(async () => {
  client.stop()
  await plane.stop()
})

async function start(apiType: 'GRPC' | 'DELTA_GRPC', more = '', grpcMore = ''): Promise<void> {
  plane = await ControlPlane.start({ identifier: 'plane-1' })
  client = new TestClient({
    cluster: xdsCluster(portAddress(plane.port)),
    adsConfig: grpcApi(apiType, more, grpcMore),
  })
  expect(client.errors.errors).toEqual([])
  client.manager.start()
}

function cluster(name: string, more = '') {
  return { name, resource: `{name: ${name}, type: STATIC, connect_timeout: 1s${more}}` }
}

function endpoints(name: string) {
  return { name, resource: `{cluster_name: ${name}}` }
}

const route = (name: string) => ({ name, resource: `{name: ${name}}` })

describe.each(['GRPC', 'DELTA_GRPC'] as const)('%s on the aggregated stream', (apiType) => {
  const isDelta = apiType === 'DELTA_GRPC'

  it('does not ask for what was given up before it was asked for', async () => {
    await start(apiType)
    plane.set('CDS', [cluster('a')], 'v1')
    plane.set('RDS', [route('r')], 'v1')
    client.subscribe(routeConfigurationType, ['r']).subscription?.stop()
    client.subscribe(clusterType, '*')
    await plane.waitForAck('CDS', 'v1')
    expect(plane.lines('RDS')).toEqual([])
  })

  it('asks, applies and acknowledges', async () => {
    await start(apiType, '', 'initial_metadata: [{key: k, value: v}]')
    plane.set('CDS', [cluster('a'), cluster('b')], 'v1')
    const clusters = client.subscribe(clusterType, '*', undefined, 'cluster_manager.cds')
    const record = await plane.waitForAck('CDS', 'v1')
    expect(record.names).toEqual([])
    expect(clusters.lines).toEqual(['v1 +a +b'])
    expect(clusters.updates[0].controlPlane).toBe('plane-1')
    expect(clusters.updates[0].stateOfTheWorld).toBe(!isDelta)
    expect(plane.streams[0].metadata).toMatchObject({ k: 'v', 'x-envoy-internal': 'true' })
    expect(plane.streams[0].node).toMatchObject({ id: 'node-1', cluster: 'test', user_agent_name: 'envoy' })
    expect(client.stat('cluster_manager.cds.update_attempt')).toBe(2)
    expect(client.stat('cluster_manager.cds.update_success')).toBe(1)
    expect(client.gauge('control_plane.connected_state')).toBe(1)
    expect(client.stat('cluster.xds.upstream_cx_total')).toBe(1)
    expect(client.gauge('cluster.xds.upstream_rq_active')).toBe(1)
  })

  it('refuses by resource, and the good ones have been given', async () => {
    await start(apiType)
    plane.set('CDS', [cluster('a')], 'v1')
    const clusters = client.subscribe(clusterType, '*')
    await plane.waitForAck('CDS', 'v1')
    clusters.refuse = (name) => (name === 'a' ? undefined : `no ${name}`)
    plane.set('CDS', [cluster('a', ', alt_stat_name: x'), cluster('b'), cluster('c')], 'v2')
    const nack = await plane.waitForNack('CDS', 'v2')
    expect(nack.error).toEqual({ code: 13, message: 'Error adding/updating cluster(s) b: no b, c: no c' })
    expect(nack.versionInfo).toBe(isDelta ? '' : 'v1')
    expect(clusters.lines.at(-1)).toBe('v2 +a +b +c')
    expect(client.stat('test.update_rejected')).toBe(1)
  })

  it('says where a resource is wrong', async () => {
    await start(apiType)
    plane.set('CDS', [cluster('a', ', filters: [{name: f}], max_requests_per_connection: 0')], 'v1')
    client.subscribe(clusterType, '*')
    const nack = await plane.waitForNack('CDS', 'v1')
    expect(nack.error?.message).toMatch(/^Error adding\/updating cluster\(s\) a: .*\(at filters.*\)/)
  })

  it('gives what has not changed with the same view and hash', async () => {
    await start(apiType)
    const clusters = client.subscribe(clusterType, '*')
    await plane.waitForRequest(({ type }) => type === 'CDS', 'CDS')
    plane.set('CDS', [cluster('a')], 'v1')
    await plane.waitForAck('CDS', 'v1')
    const stream = plane.streamOf('CDS')
    stream.respond('CDS', { version: 'v2' })
    await plane.waitForAck('CDS', 'v2')
    const [first, second] = clusters.updates.map(({ added }) => added[0])
    expect(second.view).toBe(first.view)
    expect(second.hash).toBe(first.hash)
    expect(second.errors).not.toBe(first.errors)
    expect(clusters.updates[1].versionInfo).toBe('v2')
  })

  it('refuses a response with a resource of another type', async () => {
    await start(apiType)
    const typeUrl = 'type.googleapis.com/envoy.config.listener.v3.Listener'
    plane.set('CDS', [{ ...cluster('a'), typeUrl, bytes: Buffer.alloc(0) }], 'v1')
    const clusters = client.subscribe(clusterType, '*')
    const nack = await plane.waitForNack('CDS', 'v1')
    expect(nack.error?.message).toContain('does not match the message-wide type URL')
    expect(clusters.lines).toEqual([])
    expect(clusters.failures.map(({ reason }) => reason)).toEqual(['updateRejected'])
  })

  it('refuses bytes that are no resource', async () => {
    await start(apiType)
    plane.set('CDS', [{ ...cluster('a'), bytes: Buffer.from([0x0a, 0x75]) }], 'v1')
    client.subscribe(clusterType, '*')
    const nack = await plane.waitForNack('CDS', 'v1')
    expect(nack.error?.code).toBe(13)
  })

  it('asks for what follows from an update before it acknowledges that', async () => {
    await start(apiType)
    plane.setAll('v1', { CDS: [cluster('a'), cluster('b')], EDS: [endpoints('a'), endpoints('b')] })
    const clusters = client.subscribe(clusterType, '*')
    let applied = 0
    clusters.apply = async ({ added }) => {
      for (const { name } of added) client.subscribe(clusterLoadAssignmentType, [name])
      await new Promise((resolve) => setImmediate(resolve))
      applied = plane.requests.length
    }
    await plane.waitForAck('EDS', 'v1')
    expect(plane.lines().map((line) => line.replace(' node', ''))).toEqual([
      'CDS initial',
      'EDS initial names=[a,b]',
      'CDS ack v1',
      isDelta ? 'EDS ack v1' : 'EDS ack v1 names=[a,b]',
    ])
    expect(applied).toBe(1)
  })

  it('asks again for everything on a new stream, in the first order and with what it has', async () => {
    await start(apiType, 'set_node_on_first_message_only: true')
    plane.setAll('v1', { CDS: [cluster('a')], EDS: [endpoints('a')], LDS: [], RDS: [route('r')] })
    const clusters = client.subscribe(clusterType, '*')
    await plane.waitForAck('CDS', 'v1')
    client.subscribe(clusterLoadAssignmentType, ['a'])
    await plane.waitForAck('EDS', 'v1')
    client.subscribe(listenerType, '*')
    await plane.waitForAck('LDS', 'v1')
    client.subscribe(routeConfigurationType, ['r'])
    await plane.waitForAck('RDS', 'v1')
    const from = plane.requests.length
    plane.disconnect()
    await plane.waitForRequest(({ type }) => type === 'RDS', 'RDS', 10_000, from)
    expect(plane.lines(undefined, from)).toEqual(
      isDelta
        ? [
            'CDS initial known={a:v1} node',
            'EDS initial names=[a] known={a:v1} node',
            'LDS initial node',
            'RDS initial names=[r] known={r:v1} node',
          ].map((line, i) => (i === 0 ? line : line.replace(' node', '')))
        : ['CDS initial v1 node', 'EDS initial v1 names=[a]', 'LDS initial v1', 'RDS initial v1 names=[r]'],
    )
    expect(clusters.failures.map(({ reason }) => reason)).toEqual(['connectionFailure'])
    expect(client.stat('test.update_failure')).toBe(4)
  })

  it('gives each subscription what it asked for', async () => {
    await start(apiType)
    plane.set('EDS', [endpoints('a'), endpoints('b')], 'v1')
    const a = client.subscribe(clusterLoadAssignmentType, ['a'])
    const b = client.subscribe(clusterLoadAssignmentType, ['b'])
    await Promise.all([a.updatesReach(1), b.updatesReach(1)])
    expect([a.lines[0], b.lines[0]]).toEqual(['v1 +a', 'v1 +b'])
    b.subscription?.stop()
    const from = plane.requests.length
    const gone = await plane.waitForRequest(({ type }) => type === 'EDS', 'EDS', 10_000, from)
    expect(isDelta ? gone.unsubscribed : gone.names).toEqual([isDelta ? 'b' : 'a'])
  })

  it('takes names on and off', async () => {
    await start(apiType)
    plane.set('RDS', [route('r'), route('s')], 'v1')
    const routes = client.subscribe(routeConfigurationType, ['r'])
    await plane.waitForAck('RDS', 'v1')
    routes.subscription?.updateNames(new Set(['s']))
    await routes.until(() => routes.lines.at(-1) === 'v1 +s')
    routes.subscription?.requestOnDemandUpdate(new Set(['r']))
    await routes.until(() => routes.updates.at(-1)?.added.some(({ name }) => name === 'r') === true)
  })

  it('asks a new stream for no type that nobody wants any longer', async () => {
    await start(apiType)
    plane.setAll('v1', { CDS: [cluster('a')], EDS: [endpoints('a')] })
    client.subscribe(clusterType, '*')
    const gone = client.subscribe(clusterLoadAssignmentType, ['a'])
    await plane.waitForAck('EDS', 'v1')
    const before = plane.requests.length
    gone.subscription?.stop()
    await plane.waitForRequest(({ type }) => type === 'EDS', 'EDS', 10_000, before)
    const from = plane.requests.length
    plane.disconnect()
    await plane.waitForRequest(({ type }) => type === 'CDS', 'CDS', 10_000, from)
    plane.set('CDS', [cluster('b')], 'v2')
    await plane.waitForAck('CDS', 'v2')
    expect(plane.lines('EDS', from)).toEqual([])
  })

  it('holds requests back while they are paused', async () => {
    await start(apiType)
    plane.set('CDS', [cluster('a')], 'v1')
    const resume = client.manager.pause(clusterType)
    const clusters = client.subscribe(clusterType, '*')
    plane.set('RDS', [route('r')], 'v1')
    client.subscribe(routeConfigurationType, ['r'])
    await plane.waitForAck('RDS', 'v1')
    expect(plane.lines('CDS')).toEqual([])
    resume()
    await clusters.updatesReach(1)
  })

  it('gives up waiting, not asking, after initial_fetch_timeout', async () => {
    await start(apiType)
    const source = { ...ads, initialFetchTimeout: 20 }
    const clusters = client.subscribe(clusterType, '*', source)
    await clusters.until(() => clusters.failures.length > 0)
    expect(clusters.failures[0].reason).toBe('fetchTimedOut')
    expect(client.stat('test.init_fetch_timeout')).toBe(1)
    plane.set('CDS', [cluster('a')], 'v1')
    await clusters.updatesReach(1)
  })

  it('forgets what is not renewed within its TTL', async () => {
    await start(apiType)
    plane.set('CDS', [{ ...cluster('a'), ttlMs: 60 }, cluster('b')], 'v1')
    const clusters = client.subscribe(clusterType, '*')
    await clusters.updatesReach(2)
    expect(clusters.lines).toEqual(['v1 +a +b', ' -a'])
  })

  it('answers every response, one after the other', async () => {
    await start(apiType)
    const clusters = client.subscribe(clusterType, '*')
    await plane.waitForRequest(({ type }) => type === 'CDS', 'CDS')
    const stream = plane.streamOf('CDS')
    let running = 0
    clusters.apply = async () => {
      expect(++running).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    }
    const nonces = ['v1', 'v2', 'v3'].map((version) => stream.respond('CDS', { version }))
    await plane.waitForRequest(({ nonce }) => nonce === nonces[2], 'the third answer')
    expect(plane.requests.map(({ nonce }) => nonce).filter((nonce) => nonce !== '')).toEqual(nonces)
  })

  it('begins anew after bytes that are no response', async () => {
    await start(apiType)
    const clusters = client.subscribe(clusterType, '*')
    await plane.waitForRequest(({ type }) => type === 'CDS', 'CDS')
    plane.streams[0].sendBytes(Buffer.from([0x0a, 0x75]))
    plane.set('CDS', [cluster('a')], 'v1')
    await clusters.updatesReach(1)
    expect(plane.streams.length).toBe(2)
  })

  it('ignores types that nobody asks for', async () => {
    await start(apiType)
    const clusters = client.subscribe(clusterType, '*')
    await plane.waitForRequest(({ type }) => type === 'CDS', 'CDS')
    plane.streams[0].respond('RDS', { version: 'v9' })
    plane.set('CDS', [cluster('a')], 'v1')
    await plane.waitForAck('CDS', 'v1')
    expect(clusters.updates.length).toBe(1)
    expect(plane.lines('RDS')).toEqual([])
  })
})

describe('a heartbeat', () => {
  it.each(['GRPC', 'DELTA_GRPC'] as const)('renews the TTL (%s)', async (apiType) => {
    await start(apiType)
    const a = { ...cluster('a'), ttlMs: 400 }
    plane.set('CDS', [a, { ...cluster('b'), ttlMs: 600 }], 'v1')
    const clusters = client.subscribe(clusterType, '*')
    await plane.waitForAck('CDS', 'v1')
    const resources = [...plane.store.state('CDS')!.resources.values()].filter(({ name }) => name === 'a')
    const renewed = resources.map((resource) => ({ ...resource, ttlMs: 3_600_000 }))
    plane.streamOf('CDS').respond('CDS', { resources: renewed, withoutBodies: true })
    await clusters.until(() => clusters.updates.some(({ removed }) => removed.length > 0))
    expect(clusters.lines).toEqual(['v1 +a +b', 'v1', ' -b'])
    expect(clusters.updates[1].stateOfTheWorld).toBe(false)
  })
})
