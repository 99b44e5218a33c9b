// What the tests of discovery share: a server that asks a control plane over ADS, and resources for it.

import { ControlPlane } from '../support/xds/control_plane.ts'
import type { ResourceInput } from '../support/xds/resources.ts'

export const ads = { ads: {}, resource_api_version: 'V3' }

/** A bootstrap that knows nothing but where to ask. */
export function adsBootstrap(port: number, apiType: 'GRPC' | 'DELTA_GRPC' = 'GRPC'): string {
  const { clusters, ...rest } = adsParts(port, apiType)
  return JSON.stringify({ ...rest, static_resources: { clusters } })
}

/** What of a bootstrap says where to ask; the cluster for it is among the static ones. */
export function adsParts(
  port: number,
  apiType: 'GRPC' | 'DELTA_GRPC',
): { readonly node: object; readonly dynamic_resources: object; readonly clusters: readonly object[] } {
  return {
    node: { id: 'node', cluster: 'cluster' },
    dynamic_resources: {
      ads_config: {
        api_type: apiType,
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    clusters: [
      {
        name: 'xds',
        type: 'STATIC',
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            explicit_http_config: { http2_protocol_options: {} },
          },
        },
        load_assignment: assignment('xds', port),
      },
    ],
  }
}

/** A ClusterLoadAssignment on loopback. */
export function assignment(name: string, ...ports: readonly number[]): object {
  const endpoint = (port: number): object => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
  })
  return { cluster_name: name, endpoints: [{ lb_endpoints: ports.map(endpoint) }] }
}

export function edsCluster(name: string, more: object = {}): ResourceInput {
  return { name, resource: { name, type: 'EDS', eds_cluster_config: { eds_config: ads }, ...more } }
}

export function endpoints(name: string, ...ports: readonly number[]): ResourceInput {
  return { name, resource: assignment(name, ...ports) }
}

/** On a free port of 127.0.0.1, with its routes by RDS. */
export function rdsListener(name: string, routeName: string, more: object = {}): ResourceInput {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: name,
    rds: { route_config_name: routeName, config_source: ads },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  }
  const resource = {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
    ...more,
  }
  return { name, resource }
}

export function routesTo(name: string, action: object): ResourceInput {
  return {
    name,
    resource: {
      name,
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...action }] }],
    },
  }
}

export function answer(text: string): object {
  return { direct_response: { status: 200, body: { inline_string: text } } }
}

/** A control plane that has one listener, one route and one cluster with its endpoints. */
export async function planeWithOneService(backendPort: number): Promise<ControlPlane> {
  const plane = await ControlPlane.start()
  plane.setAll('1', {
    CDS: [edsCluster('c')],
    EDS: [endpoints('c', backendPort)],
    LDS: [rdsListener('l', 'r')],
    RDS: [routesTo('r', { route: { cluster: 'c' } })],
  })
  return plane
}
