/** request_mirror_policies: which requests are copied, what the copies look like, and what they count in. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, getHost, head, post, request, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent, routes } from '../yaml.ts'

const mirror = (...policies: string[]) =>
  `request_mirror_policies: [ ${policies.map((fields) => `{ ${fields} }`).join(', ')} ]`
const toShadow = mirror('cluster: shadow')
const route = (path: string, action: string, more = '') =>
  `- { match: { prefix: "/${path}" }, route: { ${action} }${more} }\n`
const mirrored = (path: string, policy: string, more = '') => route(path, `cluster: main, ${mirror(policy)}${more}`)
const fraction = (numerator: number, more = '') =>
  `cluster: shadow, runtime_fraction: { default_value: { numerator: ${numerator} }${more} }`
const header = (key: string, value: string, more = '') =>
  `{ append: { header: { key: ${key}, value: "${value}" }${more} } }`
const mutations = (...list: string[]) => `cluster: shadow, request_headers_mutations: [ ${list.join(', ')} ]`
const FAST = 'retry_back_off: { base_interval: 0.001s, max_interval: 0.002s }'

const table = routes(
  [
    route('plain', `cluster: main, ${toShadow}`),
    route('both', `cluster: main, ${mirror('cluster: shadow', 'cluster: other')}`),
    route('twice', `cluster: main, ${mirror('cluster: shadow', 'cluster: shadow')}`),
    route('same', `cluster: main, ${mirror('cluster: main')}`),
    mirrored('named', 'cluster_header: X-Shadow'),
    mirrored('authority', 'cluster_header: ":authority"'),
    mirrored('never', fraction(0)),
    mirrored('always', fraction(100)),
    mirrored('keyzero', fraction(100, ', runtime_key: m.zero')),
    mirrored('keyhundred', fraction(0, ', runtime_key: m.hundred')),
    mirrored('keyfraction', fraction(0, ', runtime_key: m.fraction')),
    mirrored('nosuffix', 'cluster: shadow, disable_shadow_host_suffix_append: true'),
    mirrored('hostrewrite', 'cluster: shadow, host_rewrite_literal: copy.test'),
    mirrored(
      'hostrewritesuffix',
      'cluster: shadow, host_rewrite_literal: copy.test, disable_shadow_host_suffix_append: false',
    ),
    mirrored('sampled', 'cluster: shadow, trace_sampled: false'),
    mirrored(
      'append',
      mutations(header('x-a', 'copy'), header('x-new', '%REQ(x-a)% %METADATA(ROUTE:m:k)%')),
      '',
    ).replace(/ }\n$/, ', metadata: { filter_metadata: { m: { k: value } } } }\n'),
    mirrored('overwrite', mutations(header('x-a', 'copy', ', append_action: OVERWRITE_IF_EXISTS_OR_ADD'))),
    mirrored('absent', mutations(header('x-a', 'copy', ', append_action: ADD_IF_ABSENT'))),
    mirrored('remove', mutations('{ remove: x-a }', '{ remove: X-Request-Id }')),
    mirrored('matching', mutations('{ remove_on_match: { key_matcher: { prefix: x- } } }')),
    mirrored('mutedhost', `${mutations(header('x-h', '%REQ(:AUTHORITY)%'))}, host_rewrite_literal: copy.test`),
    mirrored('missing', 'cluster: missing'),
    mirrored('empty', 'cluster: empty'),
    mirrored('refused', 'cluster: refused'),
    mirrored('full', 'cluster: full'),
    mirrored('nopools', 'cluster: nopools'),
    route('fromempty', `cluster: empty, ${toShadow}`),
    route('fromrefused', `cluster: refused, ${toShadow}`),
    route('fromfull', `cluster: full, ${toShadow}`),
    route('frommissing', `cluster: missing, ${toShadow}`),
    route('retried', `cluster: main, ${toShadow}, retry_policy: { retry_on: 5xx, num_retries: 2, ${FAST} }`),
    route('redirected', `cluster: main, ${toShadow}, internal_redirect_policy: {}`),
    route('target', `cluster: main, ${mirror('cluster: other')}`),
    route('auto', `cluster: named, auto_host_rewrite: true, ${toShadow}`),
    route(
      'rewritten',
      `cluster: main, prefix_rewrite: /new, host_rewrite_literal: new.test:99, ${toShadow}`,
      ', request_headers_to_add: [ { header: { key: x-route, value: "1" } } ]',
    ),
    route('pertry', `cluster: main, timeout: 9s, ${toShadow}, retry_policy: { per_try_timeout: 3s }`),
    route('untimed', `cluster: main, timeout: 0s, ${toShadow}`),
    route('duration', `cluster: main, max_stream_duration: { max_stream_duration: 20s }, ${toShadow}`),
    route(
      'weighted',
      `weighted_clusters: { clusters: [ { name: main, weight: 1, request_headers_to_add: [ { header: { key: x-weighted, value: "1" } } ] } ] }, ${toShadow}`,
    ),
    route('high', `cluster: main, priority: HIGH, ${toShadow}`),
    route('hashed', `cluster: main, hash_policy: [ { header: { header_name: x-a } } ], ${mirror('cluster: ring')}`),
    route('upgrade', `cluster: main, ${toShadow}, upgrade_configs: [ { upgrade_type: websocket } ]`),
    '- { match: { connect_matcher: {} }, route: { cluster: main, request_mirror_policies: [ { cluster: shadow } ], upgrade_configs: [ { upgrade_type: CONNECT } ] } }\n',
    '- { match: { prefix: "/small" }, route: { cluster: main, request_mirror_policies: [ { cluster: shadow } ] }, request_body_buffer_limit: 4 }\n',
  ].join(''),
)

/** Policies of the levels around a route. */
const levels = (outer: string, host: string) =>
  httpListener({
    name: outer,
    routeConfig: `validate_clusters: false\n${mirror(`cluster: ${outer}`)}`,
    virtualHosts: `
- name: own
  domains: [own.test]
${indent(host, 2)}
  include_request_attempt_count: true
  routes:
  - { match: { prefix: "/own" }, route: { cluster: main, ${toShadow} } }
  - { match: { prefix: "/direct" }, direct_response: { status: 200 } }
  - { match: { prefix: "/" }, route: { cluster: main } }
- name: all
  domains: ["*"]
  routes:
  - { match: { prefix: "/own" }, route: { cluster: main, ${toShadow} } }
  - { match: { prefix: "/" }, route: { cluster: main } }
`,
  })

const hcm = 'upgrade_configs: [ { upgrade_type: CONNECT } ]'
const noHosts = (name: string) => `
- name: ${name}
  connect_timeout: 1s
`
const yaml = bootstrap(
  [
    httpListener({ name: 'main', hcm, routeConfig: 'validate_clusters: false', virtualHosts: table }),
    httpListener({
      name: 'quiet',
      router: 'suppress_envoy_headers: true',
      virtualHosts: routes(route('', `cluster: main, ${toShadow}`)),
    }),
    httpListener({
      name: 'uncounted',
      router: 'dynamic_stats: false',
      virtualHosts: routes(route('', `cluster: main, ${toShadow}`)),
    }),
    httpListener({
      name: 'remote',
      hcm: 'use_remote_address: true',
      virtualHosts: routes(route('', `cluster: main, ${toShadow}`)),
    }),
    levels('other', ''),
    levels('third', mirror('cluster: other')),
  ],
  [
    cluster('main', 'circuit_breakers: { thresholds: [ { priority: HIGH } ] }'),
    cluster('shadow'),
    cluster('other'),
    cluster('third'),
    cluster('ring', 'lb_policy: RING_HASH', '{{backend:third}}'),
    cluster('refused', '', '1'),
    cluster('full', 'circuit_breakers: { thresholds: [ { max_pending_requests: 0 } ] }', '{{backend:third}}'),
    cluster('nopools', 'circuit_breakers: { thresholds: [ { max_connection_pools: 0 } ] }', '{{backend:third}}'),
    noHosts('empty'),
    `
- name: named
  type: STRICT_DNS
  dns_refresh_rate: 300s
  load_assignment:
    cluster_name: named
    endpoints: [ { lb_endpoints: [ { endpoint: { hostname: endpoint.test, address: { socket_address: { address: 127.0.0.1, port_value: "{{backend:main}}" } } } } ] } ]
`.replace('"{{backend:main}}"', '{{backend:main}}'),
  ],
  `layered_runtime: { layers: [ { name: static, static_layer: { m.zero: 0, m.hundred: 100, m.fraction: { numerator: 1000000, denominator: MILLION } } } ] }`,
)

const STATS = '^(cluster\\.|http\\.async-client\\.|http\\.main\\.rq_)'
const one = (name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `mirror: ${name}`,
  steps: [step],
  stats: STATS,
  ...more,
})
/** Over the mirrored answers, which come in any order. */
const failing = [response(503, 'bad'), response(503, 'bad')]

const paths = [
  ...[
    'plain',
    'both',
    'twice',
    'same',
    'named',
    'authority',
    'never',
    'always',
    'keyzero',
    'keyhundred',
    'keyfraction',
  ],
  ...['nosuffix', 'hostrewrite', 'hostrewritesuffix', 'sampled', 'append', 'overwrite', 'absent', 'remove', 'matching'],
  ...['mutedhost', 'missing', 'empty', 'refused', 'full', 'nopools', 'fromempty', 'fromrefused', 'fromfull'],
  ...[
    'frommissing',
    'target',
    'auto',
    'rewritten',
    'pertry',
    'untimed',
    'duration',
    'weighted',
    'high',
    'hashed',
    'small',
  ],
]
const hosts = ['a.test:80', 'a.test:', 'a:b:c', '[::1]', '[::1]:8080', '127.0.0.1', 'A.Test']

export const mirroringSuite: ParitySuite = {
  name: 'mirroring',
  yaml,
  backends: ['main', 'shadow', 'other', 'third'],
  cases: [
    ...paths.map((path) => one(`/${path}`, get(`/${path}`, 'x-a: 1'))),
    ...['/plain', '/refused', '/empty', '/full', '/fromrefused', '/fromfull', '/small'].map((path) =>
      one(`${path} with a body`, post(path, 'some body')),
    ),
    one('header names a cluster', get('/named', 'x-shadow: shadow')),
    one('header names two clusters', get('/named', 'x-shadow: shadow', 'x-shadow: other')),
    one('header names no cluster', get('/named', 'x-shadow:')),
    one('header names a missing cluster', get('/named', 'x-shadow: missing')),
    one('authority names a cluster', getHost('shadow', '/authority')),
    ...hosts.map((host) => one(`host ${host}`, getHost(host, '/plain'))),
    one('HEAD', head('/plain')),
    one('body', post('/plain', 'body')),
    one('chunks', `${request('POST', '/plain', ['Transfer-Encoding: chunked'])}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`),
    one('an empty body', post('/plain', '')),
    one('gRPC', request('POST', '/plain', ['content-type: application/grpc', 'te: trailers', 'content-length: 0'])),
    {
      ...one('two on one connection', ''),
      steps: [get('/plain'), { waitFor: 'ok' }, { quietMs: 50 }, get('/plain')],
    },
    one('retries are not mirrored again', get('/retried'), { reply: response(503, 'bad') }),
    one('retries asked for by header', get('/plain', 'x-envoy-retry-on: 5xx'), { reply: failing }),
    one('retries with a body', post('/retried', 'body'), { reply: response(503, 'bad') }),
    one('a redirect is mirrored as a request of its own', get('/redirected'), {
      logLines: 2,
      reply: response(302, 'moved', 'location: http://a.test/target'),
    }),
    one('alternative stats', get('/plain', 'x-envoy-upstream-alt-stat-name: alt')),
    one('timeout by header', get('/plain', 'x-envoy-upstream-rq-timeout-ms: 7000')),
    one('per try timeout by header', get('/plain', 'x-envoy-upstream-rq-per-try-timeout-ms: 700')),
    one('duration by header', get('/plain', 'x-envoy-upstream-stream-duration-ms: 7000')),
    one('internal by header', get('/plain', 'x-envoy-internal: false')),
    one('forwarded for', get('/plain', 'x-forwarded-for: 1.2.3.4, 5.6.7.8')),
    one('from a remote address', get('/', 'x-forwarded-for: 1.2.3.4'), { listener: 'remote' }),
    one('without headers of Envoy', get('/'), { listener: 'quiet' }),
    one('without dynamic stats', get('/'), { listener: 'uncounted' }),
    one('CONNECT', request('CONNECT', 'a.test:80', [], 'a.test:80'), { reply: response(403, 'no') }),
    ...['other', 'third'].flatMap((listener) => [
      one(`levels of ${listener}: /own`, getHost('own.test', '/own'), { listener }),
      one(`levels of ${listener}: /`, getHost('own.test', '/'), { listener }),
      one(`levels of ${listener}: direct response`, getHost('own.test', '/direct'), { listener }),
      one(`levels of ${listener}: /, any host`, getHost('any.test', '/'), { listener }),
      one(`levels of ${listener}: /own, any host`, getHost('any.test', '/own'), { listener }),
    ]),
  ],
}
