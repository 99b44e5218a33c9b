/** TLVs of PROXY headers on their way: what comes, what tcp_proxy and the upstream's configuration add, what is passed on. */
import { proxyHeader } from '../../support/proxy_header.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { PREFIX, proxyProtocol } from '../listener_filters/pieces.ts'
import { response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'
import { tcpProxy } from './l4_yaml.ts'

const SOCKETS = 'type.googleapis.com/envoy.extensions.transport_sockets'
const RAW = `{ name: r, typed_config: { "@type": ${SOCKETS}.raw_buffer.v3.RawBuffer } }`
const upstream = (config: string) =>
  `transport_socket: { name: p, typed_config: { "@type": ${SOCKETS}.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: { ${config} }, transport_socket: ${RAW} } }`
const format = (text: string, more = '') =>
  `format_string: { text_format_source: { inline_string: ${JSON.stringify(text)} }${more} }`
const long = (bytes: number) => JSON.stringify(Buffer.alloc(bytes, 'x').toString('base64'))

const ALL = 'pass_through_tlvs: { match_type: INCLUDE_ALL }'
const CONNECTION =
  'remote=%DOWNSTREAM_REMOTE_ADDRESS% direct=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% ' +
  'local=%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% req=%REQ(host)% host=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% ' +
  'sni=%REQUESTED_SERVER_NAME% meta=%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:key)% ' +
  'chain=%FILTER_CHAIN_NAME% code=%RESPONSE_CODE% flags=%RESPONSE_FLAGS%'

const upstreams: Record<string, string> = {
  v1: `version: V1, added_tlvs: [ { type: 0xE0, ${format('x')} } ]`,
  all: `version: V2, ${ALL}`,
  some: 'version: V2, pass_through_tlvs: { match_type: INCLUDE, tlv_type: [ 0xE0, 5 ] }',
  none: 'version: V2',
  fixed: `version: V2, ${ALL}, added_tlvs: [ { type: 0xE0, value: YQ== }, { type: 0xE2, value: Yg== } ]`,
  twice: `version: V2, ${ALL}, added_tlvs: [ { type: 0xE0, value: YQ== }, { type: 0xE0, value: Yg== } ]`,
  formatted: `version: V2, added_tlvs: [ { type: 0xE0, ${format(CONNECTION)} }, { type: 0xE1, value: YQ== } ]`,
  json: 'version: V2, added_tlvs: [ { type: 0xE0, format_string: { json_format: { a: "%UPSTREAM_CLUSTER%", b: 1 } } } ]',
  empty: `version: V2, ${ALL}, added_tlvs: [ { type: 0xE0, ${format('%REQ(a)%', ', omit_empty_values: true')} }, { type: 0xE1, ${format('%REQ(a)%')} } ]`,
  long: `version: V2, ${ALL}, added_tlvs: [ { type: 0xE1, value: ${long(40_000)} }, { type: 0xE2, value: ${long(30_000)} }, { type: 0xE3, value: ${long(30_000)} }, { type: 0xE4, value: YQ== } ]`,
  full: `version: V2, added_tlvs: [ { type: 0xE1, value: ${long(65_520)} } ]`,
}

const added = `proxy_protocol_tlvs: [ { type: 0xF0, ${format(CONNECTION)} }, { type: 0xE0, value: YWRkZWQ= }, { type: 0xF1, ${format('%REQ(a)%', ', omit_empty_values: true')} } ]`
const policies = ['ADD_IF_ABSENT', 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD', 'APPEND_IF_EXISTS_OR_ADD']
const adding: readonly (readonly [name: string, fields: string])[] = [
  ['unsaid', added],
  ...policies.map((policy): [string, string] => [
    policy.split('_')[0].toLowerCase(),
    `${added}\nproxy_protocol_tlv_merge_policy: ${policy}`,
  ]),
]

const receives = proxyProtocol(
  `allow_requests_without_proxy_protocol: true\n${ALL}\nrules: [ { tlv_type: 0xE0, on_tlv_present: { key: key } } ]`,
)

function listener(name: string, fields: string, filter: string): string {
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
${filter === '' ? '' : `  listener_filters:\n${indent(filter, 2)}`}
  filter_chains:
  - name: chain
    filters:
${indent(tcpProxy(fields, name, '%RESPONSE_FLAGS%', PREFIX), 4)}
`
}

const hosts = `
- name: all
  domains: ["*"]
  routes: [ { match: { prefix: / }, route: { cluster: formatted } } ]
`

const yaml = bootstrap(
  [
    httpListener({ name: 'main', virtualHosts: hosts, logFormat: '%RESPONSE_CODE%' }),
    ...Object.keys(upstreams).map((name) => listener(name, `cluster: ${name}`, receives)),
    ...adding.map(([name, fields]) => listener(`tcp_${name}`, `cluster: all\n${fields}`, receives)),
    ...adding.map(([name, fields]) => listener(`tcp_${name}_some`, `cluster: fixed\n${fields}`, receives)),
    listener('tcp_alone', `cluster: all\n${added}`, ''),
    listener('tcp_retried', `cluster: refused\nmax_connect_attempts: 2\n${added}`, ''),
    listener(
      'tcp_not_kept',
      `cluster: all\n${adding[3][1]}`,
      proxyProtocol('allow_requests_without_proxy_protocol: true'),
    ),
  ],
  [
    ...Object.entries(upstreams).map(([name, config]) => cluster(name, upstream(config), '{{backend:main}}')),
    cluster('refused', upstream('version: V2'), '1'),
  ],
)

const HEADER = proxyHeader({
  addresses: Buffer.from([1, 2, 3, 4, 10, 0, 0, 1, 0x16, 0x2e, 1, 0xbb]),
  tlvs: [
    [0xe0, 'client'],
    [5, 'five'],
    [5, 'six'],
    [0xe3, ''],
  ],
}).toString('latin1')
const PORTS: readonly [RegExp, string][] = [
  [/(PROXY TCP4 127\S+ \S+) \d+ \d+/g, '$1 <ports>'],
  [/(\r\n\r\n\0\r\nQUIT\n!\x11[\s\S]{2}\x7f\0\0\x01\x7f\0\0\x01)[\s\S]{4}/g, '$1<ports>'],
  [/x{100,}/g, '<many x>'],
]

const sends = (name: string, to: string, header: string): ParityCase => ({
  name: `tlvs: ${name}`,
  listener: to,
  steps: [`${header}hello`, { waitFor: 'echo(' }, { halfClose: true }, { waitClosed: true }],
  stats: '^cluster\\.[^.]*\\.upstream\\.',
  normalize: PORTS,
})

const both = (to: string): ParityCase[] => [
  sends(`${to}, behind a proxy`, to, HEADER),
  sends(`${to}, the client itself`, to, ''),
]

export const tlvsSuite: ParitySuite = {
  name: 'tlvs',
  yaml,
  scripts: {
    main: {
      raw: true,
      onTunnelData: (connection, data) => {
        // A header may come by itself.
        if (data.includes('GET ')) connection.send(response(200, 'ok'))
        else if (data.endsWith('hello')) connection.send('echo(hello)')
      },
    },
  },
  cases: [
    ...Object.keys(upstreams).flatMap(both),
    ...adding.flatMap(([name]) => [...both(`tcp_${name}`), ...both(`tcp_${name}_some`)]),
    ...both('tcp_not_kept'),
    sends('tcp_alone', 'tcp_alone', ''),
    { ...sends('tcp_retried', 'tcp_retried', ''), steps: ['hello', { waitClosed: true }] },
    {
      name: 'tlvs: formatted, over http',
      steps: ['GET / HTTP/1.1\r\nhost: a\r\n\r\n', { waitFor: '\r\n\r\nok' }],
      stats: '^cluster\\.[^.]*\\.upstream\\.',
      normalize: PORTS,
    },
  ],
}
