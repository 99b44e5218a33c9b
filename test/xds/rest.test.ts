/** Discovery over REST: asked for again and again, with the version that is held. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clusterLoadAssignmentType, clusterType } from '../../src/xds/resource_types.ts'
import type { ConfigSource } from '../../src/xds/subscription.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { configSource, portAddress, TestClient, xdsCluster } from './support.ts'

let plane: ControlPlane
let client: TestClient
let source: ConfigSource

beforeEach(async () => {
  plane = await ControlPlane.start()
  client = new TestClient({ cluster: xdsCluster(portAddress(plane.restPort)) })
  source = configSource(
    `{api_config_source: {api_type: REST, transport_api_version: V3, cluster_names: [xds],
      refresh_delay: 0.02s, request_timeout: 0.3s}, resource_api_version: V3}`,
  )
})

afterEach(async () => {
  client.stop()
  await plane.stop()
})

const cluster = (name: string, more = '') => ({ name, resource: `{name: ${name}, connect_timeout: 1s${more}}` })

describe('REST', () => {
  it('asks, applies, and tells what it has', async () => {
    plane.set('CDS', [cluster('a')], 'v1')
    const clusters = client.subscribe(clusterType, '*', source, 'cds')
    await clusters.updatesReach(1)
    const second = await plane.waitForRequest(({ versionInfo }) => versionInfo === 'v1', 'v1')
    expect(second.method).toBe('/v3/discovery:clusters')
    expect(second.node).toMatchObject({ id: 'node-1' })
    expect(second.typeUrl).toBe(`type.googleapis.com/${clusterType}`)
    expect(second.metadata).toMatchObject({ host: 'xds', 'content-type': 'application/json' })
    plane.set('CDS', [cluster('b')], 'v2')
    await clusters.updatesReach(2)
    expect(clusters.lines).toEqual(['v1 +a', 'v2 +b'])
    expect(clusters.updates[1].stateOfTheWorld).toBe(true)
    expect(client.stat('cds.update_success')).toBe(2)
  })

  it('asks for names', async () => {
    plane.set('EDS', [{ name: 'a', resource: '{cluster_name: a}' }], 'v1')
    const endpoints = client.subscribe(clusterLoadAssignmentType, ['a', 'b'], source)
    await endpoints.updatesReach(1)
    expect(plane.requests[0].names).toEqual(['a', 'b'])
    expect(endpoints.lines).toEqual(['v1 +a'])
  })

  it('says what it refuses, and asks on with the version before', async () => {
    plane.set('CDS', [cluster('a')], 'v1')
    const clusters = client.subscribe(clusterType, '*', source, 'cds')
    await clusters.updatesReach(1)
    clusters.refuse = () => 'no'
    plane.set('CDS', [cluster('b')], 'v2')
    await clusters.updatesReach(2)
    const from = plane.requests.length
    const next = await plane.waitForRequest(() => true, 'a request', 10_000, from)
    expect(next.versionInfo).toBe('v1')
    expect(client.stat('cds.update_rejected')).toBeGreaterThan(0)
  })

  it('gives each resource what is wrong with it', async () => {
    plane.set('CDS', [cluster('a', ', max_requests_per_connection: 0, filters: [{name: f}]'), cluster('b')], 'v1')
    const clusters = client.subscribe(clusterType, '*', source)
    await clusters.updatesReach(1)
    const [a, b] = clusters.updates[0].added
    expect(a.errors.hasErrors).toBe(true)
    expect(b.errors.hasErrors).toBe(false)
    expect(a.hash).not.toBe(b.hash)
  })

  it('goes on after errors of every kind', async () => {
    const clusters = client.subscribe(clusterType, '*', source, 'cds')
    plane.script.onRest = () => ({ status: 500 })
    await clusters.until(() => clusters.failures.length > 0)
    plane.script.onRest = () => ({ status: 200, body: 'garbage' })
    await clusters.until(() => clusters.failures.some(({ reason }) => reason === 'updateRejected'))
    plane.script.onRest = () => 'silence'
    const failures = clusters.failures.length
    await clusters.until(() => clusters.failures.slice(failures).some(({ reason }) => reason === 'connectionFailure'))
    plane.script = {}
    plane.set('CDS', [cluster('a')], 'v1')
    await clusters.updatesReach(1)
    expect(client.stat('cds.update_failure')).toBeGreaterThan(1)
    expect(client.stat('cds.update_rejected')).toBeGreaterThan(0)
    expect(client.stat('cds.update_success')).toBe(1)
  })

  it('waits no longer than initial_fetch_timeout for its first answer', async () => {
    plane.script.onRest = () => ({ status: 500 })
    const clusters = client.subscribe(clusterType, '*', { ...source, initialFetchTimeout: 30 }, 'cds')
    await clusters.until(() => clusters.failures.some(({ reason }) => reason === 'fetchTimedOut'))
    expect(client.stat('cds.init_fetch_timeout')).toBe(1)
  })
})
