/** Locators of collections, and sources by authority, as Envoy accepts or refuses them in a bootstrap. */
import type { VerdictCase } from './verdict_cases.ts'

const clusters = 'xdstp://authority/envoy.config.cluster.v3.Cluster'
const grpc = '{ envoy_grpc: { cluster_name: x } }'
const api = (type: string) =>
  `{ api_config_source: { api_type: ${type}, transport_api_version: V3, grpc_services: [ ${grpc} ] } }`
const endpoint = '{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 1 } } } }'

const withClusters = (name: string, dynamicResources: string, more = ''): VerdictCase => ({
  name: `collection: ${name}`,
  yaml: `
node: { id: node, cluster: c }
${more}
dynamic_resources: { ${dynamicResources} }
static_resources:
  clusters:
  - name: x
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment: { cluster_name: x, endpoints: [ { lb_endpoints: [ ${endpoint} ] } ] }
`,
})
const of = (name: string, locator: string, source = api('DELTA_GRPC')): VerdictCase =>
  withClusters(name, `cds_config: ${source}, cds_resources_locator: "${locator}"`)

export const collectionVerdictCases: readonly VerdictCase[] = [
  of('of clusters', `${clusters}/a/*`),
  of('that is one resource', `${clusters}/a`),
  of('with parameters', `${clusters}/a/*?x=y`),
  of('as a list', 'xdstp://authority/envoy.config.cluster.v3.ClusterCollection/a'),
  of('of another type', 'xdstp://authority/envoy.config.listener.v3.Listener/a/*'),
  of('without a type', 'xdstp://authority'),
  of('without a scheme', 'a'),
  of('by HTTP', 'http://authority/a'),
  of('by a file that there is not', 'file:///none'),
  of('with a directive that nobody knows', `${clusters}/a/*#x=y`),
  of('by the other protocol', `${clusters}/a/*`, api('GRPC')),
  of(
    'by REST',
    `${clusters}/a/*`,
    '{ api_config_source: { api_type: REST, cluster_names: [ x ], refresh_delay: 1s } }',
  ),
  of('from a file', `${clusters}/a/*`, '{ path_config_source: { path: /dev/null } }'),
  withClusters('without a source', `cds_resources_locator: "${clusters}/a/*"`),
  withClusters('with node parameters that there are not', '', 'node_context_params: [ id, nothing ]'),
  withClusters('without a locator', `cds_config: ${api('DELTA_GRPC')}, cds_resources_locator: ""`),
]

const authorities = (...names: readonly string[]) =>
  `authorities: [ ${names.map((name) => `{ name: ${name} }`).join(', ')} ]`
const from = (kind: string, more = '') => `{ ${api(kind).slice(2, -2)}${more && `, ${more}`} }`
const sources = (name: string, ...list: readonly string[]): VerdictCase =>
  withClusters(`sources, ${name}`, '', `config_sources: [ ${list.join(', ')} ]`)
const byDefault = (name: string, source: string): VerdictCase =>
  withClusters(`source by default, ${name}`, '', `default_config_source: ${source}`)

export const authorityVerdictCases: readonly VerdictCase[] = [
  sources(
    'by both protocols',
    from('AGGREGATED_GRPC', authorities('a')),
    from('AGGREGATED_DELTA_GRPC', authorities('b')),
  ),
  sources('of one authority', from('AGGREGATED_GRPC', authorities('a')), from('AGGREGATED_GRPC', authorities('a'))),
  sources('without an authority', from('AGGREGATED_GRPC')),
  sources('with an authority twice', from('AGGREGATED_GRPC', authorities('a', 'b', 'a'))),
  sources('with an authority without a name', from('AGGREGATED_GRPC', authorities('""'))),
  sources('of a stream of their own', from('DELTA_GRPC', authorities('a'))),
  sources('over ADS', `{ ads: {}, ${authorities('a')} }`),
  sources(
    'of a cluster that there is not',
    from('AGGREGATED_GRPC', authorities('a')).replace('cluster_name: x', 'cluster_name: y'),
  ),
  byDefault('without an authority', from('AGGREGATED_GRPC')),
  byDefault('of a stream of its own', from('GRPC')),
  byDefault('over ADS', '{ ads: {} }'),
]
