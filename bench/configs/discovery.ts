// The bootstrap of the scenarios of discovery: clusters and routes come from a control plane, the listener is there.

import type { Ports } from './setup.ts'

const ads = { ads: {}, resource_api_version: 'V3' }
const http2Upstream = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
}

export function discoveryConfig(controlPlanePort: number, ports: Ports): string {
  return JSON.stringify({
    node: { id: 'bench', cluster: 'bench' },
    admin: { address: address(ports.admin) },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'control_plane' } }],
      },
      cds_config: ads,
    },
    static_resources: {
      listeners: [
        {
          name: 'bench',
          address: address(ports.listen),
          filter_chains: [{ filters: [{ name: 'http', typed_config: connectionManager }] }],
        },
      ],
      clusters: [
        { ...cluster('control_plane', controlPlanePort), typed_extension_protocol_options: http2Upstream },
        cluster('backend', ports.backend),
      ],
    },
  })
}

const connectionManager = {
  '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  stat_prefix: 'bench',
  rds: { route_config_name: 'routes', config_source: ads },
  http_filters: [
    {
      name: 'router',
      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
    },
  ],
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function cluster(name: string, port: number): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }]
  return { name, type: 'STATIC', load_assignment: { cluster_name: name, endpoints } }
}
