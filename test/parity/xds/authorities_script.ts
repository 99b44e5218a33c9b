/** Endpoints and routes that come from the source of their name's authority, where the runtime says so. */

import type { ResourceInput } from '../../support/xds/resources.ts'
import {
  type ApiMode,
  configSource,
  edsCluster,
  endpoints,
  httpListener,
  inlineRoute,
  rds,
  routes,
} from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const flag = 'envoy.reloadable_features.xdstp_based_config_singleton_subscriptions'
const assignmentType = 'envoy.config.endpoint.v3.ClusterLoadAssignment'
const routesName = 'xdstp://state/envoy.config.route.v3.RouteConfiguration/r'

/** One source by each protocol; `both` stands in two of them. */
function bootstrap(usesAuthorities: boolean): () => { more: string } {
  const source = (kind: string, ...authorities: readonly string[]) => {
    const grpc = 'transport_api_version: V3, grpc_services: [ { envoy_grpc: { cluster_name: xds } } ]'
    const names = authorities.map((name) => `{ name: ${name} }`)
    return `{ resource_api_version: V3, api_config_source: { api_type: ${kind}, ${grpc} }, authorities: [ ${names.join(', ')} ] }`
  }
  return () => ({
    more: `
config_sources:
- ${source('AGGREGATED_GRPC', 'state', 'both')}
- ${source('AGGREGATED_DELTA_GRPC', 'delta', 'both')}
default_config_source: ${source('AGGREGATED_DELTA_GRPC')}
layered_runtime: { layers: [ { name: static, static_layer: { ${flag}: ${usesAuthorities} } } ] }
`,
  })
}

export const authoritiesScript: XdsScript = {
  name: 'authorities',
  bootstrap: bootstrap(true),
  steps: (mode, port) => [...firstSteps(mode, port), ...laterSteps(mode, port)],
}

/** The streams are open, and nothing is asked on them. */
export const unusedAuthoritiesScript: XdsScript = {
  name: 'authorities without the flag',
  bootstrap: bootstrap(false),
  steps: (mode, port) => [
    {
      name: 'endpoints by their own source',
      act: (plane) =>
        plane.setAll('1', {
          CDS: [cluster('a', 'state', configSource(mode)), cluster('none', 'delta', '')],
          EDS: [assignment('state', port)],
          LDS: [httpListener('l', inlineRoute('a'))],
        }),
      until: ['CDS nack 1', 'EDS ack 1', 'LDS ack 1'],
      becomesReady: true,
      ask: ['l'],
    },
  ],
}

function serviceName(authority: string): string {
  return `xdstp://${authority}/${assignmentType}/of/${authority}?b=1&a=2`
}

/** `source`: '' for none. */
function cluster(name: string, authority: string, source: string): ResourceInput {
  const config = `eds_cluster_config: { service_name: "${serviceName(authority)}"${source && `, eds_config: ${source}`} }`
  return { name, resource: `{ name: ${name}, type: EDS, connect_timeout: 1s, ${config} }` }
}

function assignment(authority: string, port: number): ResourceInput {
  const name = serviceName(authority)
  return { ...endpoints(`'${name}'`, port), name: name.replace('b=1&a=2', 'a=2&b=1') }
}

function firstSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const authorities = ['state', 'delta', 'both', 'any']
  return [
    {
      name: 'clusters of several authorities',
      act: (plane) =>
        plane.setAll('1', {
          CDS: [
            ...authorities.map((each) => cluster(each, each, each === 'delta' ? source : '')),
            edsCluster('plain', source),
          ],
          EDS: [...authorities.map((each) => assignment(each, port)), endpoints('plain', port)],
          LDS: [httpListener('l', inlineRoute('any')), httpListener('routed', rds(`"${routesName}"`, source))],
          RDS: [{ ...routes(`"${routesName}"`, 'state'), name: routesName }],
        }),
      until: ['CDS ack 1', 'EDS ack 1', 'LDS ack 1', 'RDS ack 1'],
      becomesReady: true,
      admin: ['/clusters', '/config_dump?resource=dynamic_route_configs'],
      ask: ['l', 'routed'],
    },
    {
      name: 'other endpoints of all',
      act: (plane) => plane.set('EDS', [...authorities.map((each) => assignment(each, 1)), endpoints('plain', 2)], '2'),
      until: ['EDS ack 2'],
      admin: ['/clusters'],
      ask: ['l', 'routed'],
    },
  ]
}

function laterSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const malformed = `eds_cluster_config: { service_name: "xdstp://state", eds_config: ${source} }`
  const left = [cluster('state', 'state', ''), cluster('any', 'any', ''), edsCluster('plain', source)]
  return [
    {
      name: 'fewer clusters',
      act: (plane) => {
        plane.store.set('EDS', [assignment('state', port), assignment('any', port), endpoints('plain', 2)], '3')
        plane.set('CDS', left, '3')
      },
      until: ['CDS ack 3', 'EDS change'],
    },
    {
      name: 'a malformed name, and none at all without a source',
      act: (plane) =>
        plane.set(
          'CDS',
          [
            ...left,
            { name: 'bad', resource: `{ name: bad, type: EDS, ${malformed} }` },
            { name: 'bare', resource: '{ name: bare, type: EDS, eds_cluster_config: {} }' },
          ],
          '4',
        ),
      until: ['CDS nack 4'],
    },
    {
      name: 'new streams',
      act: (plane) => {
        for (const stream of plane.openStreams) stream.end()
      },
      until: ['EDS initial', 'RDS initial', 'CDS initial'],
      quietMs: 1500,
      ask: ['l', 'routed'],
    },
  ]
}
