/** Cluster discovery, load balancing, pools and circuit breakers. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, OK, post, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, indent } from '../yaml.ts'

/** Only the case's own cluster: the DNS clusters refresh at any moment. */
const statsOf = (name: string) => `^(cluster\\.${name}\\.|http\\.)`

function endpoints(...list: [backend: string, fields?: string][]): string {
  const lines = list.map(
    ([backend, fields]) =>
      `- { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${backend} } } }${fields === undefined ? '' : `, ${fields}`} }`,
  )
  return indent(lines.join('\n'), 4)
}

function many(name: string, list: [string, string?][], more = ''): string {
  return `
- name: ${name}
  connect_timeout: 1s
  load_assignment:
    cluster_name: ${name}
    endpoints:
    - lb_endpoints:
${indent(endpoints(...list), 6)}
${indent(more, 2)}
`
}

const A = '{{backend:main}}'
const B = '{{backend:other}}'
const dns = (type: string, more = '') => `type: ${type}\ndns_lookup_family: V4_ONLY\n${more}`

const ONE_REQUEST = http1Options(
  'common_http_protocol_options: { max_requests_per_connection: 1 }\nexplicit_http_config: { http_protocol_options: {} }',
)

/** Hosts of priority 0 by health, and one healthy host of priority 1 on the other backend. */
function prioritised(name: string, first: readonly string[], more = '', hasSecond = true): string {
  const at = (port: string) => `endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }`
  const hosts = first.map((health) => `{ health_status: ${health}, ${at(A)} }`).join(', ')
  const second = hasSecond ? `[ { ${at(B)} } ]` : '[]'
  return `
- name: ${name}
  connect_timeout: 1s
  load_assignment:
    cluster_name: ${name}
    endpoints:
    - { priority: 0, lb_endpoints: [ ${hosts} ] }
    - { priority: 1, lb_endpoints: ${second} }
${indent(more, 4)}
`
}

function policy(folder: string, message: string, more = ''): string {
  const type = `type.googleapis.com/envoy.extensions.load_balancing_policies.${folder}.v3.${message}`
  return `load_balancing_policy: { policies: [ { typed_extension_config: { name: p, typed_config: { "@type": ${type}${more} } } } ] }`
}

const clusters: Record<string, string> = {
  plain: cluster('plain', '', A),
  round_robin: many('round_robin', [[A], [B]]),
  round_robin_weighted: many('round_robin_weighted', [
    [A, 'load_balancing_weight: 3'],
    [B, 'load_balancing_weight: 1'],
  ]),
  least_request: many('least_request', [[A], [B]], 'lb_policy: LEAST_REQUEST'),
  random: many('random', [[A], [A]], `lb_policy: RANDOM\n${ONE_REQUEST}`),
  one_refused: many('one_refused', [['1'], ['1']]),
  health_status: many(
    'health_status',
    [[A, 'health_status: UNHEALTHY'], [B]],
    'common_lb_config: { healthy_panic_threshold: { value: 0 } }',
  ),
  all_unhealthy: many(
    'all_unhealthy',
    [[A, 'health_status: UNHEALTHY']],
    'common_lb_config: { healthy_panic_threshold: { value: 0 } }',
  ),
  panic: many('panic', [[A, 'health_status: UNHEALTHY']]),
  panic_fail: many('panic_fail', [[A, 'health_status: UNHEALTHY']], ''),
  strict_dns: cluster('strict_dns', dns('STRICT_DNS'), A).replace('address: 127.0.0.1', 'address: localhost'),
  logical_dns: cluster('logical_dns', dns('LOGICAL_DNS'), A).replace('address: 127.0.0.1', 'address: localhost'),
  alt_stat_name: cluster('alt_stat_name', 'alt_stat_name: other_name', A),
  max_requests: cluster(
    'max_requests',
    http1Options(
      'common_http_protocol_options: { max_requests_per_connection: 1 }\nexplicit_http_config: { http_protocol_options: {} }',
    ),
    A,
  ),
  idle: cluster(
    'idle',
    http1Options(
      'common_http_protocol_options: { idle_timeout: 0.08s }\nexplicit_http_config: { http_protocol_options: {} }',
    ),
    A,
  ),
  duration: cluster(
    'duration',
    http1Options(
      'common_http_protocol_options: { max_connection_duration: 0.08s }\nexplicit_http_config: { http_protocol_options: {} }',
    ),
    A,
  ),
  stream_duration: cluster(
    'stream_duration',
    http1Options(
      'common_http_protocol_options: { max_stream_duration: 0.08s }\nexplicit_http_config: { http_protocol_options: {} }',
    ),
    A,
  ),
  proper: cluster(
    'proper',
    http1Options('explicit_http_config: { http_protocol_options: { header_key_format: { proper_case_words: {} } } }'),
    A,
  ),
  breaker_requests: cluster(
    'breaker_requests',
    'circuit_breakers: { thresholds: [ { max_requests: 1, track_remaining: true } ] }',
    A,
  ),
  breaker_pending: cluster(
    'breaker_pending',
    'circuit_breakers: { thresholds: [ { max_connections: 1, max_pending_requests: 1 } ] }',
    A,
  ),
  breaker_connections: cluster(
    'breaker_connections',
    'circuit_breakers: { thresholds: [ { max_connections: 1, max_pending_requests: 0 } ] }',
    A,
  ),
  breaker_retries: cluster('breaker_retries', 'circuit_breakers: { thresholds: [ { max_retries: 0 } ] }', A),
  breaker_high: cluster('breaker_high', 'circuit_breakers: { thresholds: [ { priority: HIGH, max_requests: 0 } ] }', A),
  preconnect: cluster('preconnect', 'preconnect_policy: { per_upstream_preconnect_ratio: 2.0 }', A),
  close_on_health: cluster('close_on_health', 'close_connections_on_host_health_failure: true', A),
  bind: cluster('bind', 'upstream_bind_config: { source_address: { address: 127.0.0.2, port_value: 0 } }', A),
  keepalive: cluster('keepalive', 'upstream_connection_options: { tcp_keepalive: { keepalive_time: 10 } }', A),
  small_buffer: cluster('small_buffer', 'per_connection_buffer_limit_bytes: 1024', A),
  per_endpoint: cluster('per_endpoint', 'track_cluster_stats: { per_endpoint_stats: true }', A),
  request_response_sizes: cluster(
    'request_response_sizes',
    'track_cluster_stats: { request_response_sizes: true, timeout_budgets: true }',
    A,
  ),
  priorities: `
- name: priorities
  connect_timeout: 1s
  load_assignment:
    cluster_name: priorities
    endpoints:
    - { priority: 0, lb_endpoints: [ { health_status: UNHEALTHY, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${A} } } } } ] }
    - { priority: 1, lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${B} } } } } ] }
`,
  localities: `
- name: localities
  connect_timeout: 1s
  load_assignment:
    cluster_name: localities
    endpoints:
    - { locality: { region: a }, load_balancing_weight: 1, lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${A} } } } } ] }
    - { locality: { region: b }, load_balancing_weight: 1, lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${B} } } } } ] }
`,
  three_quarters: many('three_quarters', [
    [A, 'health_status: HEALTHY'],
    [A, 'health_status: HEALTHY'],
    [A],
    [B, 'health_status: TIMEOUT'],
  ]),
  draining: many('draining', [[A, 'health_status: DRAINING'], [B]]),
  draining_all: many('draining_all', [[A, 'health_status: DRAINING']]),
  degraded: many('degraded', [
    [A, 'health_status: UNHEALTHY'],
    [B, 'health_status: DEGRADED'],
  ]),
  degraded_spill: many('degraded_spill', [
    [A, 'health_status: DEGRADED'],
    [A, 'health_status: DEGRADED'],
  ]),
  panic_fails: many(
    'panic_fails',
    [[A, 'health_status: UNHEALTHY']],
    'common_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } }',
  ),
  panic_threshold: many(
    'panic_threshold',
    [[A, 'health_status: UNHEALTHY'], [B]],
    'common_lb_config: { healthy_panic_threshold: { value: 60 } }',
  ),
  no_hosts: `
- name: no_hosts
  connect_timeout: 1s
`,
  no_spill_over: prioritised('no_spill_over', ['HEALTHY', 'HEALTHY', 'HEALTHY', 'UNHEALTHY']),
  overprovisioning: prioritised('overprovisioning', ['UNHEALTHY'], 'policy: { overprovisioning_factor: 100 }'),
  second_priority_empty: prioritised('second_priority_empty', ['HEALTHY'], '', false),
  locality_weighted: `
- name: locality_weighted
  connect_timeout: 1s
  common_lb_config: { locality_weighted_lb_config: {} }
  load_assignment:
    cluster_name: locality_weighted
    endpoints:
    - { locality: { region: a }, load_balancing_weight: 5, lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${A} } } } } ] }
    - { locality: { region: b }, lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${B} } } } } ] }
`,
  policy_round_robin: many('policy_round_robin', [[A], [B]], policy('round_robin', 'RoundRobin')),
  policy_random: many('policy_random', [[A], [A]], `${policy('random', 'Random')}\n${ONE_REQUEST}`),
  policy_least_request: many(
    'policy_least_request',
    [[A], [A]],
    `${policy('least_request', 'LeastRequest', ', choice_count: 3, selection_method: FULL_SCAN')}\n${ONE_REQUEST}`,
  ),
  slow_start: many(
    'slow_start',
    [[A], [A]],
    'round_robin_lb_config: { slow_start_config: { slow_start_window: 60s } }',
  ),
  breaker_pools: cluster(
    'breaker_pools',
    'circuit_breakers: { thresholds: [ { max_connection_pools: 0, track_remaining: true } ] }',
    A,
  ),
  breaker_per_host: cluster(
    'breaker_per_host',
    'circuit_breakers: { thresholds: [ { max_pending_requests: 0 } ], per_host_thresholds: [ { max_connections: 1 } ] }',
    A,
  ),
  breaker_all_remaining: cluster(
    'breaker_all_remaining',
    'circuit_breakers: { thresholds: [ { track_remaining: true, max_connections: 5, max_pending_requests: 6, max_requests: 7, max_retries: 8, max_connection_pools: 9 } ] }',
    A,
  ),
  bind_fails: cluster(
    'bind_fails',
    'upstream_bind_config: { source_address: { address: 192.0.2.1, port_value: 0 } }',
    A,
  ),
  bind_other_family: cluster(
    'bind_other_family',
    'upstream_bind_config: { source_address: { address: "::1", port_value: 0 } }',
    A,
  ),
  happy_eyeballs: `
- name: happy_eyeballs
  connect_timeout: 1s
  load_assignment:
    cluster_name: happy_eyeballs
    endpoints:
    - lb_endpoints:
      - endpoint:
          address: { socket_address: { address: "::1", port_value: ${A} } }
          additional_addresses: [ { address: { socket_address: { address: 127.0.0.1, port_value: ${A} } } } ]
`,
  dns_fails: cluster(
    'dns_fails',
    dns(
      'STRICT_DNS',
      'typed_dns_resolver_config: { name: c, typed_config: { "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, resolvers: [ { socket_address: { address: 127.0.0.1, port_value: 1 } } ], dns_resolver_options: { no_default_search_domain: true } } }',
    ),
    A,
  ).replace('address: 127.0.0.1, port_value: {{', 'address: nowhere.test, port_value: {{'),
  predictive: many('predictive', [[A], [B]], 'preconnect_policy: { predictive_preconnect_ratio: 2.0 }'),
  preconnect_both: many(
    'preconnect_both',
    [[A], [A]],
    'preconnect_policy: { per_upstream_preconnect_ratio: 1.5, predictive_preconnect_ratio: 1.5 }',
  ),
  unreachable: `
- name: unreachable
  connect_timeout: 1s
  load_assignment:
    cluster_name: unreachable
    endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 255.255.255.255, port_value: 9 } } } } ] } ]
`,
  pipe_missing: `
- name: pipe_missing
  connect_timeout: 1s
  load_assignment:
    cluster_name: pipe_missing
    endpoints: [ { lb_endpoints: [ { endpoint: { address: { pipe: { path: /tmp/nuncio-no-such-pipe } } } } ] } ]
`,
  one_address: many('one_address', [[A], [A]]),
  names_of_one_address: many('names_of_one_address', [[A], [A]], dns('STRICT_DNS')).replace(
    'address: 127.0.0.1',
    'address: localhost',
  ),
  host_set_change: cluster('host_set_change', 'common_lb_config: { close_connections_on_host_set_change: true }', A),
  metadata: `
- name: metadata
  connect_timeout: 1s
  lb_subset_config: { fallback_policy: NO_FALLBACK, subset_selectors: [ { keys: [ v ] } ] }
  load_assignment:
    cluster_name: metadata
    endpoints:
    - lb_endpoints:
      - { metadata: { filter_metadata: { envoy.lb: { v: "1" } } }, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${A} } } } }
      - { metadata: { filter_metadata: { envoy.lb: { v: "2" } } }, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${B} } } } }
`,
}

/** Not in the first step's reach: subsets come with the load balancers. */
const LATER = new Set(['metadata'])
const names = Object.keys(clusters).filter((name) => !LATER.has(name))

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
  - { match: { prefix: "/breaker_high" }, route: { cluster: breaker_high, priority: HIGH } }
  - { match: { prefix: "/breaker_retries" }, route: { cluster: breaker_retries, retry_policy: { retry_on: 5xx } } }
${names
  .filter((name) => name !== 'breaker_retries')
  .map((name) => `  - { match: { path: "/${name}" }, route: { cluster: ${name} } }`)
  .join('\n')}
`

const yaml = bootstrap(
  [httpListener({ name: 'main', hcm: 'delayed_close_timeout: 0.02s', virtualHosts })],
  names.map((name) => clusters[name]),
  'stats_flush_interval: 0.1s',
)

const times = (path: string, count: number): ParityCase['steps'] =>
  Array.from({ length: count }, (_, index) => [
    get(path),
    { waitCount: ['HTTP/1.1', index + 1] as [string, number] },
  ]).flat()

const one = (name: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name,
  steps: [get(`/${name}`), { waitFor: '\r\n\r\n' }],
  stats: statsOf(name),
  ...more,
})

const repeated = (name: string, count: number, more: Partial<ParityCase> = {}) =>
  one(name, {
    name: `${name} x${count}`,
    steps: times(`/${name}`, count),
    logLines: count,
    normalize: [[/host=\S+ \w+>/g, 'host']],
    ...more,
  })

/** Where the choice is random only the sum is compared: no bytes per backend, no stats. */
const breaker = (name: string, path = name): ParityCase =>
  one(name, {
    holdConnections: 1,
    holdBytes: get(`/${path}`),
    replies: [[], [OK]],
    name: `${name} while another is served`,
  })

export const clustersSuite: ParitySuite = {
  name: 'clusters',
  yaml,
  backends: ['main', 'other'],
  cases: [
    one('plain'),
    repeated('plain', 3),
    repeated('round_robin', 4),
    repeated('round_robin_weighted', 8),
    repeated('random', 3),
    one('one_refused', { normalize: [[/host=\S+/g, 'host']] }),
    ...[
      'health_status',
      'all_unhealthy',
      'panic',
      'panic_fail',
      'strict_dns',
      'logical_dns',
      'alt_stat_name',
      'proper',
      'preconnect',
      'close_on_health',
      'keepalive',
      'small_buffer',
      'priorities',
      'request_response_sizes',
      'per_endpoint',
      'bind',
    ].map((name) => one(name)),
    ...[
      'draining',
      'draining_all',
      'degraded_spill',
      'panic_fails',
      'no_hosts',
      'no_spill_over',
      'overprovisioning',
      'second_priority_empty',
      'locality_weighted',
      'breaker_pools',
      'breaker_all_remaining',
      'bind_fails',
      'bind_other_family',
      'happy_eyeballs',
      'host_set_change',
      'unreachable',
      'pipe_missing',
    ].map((name) => one(name)),
    ...['three_quarters', 'degraded', 'panic_threshold', 'policy_round_robin', 'predictive'].map((name) =>
      repeated(name, 4),
    ),
    ...['policy_random', 'policy_least_request', 'slow_start', 'preconnect_both'].map((name) => repeated(name, 3)),
    one('dns_fails', { stats: undefined }),
    one('three_quarters', {
      name: 'clusters at start',
      steps: names
        .filter(
          (name) =>
            !['strict_dns', 'logical_dns', 'dns_fails', 'happy_eyeballs', 'names_of_one_address'].includes(name),
        )
        .map((name) => ({
          admin: `/stats?filter=${encodeURIComponent(`^cluster\\.${name}\\.(membership|circuit_breakers|default|lb_|max_host|warming)`)}`,
        })),
      stats: undefined,
      logLines: 0,
    }),
    one('three_quarters', {
      name: 'clusters in the dump, by their names',
      steps: [{ admin: '/config_dump?resource=static_clusters&mask=cluster.name' }],
      stats: undefined,
      logLines: 0,
      normalize: [[/goo\.gle\/debug\w+ +/g, 'goo.gle/debug ']],
    }),
    one('request_response_sizes', {
      name: 'sizes and budgets',
      steps: [
        post('/request_response_sizes', 'x'.repeat(1000)),
        { waitFor: 'ok' },
        { quietMs: 400 },
        {
          admin: `/stats?filter=${encodeURIComponent('^cluster\\.request_response_sizes\\.upstream_(rq_(headers|body|timeout_budget)|rs_)')}`,
        },
      ],
      stats: undefined,
      // What the last interval of the flush had.
      normalize: [[/\((nan|[\d.]+),/g, '(']],
    }),
    breaker('breaker_per_host'),
    ...['one_address', 'names_of_one_address'].map((name) =>
      one(name, {
        steps: [...times(`/${name}`, 4), { admin: `/clusters?filter=^${name}$` }],
        stats: undefined,
        logLines: 4,
      }),
    ),
    ...(
      [
        ['408', response(408, '')],
        ['200', OK],
        ['half a head', 'HTTP/1.1 200 OK\r\n'],
        ['no HTTP', 'bye\r\n'],
        ['FIN', { finish: true }],
        ['RST', { reset: true }],
      ] as const
    ).map(([name, last]) =>
      one('plain', {
        name: `idle connection: ${name}`,
        replies: [[OK, { pauseMs: 60 }, last], [OK]],
        steps: [get('/plain'), { waitFor: 'ok' }, { quietMs: 150 }, get('/plain'), { waitCount: ['ok', 2] }],
        logLines: 2,
      }),
    ),
    repeated('localities', 4),
    repeated('max_requests', 3),
    one('idle', { steps: [get('/idle'), { waitFor: 'ok' }, { quietMs: 150 }, get('/idle')], logLines: 2 }),
    one('duration', { steps: [get('/duration'), { waitFor: 'ok' }, { quietMs: 150 }, get('/duration')], logLines: 2 }),
    one('stream_duration', { reply: [] }),
    breaker('breaker_requests'),
    breaker('breaker_connections'),
    one('breaker_requests', { name: 'breaker_requests alone' }),
    one('breaker_pending', { name: 'breaker_pending alone' }),
    one('breaker_retries', { replies: [[response(503, 'x')], [OK]] }),
    one('breaker_high'),
    one('least_request'),
  ].map((entry) =>
    ['least_request', 'preconnect'].includes(entry.name)
      ? { ...entry, normalize: [[/host=\S+/g, 'host']] as const }
      : entry,
  ) as ParityCase[],
}
