// What the control plane gives out, one step after the other. Each brings what the next one uses.
import type { PortOf } from '../example.ts'
import { type Resource, types } from './control_plane.ts'

export interface Step {
  readonly what: string
  readonly resources: readonly Resource[]
}

export function stepsOn(portOf: PortOf): Step[] {
  const http = listener('http', portOf(10000))
  const toBlue = routes(route('/', 'blue'))
  const toGreen = routes(route('/old/', 'blue'), route('/', 'green'))
  const blue = [cluster('blue'), endpoints('blue', portOf(7001), portOf(7002))]
  const green = [cluster('green'), endpoints('green', portOf(7003))]
  const broken = { ...cluster('broken'), lb_policy: 'CLUSTER_PROVIDED' }
  return [
    { what: 'one endpoint', resources: [http, toBlue, cluster('blue'), endpoints('blue', portOf(7001))] },
    { what: 'a second endpoint', resources: [http, toBlue, ...blue] },
    { what: 'a second cluster, which nobody uses yet', resources: [http, toBlue, ...blue, ...green] },
    { what: 'a route to it', resources: [http, toGreen, ...blue, ...green] },
    { what: 'a second listener', resources: [http, listener('second', portOf(10001)), toGreen, ...blue, ...green] },
    { what: 'a route and a listener less', resources: [http, routes(route('/', 'green')), ...blue, ...green] },
    { what: 'a cluster less', resources: [http, routes(route('/', 'green')), ...green] },
    { what: 'a cluster that is refused', resources: [http, routes(route('/', 'green')), ...green, broken] },
  ]
}

const ads = { resource_api_version: 'V3', ads: {} }
const extensions = 'type.googleapis.com/envoy.extensions.filters'

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function listener(name: string, port: number): Resource {
  const router = { name: 'envoy.filters.http.router', typed_config: { '@type': `${extensions}.http.router.v3.Router` } }
  const manager = {
    '@type': `${extensions}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    rds: { route_config_name: 'local', config_source: ads },
    http_filters: [router],
  }
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager }
  return { '@type': types.listener, name, address: address(port), filter_chains: [{ filters: [filter] }] }
}

function routes(...all: readonly object[]): Resource {
  return { '@type': types.routes, name: 'local', virtual_hosts: [{ name: 'all', domains: ['*'], routes: all }] }
}

function route(prefix: string, clusterName: string): object {
  return { match: { prefix }, route: { cluster: clusterName } }
}

function cluster(name: string): Resource {
  return {
    '@type': types.cluster,
    name,
    type: 'EDS',
    connect_timeout: { seconds: 1 },
    eds_cluster_config: { eds_config: ads },
  }
}

function endpoints(clusterName: string, ...ports: readonly number[]): Resource {
  const all = ports.map((port) => ({ endpoint: { address: address(port) } }))
  return { '@type': types.endpoints, cluster_name: clusterName, endpoints: [{ lb_endpoints: all }] }
}
