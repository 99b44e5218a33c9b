/**
 * envoy.filters.http.local_ratelimit: buckets, descriptors and what makes them, seen by the bucket that `x-ratelimit-limit`
 * tells of. Buckets fill so slowly that a case finds what the cases before it have left.
 */
import type { ParityCase, ParitySuite, Step } from '../case.ts'
import { get, request } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener, indent } from '../yaml.ts'

const TYPE = '"@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'
const ALL = 'default_value: { numerator: 100 }'
const ON = `filter_enabled: { ${ALL} }, filter_enforced: { ${ALL} }`
const TELL = 'enable_x_ratelimit_headers: DRAFT_VERSION_03'
const bucket = (tokens: number, more = '') => `token_bucket: { max_tokens: ${tokens}, fill_interval: 5000s${more} }`
const descriptor = (tokens: number, entries: string, more = '') =>
  `{ entries: [ ${entries} ], ${bucket(tokens)}${more} }`
const entry = (key: string, value: string) => `{ key: ${key}, value: ${JSON.stringify(value)} }`
const filterOf = (config: string) => httpFilter('local_ratelimit', 'LocalRateLimit', config)
const perRoute = (config: string) =>
  `typed_per_filter_config: { envoy.filters.http.local_ratelimit: { ${TYPE}, ${config} } }`
const route = (path: string, action = 'cluster: main', more = '') =>
  `- { match: { prefix: "${path}" }, route: { ${action} }${more === '' ? '' : `, ${more}`} }`
const host = (routes: readonly string[], more = '', domain = '*') =>
  `- name: "${domain}"\n  domains: ["${domain}"]\n${indent(more, 2)}\n  routes:\n${indent(routes.join('\n'), 2)}\n`

/** Each on a route of its own, `/<name>`, that makes descriptors which the filter has buckets for. */
export const actions: Readonly<Record<string, string>> = {
  source: '{ source_cluster: {} }',
  destination: '{ destination_cluster: {} }',
  header: '{ request_headers: { header_name: X-H, descriptor_key: h } }',
  skipped:
    '{ request_headers: { header_name: x-h, descriptor_key: h, skip_if_absent: true } }, { generic_key: { descriptor_value: gv } }',
  path: '{ request_headers: { header_name: ":path", descriptor_key: p } }',
  remote: '{ remote_address: {} }',
  masked: '{ masked_remote_address: { v4_prefix_mask_len: 8 } }',
  unmasked: '{ masked_remote_address: {} }',
  generic: '{ generic_key: { descriptor_value: gv } }',
  generickey: '{ generic_key: { descriptor_value: gv, descriptor_key: gk } }',
  genericformat: '{ generic_key: { descriptor_value: "%REQ(x-h)%" } }',
  unicode: '{ generic_key: { descriptor_value: "ü" } }',
  match: '{ header_value_match: { descriptor_value: hm, headers: [ { name: x-h, string_match: { exact: a } } ] } }',
  matchkey:
    '{ header_value_match: { descriptor_value: hm, descriptor_key: hk, headers: [ { name: x-h, present_match: true }, { name: x-i, present_match: true } ] } }',
  nomatch:
    '{ header_value_match: { descriptor_value: hm, expect_match: false, headers: [ { name: x-h, string_match: { exact: a } } ] } }',
  query: '{ query_parameters: { query_parameter_name: q, descriptor_key: q } }',
  queryskipped:
    '{ query_parameters: { query_parameter_name: q, descriptor_key: q, skip_if_absent: true } }, { generic_key: { descriptor_value: gv } }',
  querymatch:
    '{ query_parameter_value_match: { descriptor_value: qm, query_parameters: [ { name: q, string_match: { exact: "a b" } } ] } }',
  querynomatch:
    '{ query_parameter_value_match: { descriptor_value: qm, descriptor_key: qk, expect_match: false, query_parameters: [ { name: q, present_match: true } ] } }',
  metaroute:
    '{ metadata: { descriptor_key: m, source: ROUTE_ENTRY, metadata_key: { key: ns, path: [ { key: a }, { key: b } ] } } }',
  metanumber:
    '{ metadata: { descriptor_key: m, source: ROUTE_ENTRY, metadata_key: { key: ns, path: [ { key: num } ] } } }',
  metadefault:
    '{ metadata: { descriptor_key: m, source: ROUTE_ENTRY, default_value: md, metadata_key: { key: ns, path: [ { key: none } ] } } }',
  metaskipped:
    '{ metadata: { descriptor_key: m, source: ROUTE_ENTRY, skip_if_absent: true, metadata_key: { key: ns, path: [ { key: none } ] } } }, { generic_key: { descriptor_value: gv } }',
  metadynamic:
    '{ metadata: { descriptor_key: m, metadata_key: { key: ns, path: [ { key: a } ] } } }, { generic_key: { descriptor_value: gv } }',
  metacluster:
    '{ metadata: { descriptor_key: m, source: CLUSTER_ENTRY, metadata_key: { key: ns, path: [ { key: c } ] } } }',
  metalocality:
    '{ metadata: { descriptor_key: m, source: CLUSTER_LOCALITY_ENTRY, default_value: md, metadata_key: { key: ns, path: [ { key: c } ] } } }',
  two: '{ generic_key: { descriptor_value: gv } }, { request_headers: { header_name: x-h, descriptor_key: h } }',
  addressmatch:
    '{ remote_address_match: { descriptor_value: am, address_matcher: { ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] } } }',
  addressmiss:
    '{ remote_address_match: { descriptor_value: am, descriptor_key: ak, address_matcher: { ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ], invert_match: true } } }',
  input:
    '{ extension: { name: in, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-h } } }',
}
export const METADATA = 'metadata: { filter_metadata: { ns: { a: { b: mv }, num: 5 } } }'
const buckets = [
  descriptor(101, entry('source_cluster', 'me')),
  descriptor(102, entry('destination_cluster', 'main')),
  descriptor(103, entry('h', 'a')),
  descriptor(104, entry('generic_key', 'gv')),
  descriptor(105, entry('p', '/path?x')),
  descriptor(106, entry('remote_address', '127.0.0.1')),
  descriptor(107, entry('masked_remote_address', '127.0.0.0/8')),
  descriptor(108, entry('masked_remote_address', '127.0.0.1/32')),
  descriptor(109, entry('gk', 'gv')),
  descriptor(110, entry('generic_key', '%REQ(x-h)%')),
  descriptor(111, entry('generic_key', 'ü')),
  descriptor(112, entry('header_match', 'hm')),
  descriptor(113, entry('hk', 'hm')),
  descriptor(114, entry('q', 'a')),
  descriptor(115, entry('q', 'a b')),
  descriptor(116, entry('query_match', 'qm')),
  descriptor(117, entry('qk', 'qm')),
  descriptor(118, entry('m', 'mv')),
  descriptor(119, entry('m', 'md')),
  descriptor(120, entry('m', 'cv')),
  descriptor(121, `${entry('generic_key', 'gv')}, ${entry('h', 'a')}`),
  descriptor(122, entry('remote_address_match', 'am')),
  descriptor(123, entry('ak', 'am')),
  descriptor(124, entry('in', 'a')),
  descriptor(125, `${entry('generic_key', 'gv')}, ${entry('h', '')}`),
].join(', ')
const actionRoutes = Object.entries(actions).map(([name, list]) =>
  route(`/${name}`, `cluster: main, rate_limits: [ { actions: [ ${list} ] } ]`, METADATA),
)

const headers = (name: string) =>
  `[ { header: { key: ${name}, value: "%REQ(:path)% %RESPONSE_CODE%" } }, { header: { key: x-two, value: "2" } } ]`
const own = (list: string, more = '') => `rate_limits: [ ${list} ], always_consume_default_token_bucket: false${more}`
const byHeader = (name: string, more = '') =>
  `{ actions: [ { request_headers: { header_name: x-${name}, descriptor_key: ${name} } } ]${more} }`

const listeners = [
  httpListener({
    name: 'actions',
    filters: filterOf(
      `stat_prefix: act, ${ON}, ${TELL}, ${bucket(10_000)}, always_consume_default_token_bucket: false, descriptors: [ ${buckets} ]`,
    ),
    virtualHosts: host([...actionRoutes, route('/', 'cluster: main')]),
  }),
  httpListener({
    name: 'main',
    filters: filterOf(`stat_prefix: rl, ${bucket(3)}`),
    virtualHosts: host([
      route('/off', 'cluster: main'),
      route(
        '/two',
        'cluster: main',
        perRoute(`stat_prefix: two, ${ON}, ${TELL}, ${bucket(2)}, response_headers_to_add: ${headers('x-over')}`),
      ),
      route(
        '/zero',
        'cluster: main',
        perRoute(`stat_prefix: zero, ${ON}, ${TELL}, enable_retry_after_header: true, ${bucket(0)}`),
      ),
      route(
        '/status',
        'cluster: main',
        perRoute(
          `stat_prefix: st, ${ON}, enable_retry_after_header: true, status: { code: ServiceUnavailable }, ${bucket(0)}`,
        ),
      ),
      route(
        '/lowstatus',
        'cluster: main',
        perRoute(`stat_prefix: st, ${ON}, enable_retry_after_header: true, status: { code: OK }, ${bucket(0)}`),
      ),
      route(
        '/enabled',
        'cluster: main',
        perRoute(
          `stat_prefix: en, filter_enabled: { ${ALL} }, ${TELL}, ${bucket(1)}, request_headers_to_add_when_not_enforced: ${headers('x-would')}`,
        ),
      ),
      route(
        '/enforced',
        'cluster: main',
        perRoute(`stat_prefix: en, filter_enforced: { ${ALL} }, ${TELL}, ${bucket(0)}`),
      ),
      route(
        '/runtime',
        'cluster: main',
        perRoute(
          `stat_prefix: run, filter_enabled: { runtime_key: l.on, default_value: { numerator: 0 } }, filter_enforced: { runtime_key: l.on, default_value: { numerator: 0 } }, ${bucket(0)}`,
        ),
      ),
      route(
        '/runoff',
        'cluster: main',
        perRoute(`stat_prefix: run, filter_enabled: { ${ALL}, runtime_key: l.off }, ${bucket(0)}`),
      ),
      route(
        '/connection',
        'cluster: main',
        perRoute(`stat_prefix: con, ${ON}, ${TELL}, ${bucket(1)}, local_rate_limit_per_downstream_connection: true`),
      ),
      route(
        '/conother',
        'cluster: main',
        perRoute(`stat_prefix: con, ${ON}, ${TELL}, ${bucket(7)}, local_rate_limit_per_downstream_connection: true`),
      ),
      route(
        '/grpc',
        'cluster: main',
        perRoute(`stat_prefix: grpc, ${ON}, ${bucket(0)}, enable_retry_after_header: true`),
      ),
      route(
        '/exhausted',
        'cluster: main',
        perRoute(`stat_prefix: grpc, ${ON}, ${bucket(0)}, rate_limited_as_resource_exhausted: true`),
      ),
      route(
        '/retry',
        'cluster: main',
        perRoute(
          `stat_prefix: ret, ${ON}, ${bucket(1)}, enable_retry_after_header: true, response_headers_to_add: [ { header: { key: retry-after, value: soon } } ]`,
        ),
      ),
      `- { match: { prefix: "/direct" }, direct_response: { status: 200 }, ${perRoute(`stat_prefix: dir, ${ON}, ${TELL}, ${bucket(1)}`)} }`,
      route('/', 'cluster: main'),
    ]),
  }),
  httpListener({
    name: 'share',
    filters: filterOf(`stat_prefix: share, ${ON}, ${TELL}, ${bucket(9)}, local_cluster_rate_limit: {}`),
  }),
  httpListener({
    name: 'own',
    filters: filterOf(
      `stat_prefix: own, ${ON}, ${TELL}, enable_retry_after_header: true, ${bucket(1000)}, max_dynamic_descriptors: 2, request_headers_to_add_when_not_enforced: ${headers('x-would')}, ${own(
        [
          byHeader('a'),
          byHeader('b'),
          byHeader('plain', ', x_ratelimit_option: "OFF"'),
          byHeader('number', ', hits_addend: { number: 3 }'),
          byHeader('none', ', hits_addend: { number: 0 }'),
          byHeader('format', ', hits_addend: { format: "%REQ(x-hits)%" }'),
          byHeader('back', ', hits_addend: { number: 2, is_negative_hits: true }'),
          byHeader('done', ', apply_on_stream_done: true'),
          '{ actions: [ { request_headers: { header_name: x-x, descriptor_key: x } }, { request_headers: { header_name: x-y, descriptor_key: yy } } ] }',
        ].join(', '),
      )}, descriptors: [ ${[
        descriptor(2, entry('a', 'two')),
        descriptor(1, entry('a', 'shadow'), ', shadow_mode: true'),
        descriptor(0, entry('a', 'never')),
        `{ entries: [ ${entry('b', 'fast')} ], ${bucket(30, ', tokens_per_fill: 2')} }`,
        descriptor(31, entry('b', 'slow')),
        descriptor(1, entry('b', 'once')),
        descriptor(40, entry('plain', '1')),
        descriptor(10, entry('number', '1')),
        descriptor(10, entry('none', '1')),
        descriptor(100, entry('format', '1')),
        descriptor(10, entry('back', '1')),
        descriptor(10, entry('done', '1')),
        descriptor(3, entry('a', '')),
        descriptor(50, `${entry('x', 'x')}, ${entry('yy', '')}`),
        descriptor(60, `${entry('x', '')}, ${entry('yy', 'y')}`),
      ].join(', ')} ]`,
    ),
  }),
  httpListener({
    name: 'hosts',
    filters: filterOf(
      `stat_prefix: vh, ${ON}, ${TELL}, ${bucket(1000)}, descriptors: [ ${descriptor(11, entry('generic_key', 'vh'))}, ${descriptor(12, entry('generic_key', 'rt'))}, ${descriptor(13, entry('generic_key', 'st'))} ]`,
    ),
    virtualHosts: host(
      [
        route('/none', 'cluster: main'),
        route('/route', 'cluster: main, rate_limits: [ { actions: [ { generic_key: { descriptor_value: rt } } ] } ]'),
        route(
          '/include',
          'cluster: main, include_vh_rate_limits: true, rate_limits: [ { actions: [ { generic_key: { descriptor_value: rt } } ] } ]',
        ),
        route(
          '/stage',
          'cluster: main, rate_limits: [ { stage: 1, actions: [ { generic_key: { descriptor_value: rt } } ] } ]',
        ),
        route(
          '/disabled',
          'cluster: main, rate_limits: [ { disable_key: k, actions: [ { generic_key: { descriptor_value: rt } } ] } ]',
        ),
        route(
          '/hits',
          'cluster: main, rate_limits: [ { hits_addend: { number: 5 }, actions: [ { generic_key: { descriptor_value: rt } } ] } ]',
        ),
        route(
          '/option',
          'cluster: main, rate_limits: [ { x_ratelimit_option: "OFF", actions: [ { generic_key: { descriptor_value: rt } } ] } ]',
        ),
        route(
          '/done',
          'cluster: main, rate_limits: [ { apply_on_stream_done: true, actions: [ { generic_key: { descriptor_value: rt } } ] } ]',
        ),
        route(
          '/ignore',
          'cluster: main',
          perRoute(
            `stat_prefix: vi, ${ON}, ${TELL}, ${bucket(20)}, vh_rate_limits: IGNORE, descriptors: [ ${descriptor(21, entry('generic_key', 'vh'))} ]`,
          ),
        ),
        route(
          '/both',
          'cluster: main, rate_limits: [ { actions: [ { generic_key: { descriptor_value: rt } } ] } ]',
          perRoute(
            `stat_prefix: vb, ${ON}, ${TELL}, ${bucket(30)}, vh_rate_limits: INCLUDE, descriptors: [ ${descriptor(31, entry('generic_key', 'vh'))} ]`,
          ),
        ),
        route(
          '/atstage',
          'cluster: main, rate_limits: [ { stage: 2, actions: [ { generic_key: { descriptor_value: st } } ] } ]',
          perRoute(
            `stat_prefix: vs, ${ON}, ${TELL}, ${bucket(40)}, stage: 2, descriptors: [ ${descriptor(41, entry('generic_key', 'st'))} ]`,
          ),
        ),
        `- { match: { prefix: "/direct" }, direct_response: { status: 200 } }`,
      ],
      'rate_limits: [ { actions: [ { generic_key: { descriptor_value: vh } } ] } ]',
    ),
  }),
]

const RESET: [RegExp, string] = [/(x-ratelimit-reset|retry-after): (49\d\d|5000)\r\n/g, '$1: all\r\n']
const one = (name: string, steps: string | readonly string[], more: Partial<ParityCase> = {}): ParityCase => ({
  name: `local rate limit: ${name}`,
  steps: typeof steps === 'string' ? [steps] : steps,
  stats: 'http_local_rate_limit',
  normalize: [RESET],
  ...more,
})
const action = (name: string, step = get(`/${name}`), note = '') =>
  one(`action ${name}${note}`, step, { listener: 'actions' })
const ownOne = (name: string, ...fields: string[]) => one(name, get('/', ...fields), { listener: 'own' })
/** One after the other on one connection: of answers of its own, Envoy has no more than two wait. */
const inTurn = (name: string, steps: readonly string[], more: Partial<ParityCase> = {}): ParityCase => ({
  ...one(name, ''),
  steps: steps.flatMap((step, i): Step[] => [step, { waitCount: ['HTTP/1.1 ', i + 1] }]),
  logLines: steps.length,
  ...more,
})
const times = (name: string, count: number, step: string, more: Partial<ParityCase> = {}): ParityCase =>
  inTurn(
    name,
    Array.from({ length: count }, () => step),
    more,
  )
const values = (...all: string[]) => all.map((value) => get('/', `x-a: ${value}`))
const GRPC = ['content-type: application/grpc', 'te: trailers', 'content-length: 0']

const localHosts = [1, 2, 3, 4].map(
  (port) => `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`,
)
const LOCAL_CLUSTER = `- { name: local, load_assignment: { cluster_name: local, endpoints: [ { lb_endpoints: [ ${localHosts.join(', ')} ] } ] } }`

export const localRateLimitSuite: ParitySuite = {
  name: 'local rate limit',
  yaml: bootstrap(
    listeners,
    [cluster('main', 'metadata: { filter_metadata: { ns: { c: cv } } }'), LOCAL_CLUSTER],
    'cluster_manager: { local_cluster_name: local }\nnode: { id: me, cluster: me }\nlayered_runtime: { layers: [ { name: static, static_layer: { l.on: 100, l.off: 0 } } ] }',
  ),
  cases: [
    ...Object.keys(actions).map((name) => action(name)),
    ...['header', 'skipped', 'genericformat', 'match', 'nomatch', 'input'].flatMap((name) => [
      action(name, get(`/${name}`, 'x-h: a'), ', with the header'),
      action(name, get(`/${name}`, 'x-h: b'), ', with another value'),
      action(name, get(`/${name}`, 'x-h:'), ', with an empty header'),
    ]),
    action('header', get('/header', 'x-h: a', 'x-h: b'), ', twice'),
    action('match', get('/match', 'x-h: b', 'x-h: a'), ', twice'),
    action('two', get('/two', 'x-h: a'), ', both'),
    action('two', get('/two', 'x-h: other'), ', of any value'),
    action('matchkey', get('/matchkey', 'x-h: a', 'x-i: b'), ', both'),
    action('matchkey', get('/matchkey', 'x-h: a'), ', one of two'),
    action('path', get('/path?x'), ', whole'),
    ...['query', 'queryskipped', 'querymatch', 'querynomatch'].flatMap((name) =>
      ['?q=a', '?q=a%20b', '?q=a+b', '?q', '?q=', '?Q=a', '?x=1&q=a', '?q=z&q=a', '?%71=a'].map((query) =>
        action(name, get(`/${name}${query}`), `, ${query}`),
      ),
    ),
    one('not enabled', get('/off')),
    times('over the limit', 4, get('/two/a')),
    one('over the limit again', get('/two/b', 'x-two: 1')),
    one('over the limit, upstream with the same headers', get('/zero')),
    one('a bucket of none', get('/zero')),
    one('another status', get('/status')),
    one('a status below 400', get('/lowstatus')),
    times('enabled, not enforced', 3, get('/enabled', 'x-would: mine')),
    one('enforced, not enabled', get('/enforced')),
    one('enabled by runtime', get('/runtime')),
    one('disabled by runtime', get('/runoff')),
    times('of a connection', 3, get('/connection')),
    times('of another connection', 3, get('/connection')),
    inTurn('of a connection by two routes', [get('/connection'), get('/conother')]),
    inTurn('of a connection by two routes, the other first', [get('/conother'), get('/connection')]),
    one('a gRPC call', request('POST', '/grpc', GRPC)),
    one('a gRPC call, resource exhausted', request('POST', '/exhausted', GRPC)),
    one('no gRPC call, resource exhausted', get('/exhausted')),
    times('a retry-after of its own', 2, get('/retry')),
    times('a direct response', 2, get('/direct')),
    one('HEAD over the limit', request('HEAD', '/zero', [])),
    one('POST over the limit', `${request('POST', '/zero', ['content-length: 4'])}body`),
    times('of the local cluster', 4, get('/'), { listener: 'share' }),
    ownOne('no descriptor'),
    ownOne('a descriptor without a bucket', 'x-b: other'),
    times('a descriptor', 3, get('/', 'x-a: two'), { listener: 'own' }),
    times('a shadowed descriptor', 2, get('/', 'x-a: shadow'), { listener: 'own' }),
    one('a shadowed descriptor and another', get('/', 'x-a: shadow', 'x-b: slow'), { listener: 'own' }),
    times('a shadowed descriptor and one over its limit', 3, get('/', 'x-a: shadow', 'x-b: once'), { listener: 'own' }),
    ownOne('a descriptor of none', 'x-a: never'),
    ownOne('two descriptors, the slower first', 'x-a: two', 'x-b: fast'),
    ownOne('two descriptors of one rate', 'x-a: any', 'x-b: slow'),
    ownOne('two descriptors, one over its limit', 'x-a: never', 'x-b: fast'),
    ownOne('after that', 'x-b: fast'),
    ownOne('no headers for a descriptor', 'x-plain: 1'),
    times('a number of hits', 4, get('/', 'x-number: 1'), { listener: 'own' }),
    ownOne('no hits', 'x-none: 1'),
    ...['7', '0', '1.9', '-1', 'x', '', '1e1', '+2', '2000000000', '1 2'].map((hits) =>
      ownOne(`hits of a header, ${JSON.stringify(hits)}`, 'x-format: 1', `x-hits: ${hits}`),
    ),
    ownOne('hits of a header that is not there', 'x-format: 1'),
    times('hits that go back', 2, get('/', 'x-back: 1'), { listener: 'own' }),
    ownOne('when the stream is done', 'x-done: 1'),
    times('any value', 4, get('/', 'x-a: v1'), { listener: 'own' }),
    inTurn('any other value', values('v2', 'v1'), { listener: 'own' }),
    inTurn('more values than are kept', values('v3', 'v1', 'v2', 'v3', 'v3', 'v1'), { listener: 'own' }),
    ownOne('any value beside a fixed one', 'x-x: x', 'x-y: any'),
    ownOne('any value before a fixed one', 'x-x: any', 'x-y: y'),
    ...[
      'none',
      'route',
      'include',
      'stage',
      'disabled',
      'hits',
      'option',
      'done',
      'ignore',
      'both',
      'atstage',
      'direct',
    ].map((name) => one(`virtual host and route, ${name}`, get(`/${name}`), { listener: 'hosts' })),
  ],
}
