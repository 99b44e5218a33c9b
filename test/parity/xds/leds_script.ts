/** Endpoints of localities as collections of their own: what is asked for, when they count, and what is refused. */

import type { ControlPlane } from '../../support/xds/control_plane.ts'
import type { ResponseOverrides } from '../../support/xds/discovery_stream.ts'
import type { ResourceInput } from '../../support/xds/resources.ts'
import { type ApiMode, configSource, edsCluster, httpListener, inlineRoute } from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const collectionType = 'xdstp://authority/envoy.config.endpoint.v3.LbEndpoint'
/** Where nobody listens. */
const closedPorts = { x: 1, y: 2, z: 3, other: 4 } as const

export const ledsScript: XdsScript = {
  name: 'collections of endpoints',
  steps: (mode, port) => [
    ...firstSteps(mode, port),
    ...changeSteps(port),
    ...localitySteps(mode, port),
    ...sharedSteps(mode, port),
    ...refusedSteps(mode, port),
  ],
}

function collection(name: string): string {
  return `${collectionType}/${name}/*`
}

function member(name: string, port: number, extra = ''): ResourceInput {
  const address = `{ socket_address: { address: 127.0.0.1, port_value: ${port} } }`
  return { name: `${collectionType}/${name}`, resource: `{ endpoint: { address: ${address} }${extra} }` }
}

/** `extra`: more fields, flow style, each with a comma before it. */
function locality(zone: string, name: string, source: string, extra = ''): string {
  const leds = `leds_cluster_locality_config: { leds_config: ${source}, leds_collection_name: "${name}" }`
  return `{ locality: { zone: ${zone} }, ${leds}${extra} }`
}

function assignment(name: string, ...localities: readonly string[]): ResourceInput {
  return { name, resource: `{ cluster_name: ${name}, endpoints: [ ${localities.join(', ')} ] }` }
}

/** On the stream that the collection is asked for on. */
function tell(plane: ControlPlane, name: string, response: ResponseOverrides): void {
  const stream = plane.openStreams.find((each) => each.subscribed('LEDS')?.includes(collection(name)))
  if (stream === undefined) throw new Error(`nobody asks for ${name}`)
  stream.respond('LEDS', response)
}

function firstSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const localities = [
    locality('a', collection('a'), source),
    locality('b', collection('b'), source, ', priority: 1, load_balancing_weight: 3'),
  ]
  return [
    {
      name: 'a cluster waits for both collections',
      act: (plane) =>
        plane.setAll('1', {
          CDS: [edsCluster('c', source)],
          EDS: [assignment('c', ...localities)],
          LDS: [httpListener('l', inlineRoute('c'))],
        }),
      until: ['CDS initial', 'EDS ack 1', 'LEDS initial'],
      admin: ['/init_dump'],
    },
    {
      name: 'the first collection',
      act: (plane) => plane.set('LEDS', [member('a/x', port), member('elsewhere/x', closedPorts.other)], '2'),
      until: ['LEDS ack 2'],
      admin: ['/clusters'],
    },
    {
      name: 'the second collection',
      act: (plane) => plane.set('LEDS', [member('a/x', port), member('b/x', closedPorts.x)], '3'),
      until: ['LEDS ack 3', 'LDS ack 1'],
      becomesReady: true,
      admin: ['/clusters'],
      ask: ['l'],
    },
  ]
}

function changeSteps(port: number): XdsStep[] {
  const draining = member('a/y', closedPorts.y, ', health_status: DRAINING, load_balancing_weight: 5')
  const b = member('b/x', closedPorts.x)
  return [
    {
      name: 'a member more',
      act: (plane) => plane.set('LEDS', [member('a/x', port), draining, b], '4'),
      until: ['LEDS ack 4'],
      admin: ['/clusters'],
      ask: ['l'],
    },
    {
      name: 'a member that changed',
      act: (plane) => plane.set('LEDS', [member('a/x', port, ', health_status: UNHEALTHY'), draining, b], '5'),
      until: ['LEDS ack 5'],
      admin: ['/clusters'],
      ask: ['l'],
    },
    {
      name: 'a member less',
      act: (plane) => plane.set('LEDS', [member('a/x', port), b], '6'),
      until: ['LEDS ack 6'],
      admin: ['/clusters', '/config_dump?include_eds&resource=dynamic_endpoint_configs'],
      ask: ['l'],
    },
    {
      name: 'a bad member refuses the good one',
      act: (plane) =>
        plane.set(
          'LEDS',
          [member('a/x', port), b, member('a/good', port), member('a/bad', port, ', load_balancing_weight: 0')],
          '7',
        ),
      until: ['LEDS nack 7'],
      admin: ['/clusters'],
      ask: ['l'],
    },
    {
      name: 'without the bad member',
      act: (plane) => plane.set('LEDS', [member('a/x', port), b], '8'),
      until: ['LEDS ack 8'],
      admin: ['/clusters'],
    },
    {
      name: 'the whole collection is gone by its name',
      act: (plane) => tell(plane, 'a', { version: '9', resources: [], removed: [collection('a')] }),
      until: ['LEDS ack 9'],
      admin: ['/clusters'],
    },
    {
      name: 'a response that holds nothing',
      act: (plane) => tell(plane, 'a', { version: '10', resources: [] }),
      until: ['LEDS ack 10'],
    },
  ]
}

function localitySteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const a = locality('a', collection('a'), source)
  const c = locality('c', `${collection('c')}?y=2&x=1`, source)
  const listed = `{ locality: { zone: d }, lb_endpoints: [ ${member('', port).resource} ] }`
  return [
    {
      name: 'the assignment again',
      act: (plane) => plane.streamOf('EDS').respond('EDS', { version: '1' }),
      until: ['EDS ack 1'],
    },
    {
      name: 'a locality less, another one and a list',
      act: (plane) => plane.set('EDS', [assignment('c', a, c, listed)], '2'),
      until: ['EDS ack 2', 'LEDS'],
      admin: ['/clusters'],
    },
    {
      name: 'a member of a collection that is there, while another is waited for',
      act: (plane) => plane.set('LEDS', [member('a/z', closedPorts.z)], '11'),
      until: ['LEDS ack 11'],
      admin: ['/clusters'],
    },
    {
      name: 'what was waited for, with parameters in any order',
      act: (plane) =>
        plane.set(
          'LEDS',
          [
            member('a/z', closedPorts.z),
            member('c/one?x=1&y=2', port),
            member('c/two?y=2&x=1', closedPorts.x, ', health_status: UNHEALTHY'),
            member('c/none', closedPorts.y),
            member('c/deep/three?x=1&y=2', closedPorts.other),
          ],
          '12',
        ),
      until: ['LEDS ack 12'],
      admin: ['/clusters'],
    },
    {
      name: 'a new stream',
      act: (plane) => plane.streamOf('LEDS').end(),
      until: ['LEDS initial'],
      quietMs: 1500,
    },
    {
      name: 'a list alone',
      act: (plane) => plane.set('EDS', [assignment('c', listed)], '3'),
      until: ['EDS ack 3'],
      admin: ['/clusters'],
      ask: ['l'],
    },
    {
      name: 'nothing at all',
      act: (plane) => plane.set('EDS', [assignment('c')], '4'),
      until: ['EDS ack 4'],
      admin: ['/clusters'],
    },
  ]
}

function sharedSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const impatient = configSource(mode, 'initial_fetch_timeout: 1s')
  const shared = collection('shared')
  const twice = assignment('c', locality('a', shared, source), locality('b', shared, source))
  const late = assignment('d', locality('a', shared, impatient), locality('b', collection('never'), impatient))
  return [
    {
      name: 'two localities of the same collection',
      act: (plane) => plane.set('EDS', [twice], '5'),
      until: ['EDS ack 5'],
    },
    {
      name: 'what they share',
      act: (plane) => plane.set('LEDS', [member('shared/x', port)], '13'),
      until: ['LEDS ack 13'],
      admin: ['/clusters'],
      ask: ['l'],
    },
    {
      name: 'a second cluster with it, and with one that does not come',
      act: (plane) => {
        plane.set('CDS', [edsCluster('c', source), edsCluster('d', source)], '2')
        plane.set('EDS', [twice, late], '6')
      },
      until: ['CDS ack 2', 'EDS ack 6'],
      admin: ['/clusters'],
      quietMs: 1500,
    },
    {
      name: 'the first cluster is gone',
      act: (plane) => plane.set('CDS', [edsCluster('d', source)], '3'),
      until: ['CDS ack 3'],
      admin: ['/clusters'],
    },
    {
      name: 'both are gone',
      act: (plane) => plane.set('CDS', [], '4'),
      until: ['CDS ack 4'],
    },
  ]
}

function refusedSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const good = collection('good')
  const bad: Readonly<Record<string, string>> = {
    'a list beside it': locality('a', good, source, `, lb_endpoints: [ ${member('', port).resource} ]`),
    'no scheme': locality('a', 'good', source),
    'no name': locality('a', '', source),
    'another type': locality('a', 'xdstp://authority/envoy.config.cluster.v3.Cluster/good/*', source),
    'a list collection': locality('a', 'xdstp://authority/envoy.config.endpoint.v3.LbEndpointCollection/good', source),
    'no type': locality('a', 'xdstp://authority', source),
    'an unknown directive': locality('a', `${good}#a=b`, source),
    'a file as its source': locality('a', good, '{ path_config_source: { path: /nothing } }'),
    'no source': `{ leds_cluster_locality_config: { leds_collection_name: "${good}" } }`,
    'a source of the other protocol': locality('a', good, configSource('grpc')),
    'a source by REST': locality('a', good, configSource('rest')),
  }
  const listed = `{ lb_endpoints: [ ${member('', port).resource} ] }`
  const inStatic = `{ name: s, load_assignment: ${assignment('s', locality('a', good, source)).resource} }`
  return [
    {
      name: 'a cluster that is to keep its list',
      act: (plane) => {
        plane.set('CDS', [edsCluster('r', source)], '5')
        plane.set('EDS', [assignment('r', listed)], '7')
      },
      until: ['CDS ack 5', 'EDS ack 7'],
    },
    ...Object.entries(bad).map(
      ([name, group], i): XdsStep => ({
        name: `refused: ${name}`,
        act: (plane) => plane.set('EDS', [assignment('r', group)], `r${i}`),
        until: [`EDS nack r${i}`],
        admin: ['/clusters'],
      }),
    ),
    {
      name: 'no collections for a static cluster',
      act: (plane) => plane.set('CDS', [edsCluster('r', source), { name: 's', resource: inStatic }], '6'),
      until: ['CDS nack 6'],
    },
  ]
}
