// The built-in bootstrap of `nuncio agent`: everything else comes from the management server.

const hcm = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const protocolOptions = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** One path of a port, open to all, that leads to a cluster of this machine. */
function openPath(port: string, path: string, cluster: string): string {
  return `
  - name: 0.0.0.0_\${${port}}
    address: { socket_address: { address: 0.0.0.0, port_value: \${${port}} } }
    ignore_global_conn_limit: true
    bypass_overload_manager: true
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": ${hcm}
          stat_prefix: ${cluster}
          route_config:
            virtual_hosts:
            - { name: backend, domains: ["*"], routes: [ { match: { path: ${path} }, route: { cluster: ${cluster} } } ] }
          http_filters: [ { name: envoy.filters.http.router, typed_config: { "@type": ${router} } } ]`
}

function localCluster(name: string, port: string): string {
  return `
  - name: ${name}
    connect_timeout: 0.25s
    load_assignment:
      cluster_name: ${name}
      endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \${${port}} } } } } ] } ]`
}

const ads = '{ ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3 }'

export const bootstrapTemplate = `
node: \${node}
admin: { address: { socket_address: { address: 127.0.0.1, port_value: \${admin_port} } } }
dynamic_resources:
  lds_config: ${ads}
  cds_config: ${ads}
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services: [ { envoy_grpc: { cluster_name: xds-grpc } } ]
static_resources:
  clusters:
  - name: xds-grpc
    type: \${discovery_type}
    connect_timeout: 1s
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } }
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": ${protocolOptions}
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: xds-grpc
      endpoints: [ { lb_endpoints: [ { endpoint: { address: \${discovery_address} } } ] } ]
${localCluster('prometheus_stats', 'admin_port')}
${localCluster('agent', 'status_port')}
  listeners:
${openPath('metrics_port', '/stats/prometheus', 'prometheus_stats')}
${openPath('ready_port', '/healthz/ready', 'agent')}
`
