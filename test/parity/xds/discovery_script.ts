/** Clusters, endpoints, listeners and routes: what is good, partly good, bad, changed, unchanged, warming and gone. */

import type { ResourceInput } from '../../support/xds/resources.ts'
import type { ApiMode } from '../../support/xds/samples.ts'
import {
  configSource,
  edsCluster,
  endpoints,
  httpListener,
  inlineRoute,
  rds,
  routes,
  staticCluster,
} from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const ownStreams: readonly ApiMode[] = ['grpc', 'delta grpc']
const aggregated: readonly ApiMode[] = ['ads', 'delta ads']
const dump = (resource: string, mask: string) => `/config_dump?resource=${resource}&mask=${mask}`
const activeClusters = dump('dynamic_active_clusters', 'version_info,cluster.name,error_state')
const warmingClusters = dump('dynamic_warming_clusters', 'version_info,cluster.name')
const listenerStates =
  'name,active_state.version_info,warming_state.version_info,draining_state.version_info,error_state.details'
const dynamicListeners = dump('dynamic_listeners', listenerStates)
const routeDump = '/config_dump?resource=dynamic_route_configs'
const unknownFilter = 'filter_chains: [ { filters: [ { name: no.such.filter } ] } ]'
const somewhere = 'address: { socket_address: { address: 127.0.0.1, port_value: 0 } }'
/** Both proxies have it, which the kernel allows to one user; nobody connects. */
const fixedPort = 21_000 + (process.pid % 1000)
const badListener = (name: string) => ({ name, resource: `{ name: ${name}, ${somewhere}, ${unknownFilter} }` })
/** Refused by the limits that the API declares. */
const invalidCluster = { name: 'invalid', resource: '{ name: invalid, connect_timeout: 0s }' }

export const discoveryScript: XdsScript = {
  name: 'xds',
  steps: (mode, port) => [...startSteps(mode, port), ...clusterSteps(mode, port), ...listenerSteps(mode, port)],
}

function startSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const a = edsCluster('a', source)
  return [
    {
      name: 'nothing is there yet',
      act: () => undefined,
      until: ['CDS initial'],
      admin: ['/listeners', '/init_dump', '/config_dump?resource=dynamic_active_clusters'],
    },
    {
      name: 'clusters, whose endpoints are missing',
      act: (plane) => plane.set('CDS', [a, edsCluster('b', source)], 'c1'),
      until: ['CDS ack c1', 'EDS initial'],
      admin: ['/init_dump', activeClusters, warmingClusters],
    },
    {
      name: 'endpoints, with which the clusters are ready',
      act: (plane) => plane.set('EDS', [endpoints('a', port), endpoints('b', port)], 'e1'),
      until: ['LDS initial', ...(mode.startsWith('delta') ? ['EDS ack e1'] : [])],
      admin: [activeClusters, warmingClusters, '/config_dump?include_eds&resource=dynamic_endpoint_configs'],
    },
    {
      name: 'a listener whose routes are missing',
      act: (plane) => plane.set('LDS', [httpListener('main', rds('r', source))], 'l1'),
      until: ['LDS ack l1', 'RDS initial'],
      admin: ['/init_dump', '/listeners', dynamicListeners],
    },
    {
      name: 'routes, with which all is ready',
      act: (plane) => plane.set('RDS', [routes('r', 'a')], 'r1'),
      until: ['RDS ack r1'],
      becomesReady: true,
      admin: ['/init_dump', '/listeners', '/config_dump?resource=dynamic_listeners', routeDump],
      ask: ['main'],
    },
  ]
}

function clusterSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const briefly = configSource(mode, 'initial_fetch_timeout: 0.5s')
  const a = edsCluster('a', source)
  const b = edsCluster('b', source)
  const two = [endpoints('a', port), endpoints('b', port)]
  const unsuitable = { name: 'unsuitable', resource: '{ name: unsuitable, type: STATIC, lb_policy: CLUSTER_PROVIDED }' }
  return [
    {
      name: 'endpoints that changed',
      act: (plane) => plane.set('EDS', [endpoints('a', port), endpoints('b', port, port)], 'e2'),
      until: ['EDS ack e2'],
      admin: ['/config_dump?include_eds&resource=dynamic_endpoint_configs'],
    },
    {
      name: 'endpoints refused',
      act: (plane) =>
        plane.set(
          'EDS',
          [{ name: 'a', resource: '{ cluster_name: a, endpoints: [ { priority: 200 } ] }' }, two[1]],
          'e3',
        ),
      until: ['EDS nack e3'],
      ask: ['main'],
    },
    {
      name: 'endpoints of a name',
      act: (plane) => plane.set('EDS', [{ name: 'a', resource: hostNamed('a', 'not.an.address') }, two[1]], 'e4'),
      until: ['EDS nack e4'],
      ask: ['main'],
    },
    {
      name: 'no endpoints',
      act: (plane) => plane.set('EDS', [{ name: 'a', resource: '{ cluster_name: a }' }, two[1]], 'e5'),
      until: ['EDS ack e5'],
      ask: ['main'],
    },
    {
      name: 'endpoints again',
      act: (plane) => plane.set('EDS', two, 'e6'),
      until: ['EDS ack e6'],
      ask: ['main'],
    },
    {
      name: 'the same clusters in a new version',
      act: (plane) => plane.streamOf('CDS').respond('CDS', { version: 'c1b' }),
      until: ['CDS ack c1b'],
      admin: [activeClusters],
    },
    {
      name: 'clusters, one of which is refused when it is made',
      act: (plane) => plane.set('CDS', [a, b, unsuitable, staticCluster('s', port)], 'c2'),
      until: ['CDS nack c2'],
      admin: [activeClusters],
      ask: ['main'],
    },
    {
      name: 'clusters, one of which breaks a limit',
      act: (plane) => plane.set('CDS', [a, b, invalidCluster, staticCluster('s', port)], 'c3'),
      until: ['CDS nack c3'],
      admin: [activeClusters],
    },
    {
      name: 'something else than clusters',
      act: (plane) => {
        const typeUrl = 'type.googleapis.com/envoy.config.listener.v3.Listener'
        plane.set('CDS', [a, b, staticCluster('s', port), { name: 'x', typeUrl, resource: '{ name: x }' }], 'c4')
      },
      until: ['CDS nack c4'],
      admin: [activeClusters],
    },
    {
      name: 'bytes that are no message',
      act: (plane) => {
        const spoilt = { name: 'x', resource: undefined, bytes: Buffer.from([0x0a, 9, 0x75]) }
        plane.set('CDS', [a, b, staticCluster('s', port), spoilt], 'c5')
      },
      until: ['CDS nack c5'],
    },
    {
      name: 'a field that nobody knows is taken',
      act: (plane) => {
        const newer = { name: 'n', resource: undefined, bytes: Buffer.from([0x0a, 1, 0x6e, 0xf8, 0xff, 0xff, 0x0f, 1]) }
        plane.set('CDS', [a, b, staticCluster('s', port), newer], 'c6')
      },
      until: ['CDS ack c6'],
      admin: [activeClusters],
    },
    {
      name: 'a cluster by the name of a static one',
      act: (plane) => plane.set('CDS', [a, b, staticCluster('s', port), staticCluster('xds', port)], 'c7'),
      until: ['CDS ack c7'],
      admin: [activeClusters, '/config_dump?resource=static_clusters&mask=cluster.name'],
    },
    {
      name: 'good clusters again',
      act: (plane) => plane.set('CDS', [a, b, staticCluster('s', port)], 'c8'),
      until: ['CDS ack c8'],
      admin: [activeClusters],
    },
    {
      name: 'a cluster that warms, until the time for its endpoints is over',
      act: (plane) => plane.set('CDS', [a, b, edsCluster('w', briefly)], 'c9'),
      until: ['CDS ack c9'],
      quietMs: 700,
      admin: [activeClusters, warmingClusters],
    },
    {
      name: 'routes to a cluster without endpoints',
      act: (plane) => plane.set('RDS', [routes('r', 'w')], 'r2'),
      until: ['RDS ack r2'],
      ask: ['main'],
    },
    {
      name: 'its endpoints',
      act: (plane) => plane.set('EDS', [...two, endpoints('w', port)], 'e9'),
      until: ['EDS ack e9'],
      ask: ['main'],
    },
    {
      name: 'a cluster that a route needs is removed',
      act: (plane) => plane.set('CDS', [a, b], 'c10'),
      until: ['CDS ack c10'],
      admin: [activeClusters],
      ask: ['main'],
    },
    {
      name: 'and comes back',
      act: (plane) => plane.set('CDS', [a, b, edsCluster('w', source)], 'c11'),
      until: mode.startsWith('delta') || ownStreams.includes(mode) ? ['CDS ack c11', 'EDS ack e9'] : ['CDS ack c11'],
      ask: ['main'],
    },
    {
      name: 'a cluster that changed, and its endpoints',
      act: (plane) => {
        plane.set('CDS', [a, edsCluster('b', source, 'lb_policy: RANDOM'), edsCluster('w', source)], 'c12')
        plane.set('EDS', [endpoints('a', port), endpoints('b', port, port), endpoints('w', port)], 'e12')
      },
      until: ['CDS ack c12'],
      admin: [activeClusters, warmingClusters],
      ask: ['main'],
    },
  ]
}

function hostNamed(cluster: string, host: string): string {
  const socket = `{ socket_address: { address: ${host}, port_value: 80 } }`
  return `{ cluster_name: ${cluster}, endpoints: [ { lb_endpoints: [ { endpoint: { address: ${socket} } } ] } ] }`
}

function listenerSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const main = httpListener('main', rds('r', source))
  const second = httpListener('second', inlineRoute('a'))
  const invalidRoutes = '{ name: r, virtual_hosts: [ { name: v } ] }'
  const twice = '{ name: r, virtual_hosts: [ { name: v, domains: [ same, same ] } ] }'
  return [
    {
      name: 'a second listener',
      act: (plane) => plane.set('LDS', [main, second], 'l2'),
      until: ['LDS ack l2'],
      admin: ['/listeners', dynamicListeners],
      ask: ['second'],
    },
    {
      name: 'listeners, one of which is refused',
      act: (plane) =>
        plane.set('LDS', [main, second, badListener('bad'), httpListener('third', inlineRoute('a'))], 'l3'),
      until: ['LDS nack l3'],
      admin: [dynamicListeners],
      ask: ['second', 'third'],
    },
    {
      name: 'a listener that was good is refused',
      act: (plane) => plane.set('LDS', [main, badListener('second')], 'l4'),
      until: ['LDS nack l4'],
      ask: ['second'],
    },
    {
      name: 'a listener without an address',
      act: (plane) => plane.set('LDS', [main, second, { name: 'lost', resource: '{ name: lost }' }], 'l5'),
      until: ['LDS nack l5'],
      admin: [dynamicListeners],
    },
    {
      name: 'a listener with the address of another one',
      act: (plane) => {
        const address = `{ socket_address: { address: 127.0.0.1, port_value: ${fixedPort} } }`
        const at = (name: string): ResourceInput => ({
          name,
          resource: `{ name: ${name}, address: ${address}, filter_chains: [ { filters: [] } ] }`,
        })
        plane.set('LDS', [main, second, at('fixed'), at('other')], 'l5b')
      },
      until: ['LDS nack l5b'],
      admin: [dynamicListeners],
    },
    {
      name: 'an inline route to a cluster that is not there',
      act: (plane) => plane.set('LDS', [main, httpListener('second', inlineRoute('nowhere'))], 'l6'),
      until: ['LDS nack l6'],
    },
    {
      name: 'a change of nothing but a filter chain',
      act: (plane) => plane.set('LDS', [main, httpListener('second', inlineRoute('a'), { statPrefix: 'other' })], 'l7'),
      until: ['LDS ack l7'],
      admin: ['/config_dump?resource=dynamic_listeners&name_regex=second'],
      ask: ['second'],
    },
    {
      name: 'a change of the listener',
      act: (plane) => {
        const extra = 'per_connection_buffer_limit_bytes: 9000'
        plane.set('LDS', [main, httpListener('second', inlineRoute('a'), { statPrefix: 'other', extra })], 'l8')
      },
      until: ['LDS ack l8'],
      admin: [dynamicListeners],
      ask: ['second'],
    },
    {
      name: 'routes refused by a limit',
      act: (plane) => plane.set('RDS', [{ name: 'r', resource: invalidRoutes }], 'r3'),
      until: ['RDS nack r3'],
      ask: ['main'],
    },
    {
      name: 'routes refused when they are made',
      act: (plane) => plane.set('RDS', [{ name: 'r', resource: twice }], 'r4'),
      until: ['RDS nack r4'],
      ask: ['main'],
    },
    {
      name: 'routes that changed, to another domain',
      act: (plane) => plane.set('RDS', [routes('r', 'a', '["elsewhere.test"]')], 'r5'),
      until: ['RDS ack r5'],
      admin: [routeDump],
      ask: ['main'],
    },
    {
      name: 'routes to a cluster that is not there',
      act: (plane) => plane.set('RDS', [routes('r', 'nowhere')], 'r6'),
      until: ['RDS ack r6'],
      ask: ['main'],
    },
    {
      name: 'a listener that asks for other routes',
      act: (plane) => {
        plane.store.set('RDS', [routes('r', 'b'), routes('r2', 'b')], 'r7')
        plane.set('LDS', [httpListener('main', rds('r2', source))], 'l9')
      },
      until: ['LDS ack l9', 'RDS ack r7'],
      // In no order where there are several.
      admin: [dynamicListeners, ...['r', 'r2'].map((name) => `${routeDump}&name_regex=${name}`)],
      ask: ['main'],
    },
    {
      name: 'the control plane goes away for a moment',
      act: (plane) => plane.disconnect(),
      until: ['CDS initial', 'LDS initial', 'EDS initial', 'RDS initial'],
      modes: aggregated,
      ask: ['main'],
    },
    {
      name: 'an update after that',
      act: (plane) => plane.set('RDS', [routes('r', 'a'), routes('r2', 'a')], 'r8'),
      until: ['RDS ack r8'],
      ask: ['main'],
      modes: aggregated,
    },
    {
      name: 'no clusters any more',
      act: (plane) => plane.set('CDS', [], 'c20'),
      until: ['CDS ack c20'],
      admin: [activeClusters, warmingClusters],
      ask: ['main'],
    },
    {
      name: 'no listeners any more',
      act: (plane) => plane.set('LDS', [], 'l20'),
      until: ['LDS ack l20'],
      admin: ['/listeners', dynamicListeners],
    },
    {
      name: 'everything once more',
      act: (plane) =>
        plane.setAll('z', {
          CDS: [staticCluster('a', port)],
          LDS: [httpListener('main', rds('r', source))],
          RDS: [routes('r', 'a')],
        }),
      until: ['CDS ack z', 'LDS ack z', 'RDS ack z'],
      ask: ['main'],
    },
  ]
}
