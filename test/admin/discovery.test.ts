// What the server says while it waits for discovery, which Envoy does not.

import { afterEach, expect, test } from 'vitest'
import { type ProxyProcess, spawnProxy } from '../support/proxy_process.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import {
  configSource,
  discoveryBootstrap,
  edsCluster,
  endpoints,
  httpListener,
  rds,
  routes,
} from '../support/xds/samples.ts'

const source = configSource('ads')
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function starting(): Promise<{ plane: ControlPlane; proxy: ProxyProcess }> {
  const plane = await ControlPlane.start()
  stops.push(() => plane.stop())
  const proxy = spawnProxy('nuncio', discoveryBootstrap(plane, 'ads'), ['-l', 'error'])
  stops.push(() => proxy.stop())
  await proxy.waitAdmin()
  return { plane, proxy }
}

/** Asks until the answer is this one, whatever the seconds. */
async function says(proxy: ProxyProcess, ...lines: string[]): Promise<void> {
  const answer = async (): Promise<string[]> => {
    const { body } = await proxy.admin('/ready?verbose')
    return body
      .trimEnd()
      .replaceAll(/\d+ s$/gm, 'N s')
      .split('\n')
  }
  await expect.poll(answer, { timeout: 10_000 }).toEqual(lines)
}

test('/ready?verbose tells what is waited for, from the first clusters to what warms later', async () => {
  const { plane, proxy } = await starting()
  await says(proxy, 'PRE_INITIALIZING', 'waiting for: the first clusters from discovery (CDS), for N s')
  plane.set('CDS', [edsCluster('c', source)], '1')
  await says(proxy, 'PRE_INITIALIZING', 'waiting for: cluster c: ClusterLoadAssignment c, for N s')
  plane.set('EDS', [endpoints('c', 1)], '1')
  await says(proxy, 'INITIALIZING', 'waiting for: the first listeners from discovery (LDS), for N s')
  plane.set('LDS', [httpListener('l', rds('r', source))], '1')
  await says(proxy, 'INITIALIZING', 'waiting for: listener l: RdsRouteConfigSubscription RDS init r, for N s')
  plane.set('RDS', [routes('r', 'c')], '1')
  await says(proxy, 'LIVE')
  plane.set('CDS', [edsCluster('c', source), edsCluster('w', source)], '2')
  await says(proxy, 'LIVE', 'warming: cluster w: ClusterLoadAssignment w, for N s')
})

interface ClientStatus {
  readonly node: { readonly id: string }
  readonly generic_xds_configs: readonly Record<string, unknown>[]
}

test('the client status tells of each resource whether it is in force, was refused, or has not come', async () => {
  const { plane, proxy } = await starting()
  plane.set('CDS', [edsCluster('c', source), { name: 'bad', resource: '{ name: bad, type: LOGICAL_DNS }' }], 'c1')
  plane.set('EDS', [endpoints('c', 1)], 'e1')
  plane.set('LDS', [httpListener('l', rds('r', source))], 'l1')
  const status = async (query = ''): Promise<ClientStatus> => {
    const { body } = await proxy.admin(`/v3/discovery:client_status${query}`)
    return JSON.parse(body).config[0] as ClientStatus
  }
  const states = async (): Promise<string[]> => {
    const { generic_xds_configs: all } = await status('?exclude_resource_contents')
    return all.map((each) => {
      const { type_url: typeUrl, name, version_info: version, client_status: state } = each
      return `${String(typeUrl).split('.').at(-1)} ${name} ${version} ${state} ${'xds_config' in each}`
    })
  }
  await expect
    .poll(states, { timeout: 10_000 })
    .toEqual([
      'Cluster xds undefined undefined false',
      'Cluster rest undefined undefined false',
      'Cluster c c1 ACKED false',
      'Cluster bad undefined NACKED false',
      'Listener l l1 ACKED false',
      'ClusterLoadAssignment c e1 ACKED false',
      'RouteConfiguration r undefined REQUESTED false',
    ])
  plane.set('RDS', [routes('r', 'c')], 'r1')
  await expect.poll(states, { timeout: 10_000 }).toContain('RouteConfiguration r r1 ACKED false')
  const { node, generic_xds_configs: all } = await status()
  expect(node.id).toBe('test-node')
  expect(all.find(({ name }) => name === 'r')).toMatchObject({
    xds_config: { '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration', name: 'r' },
  })
  expect(all.find(({ name }) => name === 'bad')).toMatchObject({
    error_state: { details: expect.stringContaining('LOGICAL_DNS'), failed_configuration: { name: 'bad' } },
  })
})
