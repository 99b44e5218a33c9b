/** Routes for some requests only: virtual hosts on demand, scopes on demand, scopes of all kinds of keys. */

import type { ResourceInput } from '../../support/xds/resources.ts'
import {
  type ApiMode,
  configSource,
  httpListener,
  inlineRoute,
  rds,
  routes,
  staticCluster,
  virtualHostText,
} from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const ON_DEMAND = 'type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand'
const httpFilters = `{ name: envoy.filters.http.on_demand, typed_config: { "@type": ${ON_DEMAND} } },`
const plain = httpListener('plain', inlineRoute('a'))
const routesDump = '/config_dump?resource=dynamic_scoped_route_configs'

export const onDemandScript: XdsScript = {
  name: 'routes on demand',
  steps: (mode, port) => [
    {
      name: 'a cluster, and a listener that needs nothing',
      act: (plane) => plane.setAll('1', { CDS: [staticCluster('a', port)], LDS: [plain] }),
      until: ['CDS ack 1', 'LDS ack 1'],
      quietMs: 1500,
    },
    ...virtualHostSteps(mode),
    ...scopeSteps(mode),
    ...keySteps(mode),
  ],
}

function hostsListener(mode: ApiMode): ResourceInput {
  return httpListener('hosts', rds('vh', configSource(mode)), { httpFilters })
}

function virtualHostSteps(mode: ApiMode): XdsStep[] {
  const listener = hostsListener(mode)
  const table = (more: string): ResourceInput => ({
    name: 'vh',
    resource: `{ name: vh, virtual_hosts: [ ${more} ], vhds: { config_source: ${configSource(mode)} } }`,
  })
  const host = (name: string): ResourceInput => ({
    name: `vh/${name}`,
    aliases: [`vh/${name}.test`],
    resource: virtualHostText(name, 'a', `["${name}.test"]`),
  })
  const nothing = { name: 'vh/none.test', aliases: ['vh/none.test'], resource: undefined }
  const ask = (name: string, method = 'GET') => ({ of: 'hosts', headers: { host: `${name}.test` }, method })
  return [
    {
      name: 'a listener with virtual hosts on demand',
      act: (plane) => {
        plane.set('RDS', [table(virtualHostText('own', 'a', '["own.test"]'))], 'r1')
        plane.set('LDS', [plain, listener], 'l2')
      },
      until: ['LDS ack l2', 'RDS ack r1', 'VHDS initial'],
      admin: ['/init_dump'],
    },
    {
      name: 'a virtual host that comes by itself',
      act: (plane) => {
        // Nobody has asked for it: it is not withdrawn for that.
        plane.script.onRequest = ({ type, kind, names }) => type === 'VHDS' && kind === 'ack' && names.length === 0
        plane.store.set('VHDS', [host('zero')], 'v0')
        plane.streamOf('VHDS').respond('VHDS', { resources: [...plane.store.state('VHDS')!.resources.values()] })
      },
      until: ['VHDS ack v0'],
      admin: ['/init_dump', '/config_dump?resource=dynamic_route_configs'],
      ask: [ask('own'), ask('zero')],
    },
    {
      name: 'a virtual host that is asked for',
      act: (plane) => plane.set('VHDS', [host('zero'), host('one'), host('two'), nothing], 'v1'),
      ask: [ask('one'), ask('two'), ask('one')],
    },
    {
      name: 'what was asked',
      act: () => undefined,
      until: ['VHDS change names=[vh/one.test]', 'VHDS change names=[vh/two.test]', 'VHDS ack v1'],
      ask: [ask('none')],
    },
    {
      name: 'a virtual host that changed',
      act: (plane) =>
        plane.set(
          'VHDS',
          [host('zero'), { ...host('one'), resource: virtualHostText('one', 'nowhere', '["one.test"]') }, host('two')],
          'v2',
        ),
      until: ['VHDS ack v2'],
      ask: [ask('one'), ask('two')],
    },
    {
      name: 'a virtual host that is gone',
      act: (plane) => plane.streamOf('VHDS').respond('VHDS', { version: 'v3', resources: [], removed: ['vh/two'] }),
      until: ['VHDS ack v3'],
      ask: [ask('one'), ask('two')],
    },
    {
      name: 'virtual hosts of the route configuration change',
      act: (plane) => plane.set('RDS', [table(virtualHostText('own', 'a', '["other.test"]'))], 'r2'),
      until: ['RDS ack r2'],
      ask: [ask('other'), ask('one')],
    },
  ]
}

function lazyListener(mode: ApiMode): ResourceInput {
  const source = configSource(mode)
  const scoped = `scoped_routes: { name: lazy, rds_config_source: ${source}, scope_key_builder: { fragments: [ { header_value_extractor: { name: x-scope, index: 0 } } ] }, scoped_rds: { scoped_rds_config_source: ${source} } }`
  return httpListener('lazy', scoped, { httpFilters })
}

function scopeSteps(mode: ApiMode): XdsStep[] {
  const scope = (name: string, more: string): ResourceInput => ({
    name,
    resource: `{ name: ${name}, key: { fragments: [ { string_key: ${name} } ] }, ${more} }`,
  })
  const ask = (name: string) => ({ of: 'lazy', headers: { 'x-scope': name } })
  return [
    {
      name: 'a scope on demand beside one that is not',
      act: (plane) => {
        plane.set(
          'SRDS',
          [
            scope('now', 'route_configuration_name: s1'),
            scope('later', 'route_configuration_name: s2, on_demand: true'),
          ],
          's1',
        )
        plane.set('RDS', [routes('s1', 'a'), routes('s2', 'a')], 'r3')
        plane.set('LDS', [plain, hostsListener(mode), lazyListener(mode)], 'l3')
      },
      until: ['LDS ack l3', 'SRDS ack s1'],
      admin: [routesDump],
      ask: [ask('now'), ask('later'), ask('never')],
    },
    {
      name: 'what it asked for',
      act: () => undefined,
      ask: [ask('later')],
    },
    {
      name: 'a scope that holds its routes itself',
      act: (plane) =>
        plane.set(
          'SRDS',
          [
            scope('now', 'route_configuration_name: s1'),
            scope(
              'own',
              `route_configuration: { name: mine, virtual_hosts: [ ${virtualHostText('all', 'a', '["*"]')} ] }`,
            ),
          ],
          's2',
        ),
      until: ['SRDS ack s2'],
      ask: [ask('now'), ask('later'), ask('own')],
    },
    {
      name: 'a scope without routes',
      act: (plane) =>
        plane.set(
          'SRDS',
          [{ name: 'bad', resource: '{ name: bad, key: { fragments: [ { string_key: bad } ] } }' }],
          's3',
        ),
      until: ['SRDS nack s3'],
      ask: [ask('bad')],
    },
  ]
}

/** Keys of more than one fragment, of elements, and headers that have none of it. */
function keySteps(mode: ApiMode): XdsStep[] {
  const element =
    '{ header_value_extractor: { name: X-Element, element_separator: ";", element: { separator: "=", key: k } } }'
  const index = '{ header_value_extractor: { name: x-index, element_separator: ",", index: 1 } }'
  const keys: Readonly<Record<string, readonly string[]>> = {
    one: ['1', '2'],
    two: ['1', ''],
    three: ['', '2'],
    four: ['=1', '2'],
  }
  const scopes = Object.entries(keys).map(([name, parts]) => {
    const fragments = parts.map((part) => `{ string_key: "${part}" }`).join(', ')
    const host = `{ name: ${name}, domains: ["*"], routes: [ { match: { prefix: / }, direct_response: { status: 200, body: { inline_string: ${name} } } } ] }`
    return `{ name: ${name}, key: { fragments: [ ${fragments} ] }, route_configuration: { name: ${name}, virtual_hosts: [ ${host} ] } }`
  })
  const scoped = `scoped_routes: { name: keys, scope_key_builder: { fragments: [ ${element}, ${index} ] }, scoped_route_configurations_list: { scoped_route_configurations: [ ${scopes.join(', ')} ] } }`
  const values: readonly [string, string][] = [
    ['k=1', 'a,2'],
    ['a=3;k=1;k=5', 'a,2,3'],
    ['k=1', 'a,'],
    ['k=1', 'a'],
    ['k', 'a,2'],
    ['k=', 'a,2'],
    ['k==1', 'a,2'],
    ['K=1', 'a,2'],
    [' k=1', 'a,2'],
    ['', 'a,2'],
  ]
  return [
    {
      name: 'scopes of a listener of its own',
      act: (plane) =>
        plane.set('LDS', [plain, hostsListener(mode), lazyListener(mode), httpListener('keys', scoped)], 'l4'),
      until: ['LDS ack l4'],
      admin: ['/config_dump?resource=inline_scoped_route_configs'],
      ask: [
        'keys',
        ...values.map(([element, index]) => ({ of: 'keys', headers: { 'x-element': element, 'x-index': index } })),
      ],
    },
  ]
}
