/** Bootstraps that Envoy accepts or refuses in `--mode validate`: the YAML dialect, the schema's limits, cross references. */
import { indent } from '../yaml.ts'

export interface VerdictCase {
  name: string
  yaml: string
  /** Extension of the file; `yaml` by default. */
  extension?: string
  flags?: readonly string[]
}

const ROUTER =
  '- { name: r, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }'
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const CLUSTER =
  '{ name: c, load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 80 } } } } ] } ] } }'
const ROUTE = '{ match: { prefix: "/" }, route: { cluster: c } }'

interface Parts {
  hcm?: string
  filters?: string
  routes?: string
  routeConfig?: string
  listener?: string
  clusters?: string
  top?: string
  port?: string
  statPrefix?: string
}

export function boot(parts: Parts = {}): string {
  return `
${parts.top ?? ''}
static_resources:
  listeners:
  - name: l
    address: { socket_address: { address: 127.0.0.1, port_value: ${parts.port ?? '0'} } }
${indent(parts.listener ?? '', 4)}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": ${HCM}
${indent(parts.statPrefix ?? 'stat_prefix: s', 10)}
${indent(parts.hcm ?? '', 10)}
          http_filters:
${indent(parts.filters ?? ROUTER, 10)}
          route_config:
${indent(parts.routeConfig ?? '', 12)}
            virtual_hosts:
            - name: v
              domains: ["*"]
              routes:
${indent(parts.routes ?? `- ${ROUTE}`, 14)}
  clusters:
${indent(parts.clusters ?? `- ${CLUSTER}`, 2)}
`
}

const withCluster = (name: string, fields: string): VerdictCase => ({
  name,
  yaml: boot({ clusters: `- ${CLUSTER.slice(0, -2)}, ${fields} }` }),
})
const withHcm = (name: string, hcm: string): VerdictCase => ({ name, yaml: boot({ hcm }) })
const withRoute = (name: string, route: string): VerdictCase => ({ name, yaml: boot({ routes: `- ${route}` }) })
const withPort = (value: string): VerdictCase => ({ name: `port ${value}`, yaml: boot({ port: value }) })

const dialect: VerdictCase[] = [
  { name: 'plain', yaml: boot() },
  { name: 'empty file', yaml: '' },
  { name: 'only a comment', yaml: '# nothing\n' },
  { name: 'a list', yaml: '- a\n' },
  { name: 'a scalar', yaml: 'hello\n' },
  { name: 'empty map', yaml: '{}\n' },
  { name: 'tabs', yaml: 'admin:\n\taddress: 1\n' },
  { name: 'unclosed', yaml: 'admin: {\n' },
  { name: 'two documents', yaml: `${boot()}\n---\nrubbish: 1\n` },
  { name: 'duplicate key', yaml: `${boot()}\nnode: { id: a }\nnode: { id: b }\n` },
  { name: 'anchors', yaml: `${boot({ top: 'node: { id: &x a, cluster: *x }' })}` },
  { name: 'merge key', yaml: boot({ top: 'node: { <<: { id: a } }' }) },
  { name: 'ignored by tag', yaml: boot({ top: 'spare: !ignore { a: 1 }' }) },
  { name: 'unknown field at the top', yaml: boot({ top: 'nonsense: 1' }) },
  { name: 'unknown field allowed', yaml: boot({ top: 'nonsense: 1' }), flags: ['--allow-unknown-static-fields'] },
  {
    name: 'camelCase keys',
    yaml: boot().replace('static_resources', 'staticResources').replaceAll('socket_address', 'socketAddress'),
  },
  {
    name: 'single map for a list',
    yaml: boot({
      clusters: CLUSTER.slice(1, -1)
        .trim()
        .replace(/^name: c, /, 'name: c\n'),
    }).replace(/clusters:\n {2}name: c\n.*/s, 'clusters: { name: c }\n'),
  },
  { name: 'scalar for a list', yaml: boot().replace('domains: ["*"]', 'domains: "*"') },
  { name: 'list for a message', yaml: boot({ top: 'node: [ { id: a } ]' }) },
  { name: 'null', yaml: boot({ top: 'node: ~' }) },
  { name: 'string for a message', yaml: boot({ top: 'node: text' }) },
  { name: 'number for a string', yaml: boot({ top: 'node: { id: 5 }' }) },
  { name: 'bool for a string', yaml: boot({ top: 'node: { id: true }' }) },
  { name: 'JSON text as YAML', yaml: '{"node": {"id": "a"}}' },
  { name: 'JSON file', yaml: '{"node": {"id": "a"}}', extension: 'json' },
  { name: 'JSON file, trailing comma', yaml: '{"node": {"id": "a"},}', extension: 'json' },
  { name: 'JSON file, comment', yaml: '{"node": {"id": "a"} /* x */}', extension: 'json' },
  { name: 'YAML in a .conf file', yaml: boot(), extension: 'conf' },
  { name: 'text proto', yaml: 'node { id: "a" }\n', extension: 'pb_text' },
  { name: 'text proto, bad', yaml: 'node { nonsense: "a" }\n', extension: 'pb_text' },
  ...['"0"', '80.0', '0x50', '0120', '8_0', '-1', '65535', '65536', '1.5', 'abc', 'true', '~', '""', '1e2'].map(
    withPort,
  ),
]

const durations: VerdictCase[] = [
  '1s',
  '0.25s',
  '1.5s',
  '0s',
  '-1s',
  '5',
  '"5"',
  '1000ms',
  '1m',
  '{ seconds: 1 }',
  '{ seconds: 1, nanos: 5 }',
  '0.0000000001s',
  '1 s',
  's',
  '"1s "',
  '315576000001s',
].map((value) => withCluster(`connect_timeout ${value}`, `connect_timeout: ${value}`))

const enums: VerdictCase[] = ['STATIC', 'static', 'Static', '0', '"0"', '99', 'NONSENSE', '""', '~'].map((value) =>
  withCluster(`cluster type ${value}`, `type: ${value}`),
)

const booleans: VerdictCase[] = ['true', 'True', '"true"', 'yes', 'on', 'off', '1', '0', '"1"', 'nonsense', '~'].map(
  (value) => withHcm(`bool ${value}`, `normalize_path: ${value}\nskip_xff_append: ${value}`),
)

const clusters: VerdictCase[] = [
  {
    name: 'no clusters used',
    yaml: boot({ clusters: ' []', routes: '- { match: { prefix: "/" }, direct_response: { status: 200 } }' }),
  },
  { name: 'duplicate cluster', yaml: boot({ clusters: `- ${CLUSTER}\n- ${CLUSTER}` }) },
  { name: 'cluster without a name', yaml: boot({ clusters: '- { connect_timeout: 1s }' }) },
  {
    name: 'cluster with a host name in STATIC',
    yaml: boot({ clusters: `- ${CLUSTER.replace('127.0.0.1', 'example.test')}` }),
  },
  {
    name: 'cluster with a host name in STRICT_DNS',
    yaml: boot({
      clusters: `- ${CLUSTER.replace('127.0.0.1', 'localhost').replace('name: c,', 'name: c, type: STRICT_DNS,')}`,
    }),
  },
  {
    name: 'LOGICAL_DNS with two endpoints',
    yaml: boot({
      clusters:
        '- { name: c, type: LOGICAL_DNS, load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: a.test, port_value: 1 } } } }, { endpoint: { address: { socket_address: { address: b.test, port_value: 1 } } } } ] } ] } }',
    }),
  },
  { name: 'endpoint without a port', yaml: boot({ clusters: `- ${CLUSTER.replace(', port_value: 80', '')}` }) },
  {
    name: 'endpoint weight 0',
    yaml: boot({ clusters: `- ${CLUSTER.replace('{ endpoint:', '{ load_balancing_weight: 0, endpoint:')}` }),
  },
  withCluster('lb_policy', 'lb_policy: least_request'),
  withCluster('lb_policy CLUSTER_PROVIDED', 'lb_policy: CLUSTER_PROVIDED'),
  withCluster('least request choice_count 1', 'lb_policy: LEAST_REQUEST, least_request_lb_config: { choice_count: 1 }'),
  withCluster('least request choice_count 2', 'lb_policy: LEAST_REQUEST, least_request_lb_config: { choice_count: 2 }'),
  withCluster('circuit breakers', 'circuit_breakers: { thresholds: [ { max_connections: 1, max_requests: 2 } ] }'),
  withCluster('circuit breakers, unknown priority', 'circuit_breakers: { thresholds: [ { priority: LOW } ] }'),
  withCluster('panic threshold', 'common_lb_config: { healthy_panic_threshold: { value: 50 } }'),
  withCluster('panic threshold 101', 'common_lb_config: { healthy_panic_threshold: { value: 101 } }'),
  withCluster('preconnect ratio', 'preconnect_policy: { per_upstream_preconnect_ratio: 1.5 }'),
  withCluster('preconnect ratio 4', 'preconnect_policy: { per_upstream_preconnect_ratio: 4 }'),
  withCluster('dns refresh rate', 'dns_refresh_rate: 5s'),
  withCluster('dns refresh rate 0', 'dns_refresh_rate: 0s'),
  withCluster('per_connection_buffer_limit_bytes as string', 'per_connection_buffer_limit_bytes: "1024"'),
  withCluster('per_connection_buffer_limit_bytes negative', 'per_connection_buffer_limit_bytes: -1'),
  withCluster('unknown field', 'nonsense: 1'),
  withCluster(
    'unknown transport socket',
    'transport_socket: { name: x, typed_config: { "@type": type.googleapis.com/nonsense.Socket } }',
  ),
  withCluster(
    'raw buffer transport socket',
    'transport_socket: { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer } }',
  ),
  withCluster(
    'upstream options without protocol',
    'typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions } }',
  ),
]

const routes: VerdictCase[] = [
  withRoute('unknown cluster', '{ match: { prefix: "/" }, route: { cluster: nope } }'),
  {
    name: 'unknown cluster, not validated',
    yaml: boot({
      routes: '- { match: { prefix: "/" }, route: { cluster: nope } }',
      routeConfig: 'validate_clusters: false',
    }),
  },
  withRoute('no match specifier', '{ match: {}, route: { cluster: c } }'),
  withRoute('no match', '{ route: { cluster: c } }'),
  withRoute('no action', '{ match: { prefix: "/" } }'),
  withRoute('two match specifiers', '{ match: { prefix: "/", path: "/a" }, route: { cluster: c } }'),
  withRoute('two actions', '{ match: { prefix: "/" }, route: { cluster: c }, redirect: {} }'),
  withRoute('route without cluster', '{ match: { prefix: "/" }, route: {} }'),
  withRoute('regex', '{ match: { safe_regex: { regex: "/a.*" } }, route: { cluster: c } }'),
  withRoute('bad regex', '{ match: { safe_regex: { regex: "(" } }, route: { cluster: c } }'),
  withRoute('lookahead', '{ match: { safe_regex: { regex: "(?=a)" } }, route: { cluster: c } }'),
  withRoute('empty regex', '{ match: { safe_regex: { regex: "" } }, route: { cluster: c } }'),
  withRoute(
    'path_separated_prefix with a slash at the end',
    '{ match: { path_separated_prefix: "/a/" }, route: { cluster: c } }',
  ),
  withRoute('path_separated_prefix', '{ match: { path_separated_prefix: "/a" }, route: { cluster: c } }'),
  withRoute(
    'path_separated_prefix with a query',
    '{ match: { path_separated_prefix: "/a?b" }, route: { cluster: c } }',
  ),
  withRoute(
    'header matcher without a name',
    '{ match: { prefix: "/", headers: [ { present_match: true } ] }, route: { cluster: c } }',
  ),
  withRoute(
    'old header matcher',
    '{ match: { prefix: "/", headers: [ { name: a, exact_match: b } ] }, route: { cluster: c } }',
  ),
  withRoute(
    'range match',
    '{ match: { prefix: "/", headers: [ { name: a, range_match: { start: 1, end: 2 } } ] }, route: { cluster: c } }',
  ),
  withRoute(
    'weighted clusters',
    '{ match: { prefix: "/" }, route: { weighted_clusters: { clusters: [ { name: c, weight: 1 } ] } } }',
  ),
  withRoute(
    'weighted clusters of weight 0',
    '{ match: { prefix: "/" }, route: { weighted_clusters: { clusters: [ { name: c, weight: 0 } ] } } }',
  ),
  withRoute('weighted clusters, none', '{ match: { prefix: "/" }, route: { weighted_clusters: { clusters: [] } } }'),
  withRoute('direct response 99', '{ match: { prefix: "/" }, direct_response: { status: 99 } }'),
  withRoute('direct response 600', '{ match: { prefix: "/" }, direct_response: { status: 600 } }'),
  withRoute(
    'direct response body too large',
    `{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "${'x'.repeat(5000)}" } } }`,
  ),
  withRoute(
    'direct response file missing',
    '{ match: { prefix: "/" }, direct_response: { status: 200, body: { filename: /nonexistent } } }',
  ),
  withRoute(
    'redirect with two schemes',
    '{ match: { prefix: "/" }, redirect: { https_redirect: true, scheme_redirect: http } }',
  ),
  withRoute(
    'prefix rewrite and regex rewrite',
    '{ match: { prefix: "/" }, route: { cluster: c, prefix_rewrite: "/a", regex_rewrite: { pattern: { regex: "a" }, substitution: b } } }',
  ),
  withRoute(
    'bad substitution',
    '{ match: { prefix: "/" }, route: { cluster: c, regex_rewrite: { pattern: { regex: "a" }, substitution: "\\\\1" } } }',
  ),
  withRoute(
    'two host rewrites',
    '{ match: { prefix: "/" }, route: { cluster: c, host_rewrite_literal: a, auto_host_rewrite: true } }',
  ),
  withRoute(
    'unknown retry_on',
    '{ match: { prefix: "/" }, route: { cluster: c, retry_policy: { retry_on: nonsense } } }',
  ),
  withRoute(
    'retry back-off upside down',
    '{ match: { prefix: "/" }, route: { cluster: c, retry_policy: { retry_on: 5xx, retry_back_off: { base_interval: 2s, max_interval: 1s } } } }',
  ),
  withRoute(
    'header to add without key',
    '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_add: [ { header: { value: a } } ] }',
  ),
  withRoute(
    'header to add: pseudo',
    '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_add: [ { header: { key: ":path", value: a } } ] }',
  ),
  withRoute(
    'header to add: host',
    '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_add: [ { header: { key: host, value: a } } ] }',
  ),
  withRoute(
    'header to remove: host',
    '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_remove: [ host ] }',
  ),
  withRoute(
    'header value with an unknown operator',
    '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_add: [ { header: { key: a, value: "%NONSENSE%" } } ] }',
  ),
  withRoute(
    'header value with a lone percent',
    '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_add: [ { header: { key: a, value: "100%" } } ] }',
  ),
  withRoute(
    'header value with a line break',
    '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_add: [ { header: { key: a, value: "x\\ny" } } ] }',
  ),
  withRoute(
    'per-filter config of an unknown filter',
    '{ match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { nonsense: { "@type": type.googleapis.com/google.protobuf.Struct } } }',
  ),
  { name: 'virtual host without domains', yaml: boot().replace('domains: ["*"]', 'domains: []') },
  { name: 'virtual host without a name', yaml: boot().replace('name: v', 'name: ""') },
  { name: 'two star domains', yaml: boot().replace('domains: ["*"]', 'domains: ["*", "*"]') },
  { name: 'star in the middle of a domain', yaml: boot().replace('domains: ["*"]', 'domains: ["a*b"]') },
  { name: 'star on both ends of a domain', yaml: boot().replace('domains: ["*"]', 'domains: ["*b*"]') },
]

const managers: VerdictCase[] = [
  { name: 'no stat_prefix', yaml: boot({ statPrefix: '' }) },
  { name: 'no filters', yaml: boot({ filters: ' []' }) },
  { name: 'two routers', yaml: boot({ filters: `${ROUTER}\n${ROUTER}` }) },
  { name: 'filter without typed_config', yaml: boot({ filters: '- { name: envoy.filters.http.router }' }) },
  {
    name: 'filter with empty typed_config',
    yaml: boot({ filters: '- { name: envoy.filters.http.router, typed_config: {} }' }),
  },
  {
    name: 'unknown filter type',
    yaml: boot({ filters: '- { name: x, typed_config: { "@type": type.googleapis.com/nonsense.Filter } }' }),
  },
  {
    name: 'unknown filter type, optional',
    yaml: boot({
      filters: `- { name: x, is_optional: true, typed_config: { "@type": type.googleapis.com/nonsense.Filter } }\n${ROUTER}`,
    }),
  },
  {
    name: 'typed struct',
    yaml: boot({
      filters:
        '- { name: r, typed_config: { "@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, value: { suppress_envoy_headers: true } } }',
    }),
  },
  {
    name: 'typed struct with an unknown field',
    yaml: boot({
      filters:
        '- { name: r, typed_config: { "@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, value: { nonsense: true } } }',
    }),
  },
  {
    name: 'wrong message for a filter',
    yaml: boot({
      filters: '- { name: r, typed_config: { "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a } }',
    }),
  },
  withHcm('codec_type in small letters', 'codec_type: auto'),
  withHcm('max_request_headers_kb 0', 'max_request_headers_kb: 0'),
  withHcm('max_request_headers_kb 8193', 'max_request_headers_kb: 8193'),
  withHcm('max_headers_count 0', 'common_http_protocol_options: { max_headers_count: 0 }'),
  withHcm('server_name with a line break', 'server_name: "a\\nb"'),
  withHcm('upgrade twice', 'upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: websocket } ]'),
  withHcm(
    'access log with an unknown operator',
    'access_log: [ { name: f, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/null, log_format: { text_format_source: { inline_string: "%NONSENSE%" } } } } ]',
  ),
  withHcm(
    'access log with an unknown flag',
    'access_log: [ { name: f, filter: { response_flag_filter: { flags: [ XX ] } }, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/null } } ]',
  ),
  withHcm(
    'access log without a path',
    'access_log: [ { name: f, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog } } ]',
  ),
  ...['/tmp', '/no/such/folder/file', '/dev/null'].map((path) =>
    withHcm(
      `access log to ${path}`,
      `access_log: [ { name: f, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: ${path} } } ]`,
    ),
  ),
  withHcm(
    'original_ip_detection and use_remote_address',
    'use_remote_address: true\noriginal_ip_detection_extensions: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig } } ]',
  ),
  withHcm(
    'internal address not an address',
    'internal_address_config: { cidr_ranges: [ { address_prefix: ten, prefix_len: 8 } ] }',
  ),
  withHcm(
    'internal address with a prefix too long',
    'internal_address_config: { cidr_ranges: [ { address_prefix: 10.0.0.0, prefix_len: 40 } ] }',
  ),
  withHcm(
    'trusted range not an address',
    'original_ip_detection_extensions: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig, xff_trusted_cidrs: { cidrs: [ { address_prefix: "1.2.3", prefix_len: 8 } ] } } } ]',
  ),
  withHcm('empty request_id_extension', 'request_id_extension: {}'),
  withHcm(
    'uuid request_id_extension',
    'request_id_extension: { typed_config: { "@type": type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig } }',
  ),
  withHcm('drain timeout jitter', 'drain_timeout: 1s\ndrain_timeout_jitter: { value: 50 }'),
  withHcm('drain timeout jitter too large', 'drain_timeout_jitter: { value: 150 }'),
  withHcm('route config and rds', 'rds: { route_config_name: a, config_source: { ads: {} } }'),
  withHcm('negative timeout', 'stream_idle_timeout: -1s'),
  withHcm('local reply with a bad status', 'local_reply_config: { mappers: [ { filter: {}, status_code: 99 } ] }'),
  withHcm('scheme to overwrite', 'scheme_header_transformation: { scheme_to_overwrite: ftp }'),
  withHcm('path_with_escaped_slashes_action', 'path_with_escaped_slashes_action: reject_request'),
]

const listeners: VerdictCase[] = [
  {
    name: 'listener with a host name',
    yaml: boot().replace('address: 127.0.0.1, port_value: 0', 'address: localhost, port_value: 0'),
  },
  {
    name: 'listener without an address',
    yaml: boot().replace('address: { socket_address: { address: 127.0.0.1, port_value: 0 } }', ''),
  },
  {
    name: 'listener without filter chains',
    yaml: 'static_resources: { listeners: [ { name: l, address: { socket_address: { address: 127.0.0.1, port_value: 0 } } } ] }',
  },
  {
    name: 'listener on a pipe',
    yaml: boot().replace('socket_address: { address: 127.0.0.1, port_value: 0 }', 'pipe: { path: /tmp/x.sock }'),
  },
  {
    name: 'listener on an abstract socket',
    yaml: boot().replace('socket_address: { address: 127.0.0.1, port_value: 0 }', 'pipe: { path: "@x" }'),
  },
  {
    name: 'listener on an abstract socket with a mode',
    yaml: boot().replace('socket_address: { address: 127.0.0.1, port_value: 0 }', 'pipe: { path: "@x", mode: 0777 }'),
  },
  {
    name: 'listener mode too large',
    yaml: boot().replace(
      'socket_address: { address: 127.0.0.1, port_value: 0 }',
      'pipe: { path: /tmp/x, mode: 01777 }',
    ),
  },
  {
    name: 'two chains with the same match',
    yaml: boot().replace(
      '    - filters:',
      '    - filter_chain_match: { destination_port: 1 }\n      filters: []\n    - filter_chain_match: { destination_port: 1 }\n      filters:',
    ),
  },
  {
    name: 'address prefix not an address',
    yaml: boot().replace(
      '    - filters:',
      '    - filter_chain_match: { prefix_ranges: [ { address_prefix: nonsense, prefix_len: 8 } ] }\n      filters:',
    ),
  },
  {
    name: 'unknown listener filter',
    yaml: boot({
      listener: 'listener_filters: [ { name: x, typed_config: { "@type": type.googleapis.com/nonsense.Filter } } ]',
    }),
  },
  {
    name: 'proxy_protocol without a version',
    yaml: boot({
      listener:
        'listener_filters: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, disallowed_versions: [ V1, V2 ] } } ]',
    }),
  },
  {
    name: 'proxy_protocol TLV of 256',
    yaml: boot({
      listener:
        'listener_filters: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, rules: [ { tlv_type: 256, on_tlv_present: { key: a } } ] } } ]',
    }),
  },
  {
    name: 'proxy_protocol rule without a key',
    yaml: boot({
      listener:
        'listener_filters: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, rules: [ { tlv_type: 2, on_tlv_present: {} } ] } } ]',
    }),
  },
  {
    name: 'tls_inspector hello too large',
    yaml: boot({
      listener:
        'listener_filters: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector, max_client_hello_size: 20000 } } ]',
    }),
  },
  {
    name: 'tls_inspector first read too small',
    yaml: boot({
      listener:
        'listener_filters: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector, initial_read_buffer_size: 10 } } ]',
    }),
  },
  {
    name: 'listener local_ratelimit fills too fast',
    yaml: boot({
      listener:
        'listener_filters: [ { name: x, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit, stat_prefix: a, token_bucket: { max_tokens: 1, fill_interval: 0.01s } } } ]',
    }),
  },
  {
    name: 'listener stats_matcher',
    yaml: boot({ listener: 'stats_matcher: { reject_all: true }' }),
  },
  {
    name: 'filter_chain_matcher without chain names',
    yaml: boot({
      listener:
        'filter_chain_matcher: { on_no_match: { action: { name: a, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue, value: a } } } }',
    }),
  },
  {
    name: 'filter_chain_matcher on headers',
    yaml: boot({
      listener:
        'filter_chain_matcher: { matcher_tree: { input: { name: i, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x } }, exact_match_map: { map: { x: { action: { name: a, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue, value: a } } } } } } }',
    }),
  },
  { name: 'negative buffer limit', yaml: boot({ listener: 'per_connection_buffer_limit_bytes: -5' }) },
  { name: 'traffic direction out of the list', yaml: boot({ listener: 'traffic_direction: SIDEWAYS' }) },
  { name: 'use_original_dst false', yaml: boot({ listener: 'use_original_dst: false' }) },
  { name: 'reuse_port', yaml: boot({ listener: 'reuse_port: true' }) },
  { name: 'socket option without a value', yaml: boot({ listener: 'socket_options: [ { level: 1, name: 2 } ]' }) },
  {
    name: 'additional address not an address',
    yaml: boot({
      listener: 'additional_addresses: [ { address: { socket_address: { address: x, port_value: 1 } } } ]',
    }),
  },
  {
    name: 'ipv4_compat on IPv4',
    yaml: boot().replace('address: 127.0.0.1, port_value: 0', 'address: 127.0.0.1, port_value: 0, ipv4_compat: true'),
  },
  { name: 'named port', yaml: boot().replace('port_value: 0', 'named_port: http') },
  { name: 'flags_path', yaml: boot({ top: 'flags_path: /tmp' }) },
  { name: 'traffic direction', yaml: boot({ listener: 'traffic_direction: INBOUND' }) },
  { name: 'admin without an address', yaml: boot({ top: 'admin: {}' }) },
  {
    name: 'admin with a profile path',
    yaml: boot({
      top: 'admin: { profile_path: /tmp/p, address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }',
    }),
  },
  {
    name: 'runtime layers of one name',
    yaml: boot({
      top: 'layered_runtime: { layers: [ { name: a, static_layer: {} }, { name: a, static_layer: {} } ] }',
    }),
  },
  {
    name: 'runtime folder that is not there',
    yaml: boot({
      top: 'layered_runtime: { layers: [ { name: a, disk_layer: { symlink_root: /tmp/no-such-link } } ] }',
    }),
  },
  {
    name: 'runtime folder in no folder',
    yaml: boot({ top: 'layered_runtime: { layers: [ { name: a, disk_layer: { symlink_root: /no/such/link } } ] }' }),
  },
  { name: 'runtime layer without specifier', yaml: boot({ top: 'layered_runtime: { layers: [ { name: a } ] }' }) },
  {
    name: 'two admin layers',
    yaml: boot({ top: 'layered_runtime: { layers: [ { name: a, admin_layer: {} }, { name: b, admin_layer: {} } ] }' }),
  },
  {
    name: 'stats tag twice',
    yaml: boot({ top: 'stats_config: { stats_tags: [ { tag_name: a, regex: "x" }, { tag_name: a, regex: "y" } ] }' }),
  },
  {
    name: 'stats tag with a bad regex',
    yaml: boot({ top: 'stats_config: { stats_tags: [ { tag_name: a, regex: "(" } ] }' }),
  },
  { name: 'stats flush interval too short', yaml: boot({ top: 'stats_flush_interval: 0.0001s' }) },
  { name: 'config-yaml merged over', yaml: boot(), flags: ['--config-yaml', 'node: { id: merged }'] },
  { name: 'config-yaml bad', yaml: boot(), flags: ['--config-yaml', 'nonsense: 1'] },
]

export const verdictCases: readonly VerdictCase[] = [
  ...dialect,
  ...durations,
  ...enums,
  ...booleans,
  ...clusters,
  ...routes,
  ...managers,
  ...listeners,
]
