// The bootstrap of a scenario: Envoy and Nuncio run the same.

import { benchCertificate } from '../certificate.ts'
import { type Ports, routePrefixes, type Setup } from './setup.ts'

const jsonLog = `
          access_log:
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

export function envoyConfig(setup: Setup, ports: Ports): string {
  return `admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${ports.admin} } } }
static_resources:
  listeners:
  - name: bench
    address: { socket_address: { address: 127.0.0.1, port_value: ${ports.listen} } }
    filter_chains:
    - filters:
${setup.protocol === 'http' ? connectionManager(setup) : tcpProxy}${setup.tls === 'none' ? '' : downstreamTls(setup)}
  clusters:
${cluster('backend', setup.upstream, ports.backend)}${setup.rateLimitPort === 0 ? '' : cluster('limits', 'http2', setup.rateLimitPort)}`
}

function cluster(name: string, protocol: Setup['upstream'], port: number): string {
  return `  - name: ${name}${protocol === 'http2' ? http2Upstream : ''}
    load_assignment:
      cluster_name: ${name}
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }
`
}

function downstreamTls({ tls }: Setup): string {
  const { certPath, keyPath } = benchCertificate()
  return `
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext${tls === 'notResumable' ? noResumption : ''}
          common_tls_context:
            tls_certificates:
            - { certificate_chain: { filename: ${certPath} }, private_key: { filename: ${keyPath} } }`
}

const noResumption = `
          disable_stateless_session_resumption: true
          disable_stateful_session_resumption: true`

const http2Upstream = `
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }`

/** Each request is limited: the usual 20 ms would let some pass on a busy machine. */
const rateLimitFilter = `
          - name: ratelimit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit
              domain: bench
              timeout: 10s
              failure_mode_deny: true
              rate_limit_service: { transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: limits } } }`

const tcpProxy = `      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: bench
          cluster: backend`

function connectionManager(setup: Setup): string {
  const prefixes = setup.routeCount === 0 ? ['/'] : routePrefixes(setup)
  const limits = setup.rateLimitPort === 0 ? '' : ', rate_limits: [ { actions: [ { remote_address: {} } ] } ]'
  const routes = prefixes.map(
    (prefix) => `\n              - { match: { prefix: ${prefix} }, route: { cluster: backend${limits} } }`,
  )
  return `      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench${setup.accessLog ? jsonLog : ''}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:${routes.join('')}
          http_filters:${setup.rateLimitPort === 0 ? '' : rateLimitFilter}
          - name: router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }`
}
