/** Clusters of type ORIGINAL_DST: hosts by a header, by metadata, and by where a PROXY header says the client wanted to go. */
import { proxyHeader } from '../../support/proxy_header.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { tcpProxy } from '../l4/l4_yaml.ts'
import { PREFIX, proxyProtocol } from '../listener_filters/pieces.ts'
import { get, OK } from '../requests.ts'
import { bootstrap, httpListener, indent, routes } from '../yaml.ts'

const LOG =
  '%RESPONSE_CODE% %RESPONSE_FLAGS% details=%RESPONSE_CODE_DETAILS% host=%UPSTREAM_HOST% local=%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% ' +
  'attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%'
const MAIN = '127.0.0.1:{{backend:main}}'
const OTHER = '127.0.0.1:{{backend:other}}'
const METADATA = 'metadata_key: { key: envoy.lb, path: [ { key: to } ] }'

/** No host goes while cases are compared. */
const cluster = (name: string, config = '', more = ''): string => `
- name: ${name}
  type: ORIGINAL_DST
  lb_policy: CLUSTER_PROVIDED
  connect_timeout: 1s
  cleanup_interval: 300s
${config && `  original_dst_lb_config: { ${config} }`}
${indent(more, 2)}
`

const named = 'use_http_header: true'
/** By what the clusters are that have a route and a host for each case of their own. */
const configs: Readonly<Record<string, string>> = {
  header: named,
  again: named,
  two: named,
  invalid: named,
  behind_invalid: named,
  no_header: named,
  ipv6: named,
  refused: named,
  twice: named,
  added: named,
  not_asked: '',
  own_name: `${named}, http_header_name: X-To`,
  not_own_name: `${named}, http_header_name: X-To`,
  port: `${named}, upstream_port_override: 1`,
  metadata: METADATA,
  metadata_before_header: `${named}, ${METADATA}`,
  metadata_invalid: `${named}, ${METADATA}`,
  restored: '',
  restored_before_nothing: named,
  header_before_restored: named,
}
const names = Object.keys(configs)
const perRequest = (name: string): string => `- { match: { path: /${name} }, route: { cluster: ${name} } }`
const added = (name: string, to: string): string =>
  `- { match: { path: /${name} }, route: { cluster: ${name} }, request_headers_to_add: [ { header: { key: x-envoy-original-dst-host, value: "${to}" } } ] }`

const filters = (list: readonly string[]): string =>
  `listener_filters:\n${list.map((each) => indent(each, 2)).join('\n')}`
const TLVS = 'rules: [ { tlv_type: 0xE0, on_tlv_present: { key: to, metadata_namespace: envoy.lb } } ]'

function http(name: string, listener: string): string {
  const list = names.filter((each) => each !== 'added').map(perRequest)
  return httpListener({
    name,
    virtualHosts: routes([...list, added('added', MAIN)].join('\n')),
    logFormat: LOG,
    logPrefix: PREFIX,
    listener,
  })
}

const tcp = (name: string, fields = ''): string => `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
${indent(fields, 2)}
  filter_chains:
  - filters:
${indent(tcpProxy(`cluster: ${name}`, name, LOG, PREFIX), 4)}
`

const yaml = bootstrap(
  [
    http('main', ''),
    http('behind', filters([proxyProtocol(TLVS)])),
    tcp('tcp_restored', filters([proxyProtocol(TLVS)])),
    tcp('tcp_port', filters([proxyProtocol(TLVS)])),
    tcp('tcp_metadata', filters([proxyProtocol(TLVS)])),
    tcp('tcp_nowhere'),
  ],
  [
    ...names.map((name) => cluster(name, configs[name])),
    cluster('tcp_restored'),
    cluster('tcp_port', 'upstream_port_override: 1'),
    cluster('tcp_metadata', METADATA),
    cluster('tcp_nowhere', named),
  ],
)

const to = (address: string): string => `x-envoy-original-dst-host: ${address}`
const statsOf = (name: string): string =>
  `^cluster\\.${name}\\.(original|upstream_(cx|rq)_(total|none|connect_fail|5xx|200|503))`

const one = (name: string, fields: readonly string[], more: Partial<ParityCase> = {}): ParityCase => ({
  name: `ORIGINAL_DST: ${name}`,
  steps: [get(`/${name}`, ...fields), { waitFor: '\r\n\r\n' }],
  reply: OK,
  stats: statsOf(name),
  ...more,
})

/** Of which the PROXY header says that it was going to the backend. */
const proxied = (destination: string): string => `PROXY TCP4 127.0.0.9 127.0.0.1 5000 ${destination}\r\n`
const BACKEND = '{{backend:main}}'
/** As many bytes as the address of a backend has: all of their ports have five digits. */
const v2 = (text: string): string =>
  proxyHeader({ tlvs: [[0xe0, text.replace(/\{\{.*?\}\}/g, '12345')]] })
    .toString('latin1')
    .replace(text.replace(/\{\{.*?\}\}/g, '12345'), text)

const behind = (name: string, header: string, fields: readonly string[] = []): ParityCase =>
  one(name, [], { listener: 'behind', steps: [`${header}${get(`/${name}`, ...fields)}`, { waitFor: '\r\n\r\n' }] })

const connection = (name: string, header: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `ORIGINAL_DST: ${name}`,
  listener: name,
  steps: [`${header}hello`, { waitFor: 'echo(hello)' }, { halfClose: true }, { waitClosed: true }],
  stats: statsOf(name),
  ...more,
})

export const originalDstSuite: ParitySuite = {
  name: 'original_dst',
  yaml,
  backends: ['main', 'other', 'tcp'],
  scripts: {
    tcp: { raw: true, onTunnelData: (backend, data) => backend.send(`echo(${data})`) },
  },
  cases: [
    one('header', [to(MAIN)]),
    one('again', [to(MAIN)], {
      steps: [
        get('/again', to(MAIN)),
        { waitFor: '\r\n\r\nok' },
        get('/again', to(MAIN)),
        { waitCount: ['\r\n\r\nok', 2] },
      ],
      logLines: 2,
    }),
    one('two', [], {
      steps: [
        get('/two', to(MAIN)),
        { waitFor: '\r\n\r\nok' },
        get('/two', to(OTHER)),
        { waitCount: ['\r\n\r\nok', 2] },
      ],
      logLines: 2,
    }),
    ...[
      '',
      'a.test:80',
      '127.0.0.1',
      '127.0.0.1:',
      '127.0.0.1:65536',
      '127.0.0.1:8x',
      '127.0.0.1:-1',
      '127.1:80',
      '127.0.0.1:80:90',
      '[127.0.0.1]:80',
      '::1:80',
      '[::1]',
      '[::1:80',
      '[::g]:80',
      ' , 127.0.0.1:80',
      `${MAIN}, ${OTHER}`,
    ].map((value) => ({ ...one('invalid', [to(value)]), name: `ORIGINAL_DST: invalid "${value}"` })),
    one('no_header', []),
    one('ipv6', [to('[::ffff:127.0.0.1]:{{backend:main}}')]),
    one('refused', [to('127.0.0.1:1')]),
    one('twice', [to(MAIN), to(OTHER)]),
    one('added', []),
    one('not_asked', [to(MAIN)]),
    one('own_name', [`x-to: ${MAIN}`, to(OTHER)]),
    one('not_own_name', [to(OTHER)]),
    one('port', [to(MAIN)]),
    behind('metadata', v2(MAIN)),
    behind('metadata_before_header', v2(MAIN), [to(OTHER)]),
    behind('metadata_invalid', v2('nowhere'), [to(MAIN)]),
    behind('restored', proxied(BACKEND)),
    behind('restored_before_nothing', proxied(BACKEND)),
    behind('header_before_restored', proxied(BACKEND), [to(OTHER)]),
    behind('behind_invalid', proxied(BACKEND), [to('nowhere')]),
    one('restored', [], { name: 'ORIGINAL_DST: nothing restored' }),
    connection('tcp_restored', proxied('{{backend:tcp}}')),
    connection('tcp_port', proxied('{{backend:tcp}}'), {
      steps: [`${proxied('{{backend:tcp}}')}hello`, { waitClosed: true }],
    }),
    connection('tcp_metadata', v2('127.0.0.1:{{backend:tcp}}')),
    connection('tcp_nowhere', '', { steps: [{ waitClosed: true }] }),
  ],
}
