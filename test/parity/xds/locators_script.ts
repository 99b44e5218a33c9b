/** Clusters and listeners that a locator chooses, with what the names tell of the node. */

import type { ResourceInput } from '../../support/xds/resources.ts'
import {
  type ApiMode,
  configSource,
  edsCluster,
  httpListener,
  inlineRoute,
  staticCluster,
} from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const clusterType = 'xdstp://authority/envoy.config.cluster.v3.Cluster'
const listenerType = 'xdstp://authority/envoy.config.listener.v3.Listener'
const endpointType = 'xdstp://authority/envoy.config.endpoint.v3.LbEndpoint'
/** The bootstrap's node, and a parameter of the locators' own; in the order of their keys. */
const context = [
  'own=%261',
  'xds.node.id=test-node',
  'xds.node.locality.zone=',
  'xds.node.metadata.a=1',
  'xds.node.metadata.nested={"b":%5Btrue,null,"text"%5D}',
  'xds.node.user_agent_build_version.version=1.40.0',
].join('&')

export const locatorsScript: XdsScript = {
  name: 'locators',
  bootstrap: () => ({
    dynamicResources: `
  cds_resources_locator: "${clusterType}/mine/*?own=%261"
  lds_resources_locator: "${listenerType}/mine/*?own=%261"`,
    more: 'node_context_params: [ user_agent_build_version.version, locality.zone, metadata, id ]',
  }),
  steps: (mode, port) => [
    ...clusterSteps(port),
    ...listenerSteps(port),
    ...removalSteps(port),
    ...edsSteps(mode, port),
  ],
}

/** Under its name in the collection, which the resource itself may have, too. */
function member(collection: string, { name, resource }: ResourceInput, hasFullName = false): ResourceInput {
  const full = `${collection}/${name}?${context}`
  return {
    name: full,
    resource: hasFullName ? String(resource).replace(`name: ${name},`, `name: '${full}',`) : resource,
  }
}

const mine = (type: string, resource: ResourceInput, hasFullName = false) =>
  member(`${type}/mine`, resource, hasFullName)

function clusterSteps(port: number): XdsStep[] {
  const admin = ['/config_dump?resource=dynamic_active_clusters']
  return [
    {
      name: 'the first request',
      act: () => undefined,
      until: ['CDS initial'],
    },
    {
      name: 'nothing of the collection',
      act: (plane) => plane.set('CDS', [member(`${clusterType}/other`, staticCluster('other', port))], '1'),
    },
    {
      name: 'a cluster of the collection, and one that is called by its whole name',
      act: (plane) =>
        plane.set(
          'CDS',
          [mine(clusterType, staticCluster('a', port)), mine(clusterType, staticCluster('b', port), true)],
          '2',
        ),
      until: ['CDS ack 2', 'LDS initial'],
      admin,
    },
    {
      name: 'what was not asked for',
      act: (plane) => {
        plane.store.set('CDS', [staticCluster('plain', port), { ...staticCluster('x', port), name: clusterType }], '3')
        const resources = [...plane.store.state('CDS')!.resources.values()]
        plane.streamOf('CDS').respond('CDS', { version: '3', resources })
        // What was told before is still there.
        plane.store.set(
          'CDS',
          [mine(clusterType, staticCluster('a', port)), mine(clusterType, staticCluster('b', port), true)],
          '2',
        )
      },
      until: ['CDS ack 3'],
      admin,
    },
  ]
}

function listenerSteps(port: number): XdsStep[] {
  const a = mine(listenerType, httpListener('l', inlineRoute('a')))
  return [
    {
      name: 'listeners of the collection',
      act: (plane) =>
        plane.set('LDS', [a, member(`${listenerType}/mine/deep`, httpListener('deep', inlineRoute('a')))], '4'),
      until: ['LDS ack 4'],
      becomesReady: true,
      admin: ['/config_dump?resource=dynamic_listeners'],
      ask: ['l'],
    },
    {
      name: 'a bad listener beside a good one',
      act: (plane) =>
        plane.set(
          'LDS',
          [
            a,
            mine(listenerType, httpListener('m', inlineRoute('a'))),
            mine(listenerType, httpListener('bad', inlineRoute('none'))),
          ],
          '5',
        ),
      until: ['LDS nack 5'],
      ask: ['l', 'm'],
    },
    {
      name: 'a bad cluster beside a good one',
      act: (plane) =>
        plane.set(
          'CDS',
          [
            mine(clusterType, staticCluster('a', port, 'alt_stat_name: changed')),
            mine(clusterType, staticCluster('bad', port, 'lb_policy: CLUSTER_PROVIDED')),
          ],
          '6',
        ),
      until: ['CDS nack 6'],
      admin: ['/config_dump?resource=dynamic_active_clusters'],
      ask: ['l'],
    },
  ]
}

function removalSteps(port: number): XdsStep[] {
  const dumps = ['/config_dump?resource=dynamic_active_clusters']
  return [
    {
      name: 'a collection is gone by its name',
      act: (plane) => {
        const removed = [`${clusterType}/mine/*?${context}`]
        plane.streamOf('CDS').respond('CDS', { version: '7', resources: [], removed })
      },
      until: ['CDS ack 7'],
      admin: dumps,
    },
    {
      name: 'a new stream',
      act: (plane) => {
        for (const stream of plane.openStreams) stream.end()
      },
      until: ['CDS initial', 'LDS initial'],
      quietMs: 1500,
      admin: dumps,
    },
    {
      name: 'removed by name, where they have their whole name',
      act: (plane) => {
        plane.set(
          'CDS',
          [mine(clusterType, staticCluster('a', port)), mine(clusterType, staticCluster('d', port), true)],
          '8',
        )
        plane.set('CDS', [mine(clusterType, staticCluster('d', port), true)], '9')
        plane.set('CDS', [], '10')
      },
      until: ['CDS ack 10'],
      admin: dumps,
    },
  ]
}

function edsSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const leds = `leds_cluster_locality_config: { leds_config: ${source}, leds_collection_name: "${endpointType}/*" }`
  const address = `{ socket_address: { address: 127.0.0.1, port_value: ${port} } }`
  const toNode = context.slice(context.indexOf('&') + 1)
  return [
    {
      name: 'a collection of endpoints is told of the node, too',
      act: (plane) => {
        plane.store.set(
          'LEDS',
          [{ name: `${endpointType}/x?${toNode}`, resource: `{ endpoint: { address: ${address} } }` }],
          '11',
        )
        plane.store.set('EDS', [{ name: 'e', resource: `{ cluster_name: e, endpoints: [ { ${leds} } ] }` }], '11')
        plane.set('CDS', [mine(clusterType, edsCluster('e', source))], '11')
      },
      until: ['CDS ack 11', 'EDS ack 11', 'LEDS ack 11'],
      admin: ['/clusters'],
    },
  ]
}
