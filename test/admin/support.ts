// What the tests of this folder share.

import type { ProxyProcess } from '../support/proxy_process.ts'

const hcm = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

/** Two listeners, three clusters with hosts of all kinds, runtime layers: something for every endpoint to show. */
export const richYaml = `
node: { id: n1, cluster: c1, locality: { region: r, zone: z }, metadata: { k: v } }
admin:
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  profile_path: "{{dir}}/profile"
  access_log:
  - name: envoy.access_loggers.file
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
      path: "{{dir}}/admin.log"
      log_format: { text_format_source: { inline_string: "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %BYTES_SENT% %REQ(X-TEST)%\\n" } }
layered_runtime:
  layers:
  - { name: static, static_layer: { a: 1, b: { c: text }, flag: true, ratio: 1.5 } }
  - { name: admin, admin_layer: {} }
static_resources:
  listeners:
  - name: main
    stat_prefix: main
    traffic_direction: INBOUND
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    additional_addresses: [{ address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }]
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": ${hcm}
          stat_prefix: main
          route_config:
            name: local
            virtual_hosts:
            - { name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: main } }] }
          http_filters:
          - name: router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  - name: piped
    stat_prefix: piped
    address: { pipe: { path: "{{dir}}/l.sock" } }
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: tcp
          cluster: second
  clusters:
  - name: main
    connect_timeout: 1s
    load_assignment:
      cluster_name: main
      endpoints:
      - locality: { region: r1, zone: z1, sub_zone: s1 }
        lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 1 } }, hostname: h1 }
          load_balancing_weight: 7
          metadata: { filter_metadata: { envoy.lb: { canary: true } } }
        - endpoint: { address: { socket_address: { address: "::1", port_value: 1 } } }
          health_status: UNHEALTHY
      - priority: 1
        lb_endpoints:
        - endpoint: { address: { pipe: { path: /nowhere.sock } } }
          health_status: DRAINING
        - endpoint: { address: { socket_address: { address: 127.0.0.3, port_value: 1 } } }
          health_status: DEGRADED
  - name: second
    alt_stat_name: other
    circuit_breakers: { thresholds: [{ max_connections: 7 }, { priority: HIGH, max_retries: 9 }] }
    load_assignment:
      cluster_name: second
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 2 } } }
  - name: empty
    type: STATIC
`

/** A reply as one text that two processes share: JSON and `/clusters` sorted, without what differs from start to start. */
export function comparable(proxy: ProxyProcess, body: string): string {
  let text = body
  try {
    text = JSON.stringify(sorted(JSON.parse(body)), undefined, 1)
  } catch {
    // Not JSON.
    if (/^(\S*::.*\n)+$/.test(text)) text = text.split('\n').sort().join('\n')
  }
  for (const port of proxy.ports.values()) if (port > 0) text = text.replaceAll(`:${port}`, ':<port>')
  return text
    .replaceAll(proxy.folder, '<dir>')
    .replace(/127\.0\.0\.1:\d{5}/g, '127.0.0.1:<port>')
    .replace(/"port_value": \d{5}/g, '"port_value": <port>')
    .replace(/"\d{4}-\d\d-\d\dT[^"]*Z"/g, '"<time>"')
}

/** Envoy keeps clusters in a hash map: their order is another one in every process. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted)
    const isNamed = items.every((item) => nameOf(item) !== undefined)
    return isNamed ? items.sort((a, b) => ((nameOf(a) ?? '') < (nameOf(b) ?? '') ? -1 : 1)) : items
  }
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}

function nameOf(value: unknown): string | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  const { name, cluster, endpoint_config } = value as Named
  const found = name ?? cluster?.name ?? endpoint_config?.cluster_name
  return typeof found === 'string' ? found : undefined
}

interface Named {
  readonly name?: unknown
  readonly cluster?: { readonly name?: unknown }
  readonly endpoint_config?: { readonly cluster_name?: unknown }
}
