/** Pieces of bootstrap YAML for the conformance tests. */
const extensions = 'type.googleapis.com/envoy.extensions'
const HCM = `${extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager`
const HTTP_OPTIONS = `${extensions}.upstreams.http.v3.HttpProtocolOptions`
const DOWNSTREAM_TLS = `${extensions}.transport_sockets.tls.v3.DownstreamTlsContext`
const UPSTREAM_TLS = `${extensions}.transport_sockets.tls.v3.UpstreamTlsContext`

export interface ListenerPieces {
  /** Fields of the connection manager: one flow-style line each. */
  readonly hcm?: string
  /** What all requests get: `route: {...}` or `direct_response: {...}`. */
  readonly route?: string
  /** Flow-style list of routes, for more than one. */
  readonly routes?: string
  /** Flow-style list of virtual hosts, for more than the one that has these routes. */
  readonly virtualHosts?: string
  /** HTTP filters before the router, by name and message: `cors`, `Cors`. */
  readonly filters?: readonly (readonly [name: string, message: string])[]
  /** Certificate and key, and what ALPN offers: without it the listener is plain. */
  readonly tls?: { readonly certPath: string; readonly keyPath: string }
}

export function httpListener(name: string, pieces: ListenerPieces): string {
  const { filters = [] } = pieces
  const routes = pieces.routes ?? `[ { match: { prefix: / }, ${pieces.route} } ]`
  const virtualHosts = pieces.virtualHosts ?? `[ { name: all, domains: ["*"], routes: ${routes} } ]`
  return `
  - name: ${name}
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": ${HCM}
          stat_prefix: ${name}
          delayed_close_timeout: 0.1s
          ${(pieces.hcm ?? '').split('\n').join('\n          ')}
          route_config: { virtual_hosts: ${virtualHosts} }
          http_filters: [ ${[...filters, ['router', 'Router'] as const].map(httpFilter).join(', ')} ]
${pieces.tls === undefined ? '' : downstreamTls(pieces.tls)}`
}

function httpFilter([name, message]: readonly [name: string, message: string]): string {
  const type = `${extensions}.filters.http.${name}.v3.${message}`
  return `{ name: envoy.filters.http.${name}, typed_config: { "@type": ${type} } }`
}

function downstreamTls({ certPath, keyPath }: { certPath: string; keyPath: string }): string {
  return `
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": ${DOWNSTREAM_TLS}
          common_tls_context:
            alpn_protocols: [ h2, http/1.1 ]
            tls_certificates: [ { certificate_chain: { filename: ${certPath} }, private_key: { filename: ${keyPath} } } ]`
}

/** `protocol`: a member of explicit_http_config. With `caPath` the cluster speaks TLS to hosts named `localhost`. */
export function cluster(name: string, port: number, protocol: string, caPath?: string): string {
  const tls = `
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": ${UPSTREAM_TLS}
        sni: localhost
        common_tls_context:
          validation_context:
            trusted_ca: { filename: ${caPath} }
            match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: localhost } } ]`
  return `
  - name: ${name}
    connect_timeout: 5s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": ${HTTP_OPTIONS}
        explicit_http_config: { ${protocol} }
    load_assignment:
      cluster_name: ${name}
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }
${caPath === undefined ? '' : tls}`
}

export function proxyYaml(listeners: readonly string[], clusters: readonly string[]): string {
  return `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:${listeners.join('')}
  clusters:${clusters.join('')}
`
}
