// What the benchmarks measure: a configuration for both proxies, and the request to send.

export interface Scenario {
  readonly name: string
  readonly bodyBytes: number
  /** YAML lines of the connection manager besides the routes. */
  readonly connectionManager: string
  readonly routes: string
  readonly path: string
}

const oneRoute = '- { match: { prefix: "/" }, route: { cluster: backend } }'

const jsonLog = `access_log:
- name: file
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: /dev/null
    log_format:
      json_format:
        start: "%START_TIME%"
        method: "%REQ(:METHOD)%"
        path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
        protocol: "%PROTOCOL%"
        code: "%RESPONSE_CODE%"
        flags: "%RESPONSE_FLAGS%"
        details: "%RESPONSE_CODE_DETAILS%"
        received: "%BYTES_RECEIVED%"
        sent: "%BYTES_SENT%"
        duration: "%DURATION%"
        service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"
        agent: "%REQ(USER-AGENT)%"
        id: "%REQ(X-REQUEST-ID)%"
        authority: "%REQ(:AUTHORITY)%"
        host: "%UPSTREAM_HOST%"`

function manyRoutes(count: number): string {
  return Array.from(
    { length: count },
    (_, i) => `- { match: { prefix: "/service-${i}/" }, route: { cluster: backend } }`,
  ).join('\n')
}

export const scenarios: readonly Scenario[] = [
  { name: 'http1_keepalive', bodyBytes: 128, connectionManager: '', routes: oneRoute, path: '/' },
  { name: 'http1_access_log', bodyBytes: 128, connectionManager: jsonLog, routes: oneRoute, path: '/' },
  { name: 'http1_64k_response', bodyBytes: 65_536, connectionManager: '', routes: oneRoute, path: '/' },
  {
    name: 'routes_10000_last',
    bodyBytes: 128,
    connectionManager: '',
    routes: manyRoutes(10_000),
    path: '/service-9999/x',
  },
]

export function bootstrap(scenario: Scenario, backendPort: number): string {
  const indent = (text: string, columns: number): string => text.replaceAll('\n', `\n${' '.repeat(columns)}`)
  return `admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
  - name: bench
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          ${indent(scenario.connectionManager, 10)}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              ${indent(scenario.routes, 14)}
          http_filters:
          - name: router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: backend
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${backendPort} } } }
`
}
