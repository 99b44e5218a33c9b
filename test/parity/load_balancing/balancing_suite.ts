/** What operators see of load balancing: access logs, answers, stats, /clusters and /config_dump. */

import { proxyHeader } from '../../support/proxy_header.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { listener, tcpProxy } from '../l4/l4_yaml.ts'
import { proxyProtocol } from '../listener_filters/pieces.ts'
import { get, OK, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent, routes } from '../yaml.ts'

const host = (backend: string, more = ''): string =>
  `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {{backend:${backend}}} } } }${more === '' ? '' : `, ${more}`} }`
const label = (fields: string): string => `metadata: { filter_metadata: { envoy.lb: { ${fields} } } }`
const match = (fields: string): string => `metadata_match: { filter_metadata: { envoy.lb: { ${fields} } } }`

function assigned(name: string, groups: string[], fields = '', policy = '{}'): string {
  return `
- name: ${name}
  connect_timeout: 1s
${indent(fields, 2)}
  load_assignment:
    cluster_name: ${name}
    policy: ${policy}
    endpoints:
${indent(groups.map((each) => `- ${each}`).join('\n'), 4)}
`
}

const aggregate = (name: string, members: string, more = ''): string => `
- name: ${name}
  connect_timeout: 1s
  lb_policy: CLUSTER_PROVIDED
${indent(more, 2)}
  cluster_type:
    name: envoy.clusters.aggregate
    typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ ${members} ] }
`

const KEYED = `{ lb_endpoints: [ ${host('main', label('hash_key: a'))}, ${host('other', label('hash_key: b'))} ] }`
const LABELLED = `{ lb_endpoints: [ ${host('main', label('v: "1"'))}, ${host('other', label('v: "2"'))} ] }`
const SUBSETS = 'lb_subset_config: { subset_selectors: [ { keys: [ v ] } ] }'
const dropped = (share: string): string =>
  `{ drop_overloads: [ { category: c, drop_percentage: ${share} } ], overprovisioning_factor: 150 }`

const clusters = [
  cluster('main', 'common_lb_config: { healthy_panic_threshold: { value: 0 } }'),
  cluster('refused', 'alt_stat_name: other_name', '1'),
  assigned(
    'down',
    [`{ lb_endpoints: [ ${host('main', 'health_status: UNHEALTHY')} ] }`],
    'common_lb_config: { healthy_panic_threshold: { value: 0 } }',
  ),
  assigned('all_down', [`{ lb_endpoints: [ ${host('other', 'health_status: UNHEALTHY')} ] }`]),
  aggregate('first', 'main, down'),
  aggregate('second', 'down, main', 'alt_stat_name: seconds'),
  aggregate('tries', 'refused, main'),
  aggregate('nobody', 'down'),
  aggregate('panicking', 'all_down'),
  assigned('dropping', [LABELLED], '', dropped('{ numerator: 100 }')),
  assigned('keeping', [`{ lb_endpoints: [ ${host('main')} ] }`], '', dropped('{ numerator: 0 }')),
  assigned('ring', [KEYED], 'lb_policy: RING_HASH'),
  assigned('table', [KEYED], 'lb_policy: MAGLEV\nmaglev_lb_config: { table_size: 101 }'),
  assigned('subsets', [LABELLED], SUBSETS),
  assigned(
    'weights',
    [
      `{ locality: { region: r, zone: a }, load_balancing_weight: 2, lb_endpoints: [ ${host('main', 'load_balancing_weight: 3')} ] }`,
      `{ locality: { region: r, zone: a }, load_balancing_weight: 5, lb_endpoints: [ ${host('other')} ] }`,
      `{ load_balancing_weight: 7, lb_endpoints: [ ${host('other')} ], priority: 1 }`,
    ],
    'lb_policy: RING_HASH',
  ),
]

const HASHES = 'hash_policy: [ { header: { header_name: x-key } } ]'
const route = (name: string, fields = '', to = name): string =>
  `- match: { path_separated_prefix: /${name} }\n  route:\n    cluster: ${to}\n${indent(fields, 4)}`
const cookie = (fields: string): string => `hash_policy: [ { cookie: { name: s, ${fields} } } ]`

const http = httpListener({
  name: 'main',
  virtualHosts: routes(
    [
      ...['first', 'second', 'nobody', 'panicking', 'dropping', 'keeping', 'subsets'].map((name) => route(name)),
      route('tries', 'retry_policy: { retry_on: connect-failure, num_retries: 2 }'),
      route('slow', 'timeout: 0.2s', 'second'),
      route('again', 'retry_policy: { retry_on: 5xx, num_retries: 1 }', 'second'),
      route('ring', HASHES),
      route('table', HASHES),
      route('v1', match('v: "1"'), 'subsets'),
      route('v2', match('v: "2"'), 'subsets'),
      route('v3', match('v: "3"'), 'subsets'),
      route('cookie-none', cookie('path: /'), 'table'),
      route('cookie-session', cookie('ttl: 0s'), 'table'),
      route('cookie-ttl', cookie('ttl: 90.5s, path: /x'), 'table'),
      route(
        'cookie-attributes',
        cookie('ttl: 0s, attributes: [ { name: SameSite, value: Strict }, { name: Partitioned } ]'),
        'table',
      ),
      route('cookie-refused', cookie('ttl: 5s'), 'refused'),
      route('retried', `${HASHES}\nretry_policy: { retry_on: 5xx, num_retries: 2 }`, 'ring'),
      `- match: { path_separated_prefix: /split }
  route:
    hash_policy: [ { header: { header_name: x-key } } ]
    weighted_clusters:
      use_hash_policy: true
      clusters: [ { name: main, weight: 50 }, { name: keeping, weight: 50 } ]`,
    ].join('\n'),
  ),
})

/** What a PROXY header says becomes metadata of the connection. */
const told = `listener_filters:\n${proxyProtocol('rules: [ { tlv_type: 0xE1, on_tlv_present: { key: v, metadata_namespace: envoy.lb } } ]')}`
const tells = (version: string): string => proxyHeader({ tlvs: [[0xe1, version]] }).toString('latin1')

const yaml = bootstrap(
  [
    http,
    httpListener({
      name: 'told',
      virtualHosts: routes([route('v1', match('v: "1"'), 'subsets'), route('any', '', 'subsets')].join('\n')),
      listener: told,
    }),
    listener('tcp_told', tcpProxy(`cluster: subsets\n${match('v: "1"')}`), told),
    listener('tcp_hash', tcpProxy('cluster: ring\nhash_policy: [ { source_ip: {} } ]')),
    listener(
      'tcp_state',
      tcpProxy('cluster: table\nhash_policy: [ { filter_state: { key: nothing } } ]\nmax_connect_attempts: 1'),
    ),
    listener('tcp_v2', tcpProxy(`cluster: subsets\n${match('v: "2"')}`)),
    listener('tcp_v3', tcpProxy(`cluster: subsets\n${match('v: "3"')}`)),
    listener(
      'tcp_weighted',
      tcpProxy(`weighted_clusters: { clusters: [ { name: subsets, weight: 1, ${match('v: "1"')} } ] }`),
    ),
    listener('tcp_aggregate', tcpProxy('cluster: second')),
    listener('tcp_nobody', tcpProxy('cluster: nobody')),
    listener('tcp_dropping', tcpProxy('cluster: dropping')),
  ],
  clusters,
)

const STATS = '^(cluster\\.|http\\.main|tcp\\.)'
/** Where chance decides between hosts or made-up values. */
const ANY_HOST: ParityCase['normalize'] = [
  [/host=\S+(?: \w+>)?/g, 'host'],
  [/[0-9a-f]{16}|\d{17,20}/g, 'value'],
]

function http1(name: string, path: string, fields: string[] = [], more: Partial<ParityCase> = {}): ParityCase {
  return {
    name: `balancing seen: ${name}`,
    steps: [get(path, ...fields), { waitFor: '\r\n\r\n' }],
    stats: STATS,
    ...more,
  }
}

function tcp(name: string, more: Partial<ParityCase> = {}): ParityCase {
  return {
    name: `balancing seen: ${name}`,
    listener: name,
    steps: [get('/'), { waitFor: 'ok' }],
    stats: STATS,
    ...more,
  }
}

const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const many = (path: string) => ({
  steps: keys.flatMap((key, i) => [get(path, `x-key: ${key}`), { waitCount: ['ok', i + 1] as [string, number] }]),
  logLines: keys.length,
})
const admin = (path: string): ParityCase => ({
  name: `balancing seen: ${path}`,
  steps: [{ admin: path, sortJson: path.startsWith('/config_dump') }],
  logLines: 0,
  normalize: [[/"port_value": \d+/g, '"port_value": port']],
})

export const balancingSuite: ParitySuite = {
  name: 'load balancing as it is seen',
  yaml,
  backends: ['main', 'other'],
  cases: [
    admin('/clusters?filter=^weights$'),
    admin('/clusters?filter=^first$'),
    admin('/config_dump?include_eds&resource=static_endpoint_configs'),
    http1('aggregate, first cluster', '/first'),
    http1('aggregate, second cluster', '/second'),
    http1('aggregate, no host', '/nobody'),
    http1('aggregate, panic', '/panicking'),
    http1('aggregate, refused and retried', '/tries', [], { steps: [get('/tries'), { waitFor: '503' }] }),
    http1('aggregate, timeout', '/slow', [], { reply: [] }),
    http1('aggregate, reset', '/first', [], { reply: [{ reset: true }] }),
    http1('aggregate, retried', '/again', [], { replies: [[response(503, 'no')], [OK]] }),
    http1('dropped', '/dropping'),
    http1('not dropped', '/keeping'),
    http1('no subset asked for', '/subsets'),
    ...['v1', 'v2', 'v3'].map((name) => http1(`subset ${name}`, `/${name}`)),
    ...['ring', 'table', 'split'].map((name) => http1(`keys on ${name}`, '', [], many(`/${name}`))),
    http1('cookie given', '/cookie-none', ['cookie: s=1']),
    ...['none', 'session', 'ttl', 'attributes', 'refused'].map((name) =>
      http1(`cookie ${name}`, `/cookie-${name}`, [], { normalize: ANY_HOST, stats: '^http.main' }),
    ),
    http1('cookie empty', '/cookie-ttl', ['cookie: s='], { normalize: ANY_HOST, stats: '^http.main' }),
    http1('cookie quoted', '/cookie-ttl', ['cookie: a=b; s="1"']),
    http1('retried on the same host', '/retried', ['x-key: a'], { replies: [[response(503, 'no')], [OK]] }),
    ...['/v1', '/any'].flatMap((path) =>
      ['1', '2', '3'].map((version) =>
        http1(`told ${version} on ${path}`, path, [], {
          listener: 'told',
          steps: [tells(version) + get(path), { waitFor: '\r\n\r\n' }],
        }),
      ),
    ),
    tcp('tcp_told', { steps: [tells('2') + get('/'), { waitFor: 'ok' }] }),
    tcp('tcp_hash'),
    tcp('tcp_v2'),
    tcp('tcp_v3', { steps: [{ waitClosed: true }] }),
    tcp('tcp_weighted'),
    tcp('tcp_aggregate'),
    tcp('tcp_nobody', { steps: [{ waitClosed: true }] }),
  ],
}
