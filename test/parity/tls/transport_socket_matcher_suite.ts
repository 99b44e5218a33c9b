/** Transport sockets that a matcher tree chooses by the metadata of endpoints and localities; a PROXY header tells which. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, response } from '../requests.ts'
import { bootstrap, httpListener } from '../yaml.ts'

const SOCKETS = 'type.googleapis.com/envoy.extensions.transport_sockets'
const INPUTS = 'type.googleapis.com/envoy.extensions.matching.common_inputs.transport_socket.v3'
const RAW = `{ name: r, typed_config: { "@type": ${SOCKETS}.raw_buffer.v3.RawBuffer } }`
const proxy = (version: string) =>
  `{ name: p, typed_config: { "@type": ${SOCKETS}.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: { version: ${version} }, transport_socket: ${RAW} } }`
const chosen = (name: string) =>
  `{ action: { name: a, typed_config: { "@type": ${INPUTS}.TransportSocketNameAction, name: ${name} } } }`
const MATCHES = `transport_socket_matches: [ { name: one, transport_socket: ${proxy('V1')} }, { name: two, match: { a: b }, transport_socket: ${proxy('V2')} } ]`

function tree(input: string, path: string, more = ''): string {
  const typed = `{ "@type": ${INPUTS}.${input}, filter: test.kinds, path: ${path} }`
  const leaves = ['one', 'two', 'missing'].map((name) => `"${name}": ${chosen(name)}`).join(', ')
  return `transport_socket_matcher: { matcher_tree: { input: { name: i, typed_config: ${typed} }, exact_match_map: { map: { ${leaves}, "7": ${chosen('one')}, "true": ${chosen('one')} } } }${more} }`
}

const ENDPOINT = tree('EndpointMetadataInput', '[ { key: kind } ]')
const NESTED = tree('EndpointMetadataInput', '[ { key: kind }, { key: inner } ]')
const LOCALITY = tree('LocalityMetadataInput', '[ { key: kind } ]')
const OTHERWISE = tree('EndpointMetadataInput', '[ { key: kind } ]', `, on_no_match: ${chosen('two')}`)
const kind = (value: string) => `metadata: { filter_metadata: { test.kinds: { kind: ${value} } } },`

/** Fields, metadata of the endpoint, metadata of the locality. */
const clusters: Record<string, readonly [fields: string, endpoint?: string, locality?: string]> = {
  one: [ENDPOINT, kind('one')],
  two: [ENDPOINT, kind('two')],
  named_but_missing: [ENDPOINT, kind('missing')],
  other: [ENDPOINT, kind('other')],
  number: [ENDPOINT, kind('7')],
  boolean: [ENDPOINT, kind('true')],
  struct: [ENDPOINT, kind('{ inner: one }')],
  nested: [NESTED, kind('{ inner: one }')],
  too_deep: [NESTED, kind('one')],
  absent: [ENDPOINT],
  otherwise: [OTHERWISE, kind('other')],
  absent_otherwise: [OTHERWISE],
  of_locality: [LOCALITY, kind('one'), kind('two')],
  no_locality: [LOCALITY, kind('one')],
  own_default: [`${ENDPOINT}\n  transport_socket: ${proxy('V1')}`, kind('other')],
  labels_unused: [ENDPOINT, 'metadata: { filter_metadata: { envoy.transport_socket_match: { a: b } } },'],
}
const names = Object.keys(clusters)

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      logFormat: '%RESPONSE_CODE%',
      virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${names.map((name) => `  - { match: { path: /${name} }, route: { cluster: ${name} } }`).join('\n')}
`,
    }),
  ],
  names.map((name) => {
    const [fields, endpoint = '', locality = ''] = clusters[name]
    return `
- name: ${name}
  ${MATCHES}
  ${fields}
  load_assignment: { cluster_name: ${name}, endpoints: [ { ${locality} lb_endpoints: [ { ${endpoint} endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: "{{backend:main}}" } } } } ] } ] }
`.replace('"{{backend:main}}"', '{{backend:main}}')
  }),
)

const PORTS: readonly [RegExp, string][] = [
  [/(PROXY TCP4 \S+ \S+) \d+ \d+/g, '$1 <ports>'],
  [/(\r\n\r\n\0\r\nQUIT\n!\x11\0.\x7f\0\0\x01\x7f\0\0\x01)[\s\S]{4}/g, '$1<ports>'],
]

export const transportSocketMatcherSuite: ParitySuite = {
  name: 'transport socket matcher',
  yaml,
  scripts: {
    main: {
      raw: true,
      onTunnelData: (connection, data) => {
        if (data.includes('GET ')) connection.send(response(200, 'ok'))
      },
    },
  },
  cases: names.map(
    (name): ParityCase => ({
      name: `transport socket matcher: ${name}`,
      steps: [
        get(`/${name}`),
        { waitFor: '\r\n\r\nok' },
        { admin: `/stats?filter=${encodeURIComponent(`^cluster.${name}.*total_match_count`)}` },
      ],
      normalize: PORTS,
    }),
  ),
}
