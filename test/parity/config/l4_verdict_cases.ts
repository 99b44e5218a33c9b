/** Configurations of TCP proxying, listener filters and CONNECT that Envoy accepts or refuses in `--mode validate`. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const INPUTS = 'type.googleapis.com/envoy.extensions.matching.common_inputs'
const RAW = `{ name: r, typed_config: { "@type": ${TYPE}.transport_sockets.raw_buffer.v3.RawBuffer } }`

function tcp(name: string, fields: string): VerdictCase {
  const yaml = `
static_resources:
  listeners:
  - name: l
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: t
        typed_config:
          "@type": ${TYPE}.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: t
          cluster: c
          ${fields}
  clusters: [ { name: c } ]
`
  return { name: `tcp_proxy: ${name}`, yaml }
}

const tlvs = (name: string, list: string): VerdictCase => tcp(`tlvs, ${name}`, `proxy_protocol_tlvs: [ ${list} ]`)
const tunnel = (name: string, fields: string): VerdictCase => tcp(`tunnel, ${name}`, `tunneling_config: { ${fields} }`)
const text = (format: string): string => `format_string: { text_format_source: { inline_string: "${format}" } }`

const listenerFilter = (name: string, filter: string): VerdictCase => ({
  name: `listener filter: ${name}`,
  yaml: boot({ listener: `listener_filters: [ ${filter} ]` }),
})
const originalSrc = (fields: string): string =>
  `{ name: o, typed_config: { "@type": ${TYPE}.filters.listener.original_src.v3.OriginalSrc${fields && `, ${fields}`} } }`

const twoListeners = (name: string, first: string, second: string): VerdictCase => {
  const one = (fields: string): string =>
    `{ ${fields}, filter_chains: [ { filters: [ { name: e, typed_config: { "@type": ${TYPE}.filters.network.echo.v3.Echo } } ] } ] }`
  return { name: `two listeners: ${name}`, yaml: `static_resources: { listeners: [ ${one(first)}, ${one(second)} ] }` }
}
const on = (name: string, port: number, fields = ''): string =>
  `name: ${name}, address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }${fields && `, ${fields}`}`
const unbound = 'bind_to_port: false'

const startTls = (name: string, fields: string): VerdictCase => ({
  name: `starttls: ${name}`,
  yaml: `
static_resources:
  listeners:
  - name: l
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - transport_socket: { name: s, typed_config: { "@type": ${TYPE}.transport_sockets.starttls.v3.StartTlsConfig${fields && `, ${fields}`} } }
      filters: [ { name: e, typed_config: { "@type": ${TYPE}.filters.network.echo.v3.Echo } } ]
`,
})

const connect = (name: string, type: string, config: string): VerdictCase => ({
  name: `connect: ${name}`,
  yaml: boot({
    routes: `- { match: { connect_matcher: {} }, route: { cluster: c, upgrade_configs: [ { upgrade_type: ${type}, connect_config: ${config} } ] } }`,
  }),
})

const MATCHES = `transport_socket_matches: [ { name: one, transport_socket: ${RAW} }, { name: two, transport_socket: ${RAW} } ]`
const action = (type: string, field: string): string =>
  `{ action: { name: a, typed_config: { "@type": ${type}, ${field}: one } } }`
const named = action(`${INPUTS}.transport_socket.v3.TransportSocketNameAction`, 'name')
const socketTree = (name: string, input: string, leaf = named, matches = MATCHES): VerdictCase => ({
  name: `transport socket tree: ${name}`,
  yaml: boot({
    clusters: `- { name: c, ${matches}, transport_socket_matcher: { matcher_tree: { input: { name: i, typed_config: { "@type": ${INPUTS}.${input} } }, exact_match_map: { map: { a: ${leaf} } } } } }`,
  }),
})
const ENDPOINT = 'transport_socket.v3.EndpointMetadataInput, filter: f, path: [ { key: k } ]'

export const l4VerdictCases: readonly VerdictCase[] = [
  tlvs('no value', '{ type: 1 }'),
  tlvs('a type too large', '{ type: 256, value: YQ== }'),
  tlvs('value and format', `{ type: 1, value: YQ==, ${text('a')} }`),
  tlvs('a format', `{ type: 1, ${text('%UPSTREAM_CLUSTER%')} }`),
  tlvs('a wrong format', `{ type: 1, ${text('%A')} }`),
  tlvs('an empty format', `{ type: 1, ${text('')} }`),
  tlvs('one type twice', '{ type: 1, value: YQ== }, { type: 1, value: YQ== }'),
  tcp('tlvs, an unknown policy', 'proxy_protocol_tlv_merge_policy: NEVER'),
  tcp('tlvs, a policy alone', 'proxy_protocol_tlv_merge_policy: APPEND_IF_EXISTS_OR_ADD'),
  tunnel('no hostname', ''),
  tunnel('hostname', 'hostname: a'),
  tunnel('odd hostname', 'hostname: "a b"'),
  tunnel('wrong format as hostname', 'hostname: "%A"'),
  tunnel('path without POST', 'hostname: a, post_path: /x'),
  tunnel('odd path', 'hostname: a, use_post: true, post_path: x'),
  tunnel('host among the headers', 'hostname: a, headers_to_add: [ { header: { key: Host, value: b } } ]'),
  tunnel('path among the headers', 'hostname: a, headers_to_add: [ { header: { key: ":path", value: b } } ]'),
  tunnel('wrong format in a header', 'hostname: a, headers_to_add: [ { header: { key: x, value: "%A" } } ]'),
  listenerFilter('original_src', originalSrc('')),
  listenerFilter('original_src with a mark', originalSrc('mark: 4294967295')),
  listenerFilter('original_src with a negative mark', originalSrc('mark: -1')),
  listenerFilter('original_src with a field of another', originalSrc('marks: 1')),
  listenerFilter(
    'original_dst',
    `{ name: o, typed_config: { "@type": ${TYPE}.filters.listener.original_dst.v3.OriginalDst } }`,
  ),
  listenerFilter('original_dst without a typed_config', '{ name: envoy.filters.listener.original_dst }'),
  { name: 'use_original_dst', yaml: boot({ listener: 'use_original_dst: true' }) },
  { name: 'use_original_dst without sockets', yaml: boot({ listener: `use_original_dst: true\n${unbound}` }) },
  twoListeners('of one address', on('a', 81), on('b', 81)),
  twoListeners('of one address, one without sockets', on('a', 81), on('b', 81, unbound)),
  twoListeners('of one address, both without sockets', on('a', 81, unbound), on('b', 81, unbound)),
  twoListeners(
    'of one address, by the older field',
    on('a', 81),
    on('b', 81, 'deprecated_v1: { bind_to_port: false }'),
  ),
  twoListeners('without sockets', on('a', 81, unbound), on('b', 82, unbound)),
  twoListeners('of any port', on('a', 0), on('b', 0)),
  twoListeners('of any port, without sockets', on('a', 0, unbound), on('b', 0, unbound)),
  twoListeners('of any port, the second without sockets', on('a', 0), on('b', 0, unbound)),
  twoListeners('of any port, the first without sockets', on('a', 0, unbound), on('b', 0)),
  startTls('without TLS', ''),
  startTls('without certificates', 'tls_socket_config: {}'),
  connect('plain', 'CONNECT', '{}'),
  connect('POST', 'CONNECT', '{ allow_post: true }'),
  connect('PROXY header', 'CONNECT', '{ proxy_protocol_config: { version: V2 } }'),
  connect('of another upgrade', 'websocket', '{}'),
  socketTree('endpoint', ENDPOINT),
  socketTree('locality', ENDPOINT.replace('Endpoint', 'Locality')),
  socketTree('another input', 'network.v3.ServerNameInput'),
  socketTree('another action', ENDPOINT, action('type.googleapis.com/google.protobuf.StringValue', 'value')),
  socketTree('one name twice', ENDPOINT, named, MATCHES.replace('name: two', 'name: one')),
]
