/** Upstream connections that come from the client's address, as a PROXY header tells it. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { tcpProxy } from '../l4/l4_yaml.ts'
import { response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'
import { listenerFilter, PREFIX, proxyProtocol } from './pieces.ts'

const LOG =
  '%RESPONSE_CODE% %RESPONSE_FLAGS% from=%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% fail=%UPSTREAM_TRANSPORT_FAILURE_REASON% ' +
  'attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%'
const STATS = '^(tcp|cluster)\\.'

const originalSrc = (fields = '', more = '') => listenerFilter('original_src', 'OriginalSrc', fields, more)
const filters = (list: readonly string[]) => `listener_filters:\n${list.map((each) => indent(each, 2)).join('\n')}`

function tcpListener(name: string, to: string, list: readonly string[], address = '127.0.0.1'): string {
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: "${address}", port_value: 0 } }
${indent(filters(list), 2)}
  filter_chains:
  - filters:
${indent(tcpProxy(`cluster: ${to}`, name, LOG, PREFIX), 4)}
`
}

const hosts = `
- name: all
  domains: ["*"]
  routes: [ { match: { prefix: / }, route: { cluster: main } } ]
`
const behindProxy = [proxyProtocol(), originalSrc()]

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      virtualHosts: hosts,
      logFormat: LOG,
      logPrefix: PREFIX,
      listener: filters(behindProxy),
    }),
    httpListener({
      name: 'xff',
      virtualHosts: hosts,
      logFormat: LOG,
      logPrefix: PREFIX,
      hcm: 'use_remote_address: true\nxff_num_trusted_hops: 1',
      listener: filters(behindProxy),
    }),
    tcpListener('direct', 'main', [originalSrc()]),
    tcpListener('behind', 'main', behindProxy),
    tcpListener('before', 'main', [originalSrc(), proxyProtocol()]),
    tcpListener('marked', 'main', [proxyProtocol(), originalSrc('mark: 7')]),
    tcpListener('disabled', 'main', [proxyProtocol(), originalSrc('', 'filter_disabled: { any_match: true }')]),
    tcpListener('bound', 'bound', behindProxy),
    tcpListener('pipe', 'pipe', behindProxy),
  ],
  [
    cluster('main'),
    cluster(
      'bound',
      'upstream_bind_config: { source_address: { address: 127.0.0.44, port_value: 0 } }',
      '{{backend:main}}',
    ),
    `
- name: pipe
  type: STATIC
  load_assignment:
    cluster_name: pipe
    endpoints:
    - lb_endpoints:
      - endpoint: { address: { pipe: { path: "@nobody-listens-here" } } }
`,
  ],
)

const from = (ip: string) => `PROXY TCP4 ${ip} 127.0.0.1 5000 80\r\n`
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'

const tcp = (name: string, listener: string, header: string): ParityCase => ({
  name: `original_src: ${name}`,
  listener,
  steps: [`${header}hello`, { waitFor: 'echo(hello)' }, { halfClose: true }, { waitClosed: true }],
  stats: STATS,
})

const http = (name: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `original_src: ${name}`,
  steps: [`${from('127.0.0.9')}${GET}`, { waitFor: '\r\n\r\nok' }],
  reply: response(200, 'ok'),
  stats: STATS,
  ...more,
})

export const originalSrcSuite: ParitySuite = {
  name: 'original_src',
  yaml,
  scripts: {
    main: {
      raw: true,
      onTunnelData: (connection, data) => {
        connection.send(data.startsWith('GET ') ? response(200, 'ok') : `echo(${data})`)
      },
    },
  },
  cases: [
    tcp('the client itself', 'direct', ''),
    tcp('behind a proxy', 'behind', from('127.0.0.9')),
    tcp('of version 6, to a backend of version 4', 'behind', 'PROXY TCP6 ::1 ::1 5000 80\r\n'),
    tcp('unknown', 'behind', 'PROXY UNKNOWN\r\n'),
    tcp('before the address is known', 'before', from('127.0.0.9')),
    tcp('with a mark', 'marked', from('127.0.0.9')),
    tcp('disabled', 'disabled', from('127.0.0.9')),
    tcp('in the place of the bind config', 'bound', from('127.0.0.9')),
    tcp('to a pipe', 'pipe', from('127.0.0.9')),
    http('http'),
    http('http, a connection used again', {
      steps: [`${from('127.0.0.9')}${GET}`, { waitFor: '\r\n\r\nok' }, GET, { waitCount: ['\r\n\r\nok', 2] }],
      logLines: 2,
    }),
    http('http from the same client twice', {
      holdConnections: 1,
      holdBytes: `${from('127.0.0.9')}${GET}`,
    }),
    http('http from two clients', {
      holdConnections: 1,
      holdBytes: `${from('127.0.0.10')}${GET}`,
    }),
    http('http behind more proxies', {
      listener: 'xff',
      steps: [
        `${from('127.0.0.9')}GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 127.0.0.11\r\n\r\n`,
        { waitFor: '\r\n\r\nok' },
      ],
    }),
  ],
}
