/** Resources and bootstraps for tests of discovery: each is small, and names where its own parts come from. */
import type { ControlPlane } from './control_plane.ts'
import type { ResourceInput } from './resources.ts'

const types = 'type.googleapis.com/envoy'
const HCM = `${types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`
const ROUTER = `${types}.extensions.filters.http.router.v3.Router`
const HTTP_OPTIONS = `${types}.extensions.upstreams.http.v3.HttpProtocolOptions`

export type ApiMode = 'ads' | 'delta ads' | 'grpc' | 'delta grpc' | 'rest'

const apiTypes = { ads: 'GRPC', 'delta ads': 'DELTA_GRPC', grpc: 'GRPC', 'delta grpc': 'DELTA_GRPC', rest: 'REST' }
const refreshDelay = '0.1s'

/** A flow-style ConfigSource; `extra` are fields of it: `initial_fetch_timeout: 1s`. */
export function configSource(mode: ApiMode, extra = ''): string {
  const more = extra === '' ? '' : `, ${extra}`
  if (mode === 'ads' || mode === 'delta ads') return `{ resource_api_version: V3, ads: {}${more} }`
  return `{ resource_api_version: V3, api_config_source: ${apiSource(mode)}${more} }`
}

function apiSource(mode: ApiMode): string {
  const api = `api_type: ${apiTypes[mode]}, transport_api_version: V3`
  if (mode === 'rest') return `{ ${api}, cluster_names: [ rest ], refresh_delay: ${refreshDelay}, request_timeout: 1s }`
  return `{ ${api}, set_node_on_first_message_only: true, grpc_services: [ { envoy_grpc: { cluster_name: xds } } ] }`
}

export interface BootstrapPieces {
  /** More YAML at the top level, such as `layered_runtime`. */
  readonly more?: string
  /** More fields of `dynamic_resources`, indented by two. */
  readonly dynamicResources?: string
  /** More static clusters, each an element of the list, indented by two. */
  readonly clusters?: string
}

/** A bootstrap whose listeners and clusters come from the control plane. */
export function discoveryBootstrap(plane: ControlPlane, mode: ApiMode, pieces: BootstrapPieces = {}): string {
  const isAds = mode === 'ads' || mode === 'delta ads'
  return `
node: { id: test-node, cluster: test-cluster, metadata: { a: 1, nested: { b: [ true, null, text ] } } }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
dynamic_resources:
  ${isAds ? `ads_config: ${apiSource(mode)}` : ''}
  cds_config: ${configSource(mode)}
  lds_config: ${configSource(mode)}
${pieces.dynamicResources ?? ''}
static_resources:
  clusters:
  - name: xds
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": ${HTTP_OPTIONS}
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment: ${assignment('xds', plane.port)}
  - name: rest
    connect_timeout: 2s
    load_assignment: ${assignment('rest', plane.restPort)}
${pieces.clusters ?? ''}
${pieces.more ?? ''}
`
}

function assignment(name: string, ...ports: readonly number[]): string {
  const hosts = ports.map((port) => `{ endpoint: { address: ${address(port)} } }`)
  return `{ cluster_name: ${name}, endpoints: [ { lb_endpoints: [ ${hosts.join(', ')} ] } ] }`
}

function address(port: number): string {
  return `{ socket_address: { address: 127.0.0.1, port_value: ${port} } }`
}

/** `extra`: more fields, flow style. */
export function edsCluster(name: string, source: string, extra = ''): ResourceInput {
  const fields = [`name: ${name}`, 'type: EDS', 'connect_timeout: 1s', `eds_cluster_config: { eds_config: ${source} }`]
  return { name, resource: flow(fields, extra) }
}

export function staticCluster(name: string, port: number, extra = ''): ResourceInput {
  const fields = [`name: ${name}`, 'connect_timeout: 1s', `load_assignment: ${assignment(name, port)}`]
  return { name, resource: flow(fields, extra) }
}

export function endpoints(name: string, ...ports: readonly number[]): ResourceInput {
  return { name, resource: assignment(name, ...ports) }
}

/** All requests to one cluster; `domains` as a flow-style list. */
export function routes(name: string, cluster: string, domains = '["*"]'): ResourceInput {
  return { name, resource: `{ name: ${name}, virtual_hosts: [ ${virtualHostText('all', cluster, domains)} ] }` }
}

export function virtualHostText(name: string, cluster: string, domains: string): string {
  return `{ name: ${name}, domains: ${domains}, routes: [ { match: { prefix: / }, route: { cluster: ${cluster} } } ] }`
}

export interface ListenerPieces {
  readonly statPrefix?: string
  /** Before the router, each with a comma behind it. */
  readonly httpFilters?: string
  /** Of the filter chain, such as its transport socket. */
  readonly chain?: string
  readonly extra?: string
}

/** `routeSource` is the connection manager's field: see `rds` and `inlineRoute`. */
export function httpListener(name: string, routeSource: string, pieces: ListenerPieces = {}): ResourceInput {
  const { statPrefix = name, httpFilters = '', chain = '', extra = '' } = pieces
  const filters = `http_filters: [ ${httpFilters} { name: router, typed_config: { "@type": ${ROUTER} } } ]`
  const manager = `{ "@type": ${HCM}, stat_prefix: ${statPrefix}, ${routeSource}, ${filters} }`
  const filterChain = flow([`filters: [ { name: hcm, typed_config: ${manager} } ]`], chain)
  const fields = [`name: ${name}`, `address: ${address(0)}`, `filter_chains: [ ${filterChain} ]`]
  return { name, resource: flow(fields, extra) }
}

export function rds(routeConfigName: string, source: string): string {
  return `rds: { route_config_name: ${routeConfigName}, config_source: ${source} }`
}

export function inlineRoute(cluster: string): string {
  return `route_config: { name: inline, virtual_hosts: [ ${virtualHostText('all', cluster, '["*"]')} ] }`
}

function flow(fields: readonly string[], extra: string): string {
  return `{ ${[...fields, ...(extra === '' ? [] : [extra])].join(', ')} }`
}
