/** Retries, timeouts and internal redirects, in the variations that operators meet. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { chunkedResponse, get, getHost, OK, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../yaml.ts'

const FAST = 'retry_back_off: { base_interval: 0.001s, max_interval: 0.002s }'
const STATS = '^(cluster\\.|http\\.|vhost\\.)'

/** A route to `main` whose retry policy has these fields. */
function retryRoute(path: string, policy: string, more = ''): string {
  return `- { match: { prefix: "${path}" }, route: { cluster: main, retry_policy: { ${policy}, ${FAST} }${more} } }\n`
}

const retryRoutes = [
  retryRoute('/5xx', 'retry_on: 5xx'),
  retryRoute('/three', 'retry_on: 5xx, num_retries: 3'),
  retryRoute('/none', 'retry_on: 5xx, num_retries: 0'),
  retryRoute('/4xx', 'retry_on: retriable-4xx'),
  retryRoute('/refused', 'retry_on: refused-stream'),
  retryRoute('/before', 'retry_on: reset-before-request'),
  retryRoute('/connect', 'retry_on: connect-failure'),
  retryRoute('/limited', 'retry_on: envoy-ratelimited'),
  retryRoute('/both', 'retry_on: "5xx,envoy-ratelimited"'),
  retryRoute('/grpc', 'retry_on: "unavailable, cancelled"'),
  retryRoute('/nonsense', 'retry_on: "nonsense"'),
  retryRoute(
    '/headers',
    'retry_on: retriable-headers, retriable_headers: [ { name: x-try, string_match: { exact: again } } ]',
  ),
  retryRoute('/noheaders', 'retry_on: retriable-headers'),
  retryRoute('/only', 'retry_on: 5xx, retriable_request_headers: [ { name: x-idempotent, present_match: true } ]'),
  retryRoute('/codes', 'retry_on: "retriable-status-codes", retriable_status_codes: [ 418, 200 ]'),
  retryRoute('/codes_without_word', 'retry_on: "5xx", retriable_status_codes: [ 418 ]'),
  retryRoute('/pertry_long', 'retry_on: 5xx, per_try_timeout: 20s'),
  retryRoute('/pertry', 'retry_on: reset, per_try_timeout: 0.08s'),
  retryRoute('/pertry_gateway', 'retry_on: gateway-error, per_try_timeout: 0.08s'),
  retryRoute('/global', 'retry_on: 5xx, num_retries: 5', ', timeout: 0.15s'),
  retryRoute('/attempts', 'retry_on: 5xx, num_retries: 2'),
  '- { match: { prefix: "/backup" }, route: { cluster: refused, retry_policy: { retry_on: connect-failure, num_retries: 1, retry_back_off: { base_interval: 0.001s } } } }\n',
  '- { match: { prefix: "/nopolicy" }, route: { cluster: main } }\n',
].join('')

const grpcRoutes = `
- { match: { prefix: "/max0" }, route: { cluster: main, max_stream_duration: { grpc_timeout_header_max: 0s } } }
- { match: { prefix: "/offset" }, route: { cluster: main, max_stream_duration: { grpc_timeout_header_max: 10s, grpc_timeout_header_offset: 0.5s } } }
- { match: { prefix: "/both" }, route: { cluster: main, max_stream_duration: { max_stream_duration: 3s, grpc_timeout_header_max: 10s } } }
- { match: { prefix: "/forever" }, route: { cluster: main, max_stream_duration: { max_stream_duration: 0s } } }
- { match: { prefix: "/stream_and_timeout" }, route: { cluster: main, timeout: 0.1s, max_stream_duration: { max_stream_duration: 2s } } }
- { match: { prefix: "/old_offset" }, route: { cluster: main, max_grpc_timeout: 10s, grpc_timeout_offset: 0.5s } }
- { match: { prefix: "/old_zero" }, route: { cluster: main, max_grpc_timeout: 0s } }
- { match: { prefix: "/old" }, route: { cluster: main, max_grpc_timeout: 10s } }
- { match: { prefix: "/short" }, route: { cluster: main, timeout: 0.08s } }
- { match: { prefix: "/idle" }, route: { cluster: main, idle_timeout: 0.08s } }
- { match: { prefix: "/noidle" }, route: { cluster: main, idle_timeout: 0s } }
- { match: { prefix: "/" }, route: { cluster: main, timeout: 3s } }
`

const redirectRoutes = `
- { match: { path: "/one" }, route: { cluster: main, internal_redirect_policy: {} } }
- { match: { path: "/three" }, route: { cluster: main, internal_redirect_policy: { max_internal_redirects: 3, redirect_response_codes: [ 301, 302, 303, 307, 308 ], allow_cross_scheme_redirect: true, response_headers_to_copy: [ x-copy, x-clear ] } } }
- { match: { path: "/odd_code" }, route: { cluster: main, internal_redirect_policy: { redirect_response_codes: [ 200, 304 ] } } }
- { match: { path: "/old" }, route: { cluster: main, internal_redirect_action: HANDLE_INTERNAL_REDIRECT } }
- { match: { path: "/zero" }, route: { cluster: main, internal_redirect_policy: { max_internal_redirects: 0 } } }
- { match: { path: "/local" }, direct_response: { status: 200, body: { inline_string: local } } }
- { match: { path: "/target" }, route: { cluster: main, prefix_rewrite: "/rewritten" } }
- { match: { path: "/other" }, route: { cluster: other } }
`

const yaml = bootstrap(
  [
    httpListener({ name: 'retry', virtualHosts: routes(retryRoutes) }),
    httpListener({
      name: 'vhost',
      virtualHosts: `
- name: v
  domains: ["*"]
  include_request_attempt_count: true
  include_is_timeout_retry_header: true
  retry_policy: { retry_on: 5xx, num_retries: 2, per_try_timeout: 0.08s, ${FAST} }
  virtual_clusters: [ { name: vc, headers: [ { name: ":path", string_match: { prefix: "/vc" } } ] } ]
  routes:
  - { match: { prefix: "/own" }, route: { cluster: main, retry_policy: { retry_on: retriable-4xx, ${FAST} } } }
  - { match: { prefix: "/" }, route: { cluster: main }, stat_prefix: rt }
`,
    }),
    httpListener({
      name: 'inside',
      hcm: 'use_remote_address: true\ninternal_address_config: { cidr_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }',
      virtualHosts: routes(`${retryRoutes}- { match: { prefix: "/" }, route: { cluster: main, timeout: 1s } }`),
    }),
    httpListener({ name: 'grpc', virtualHosts: routes(grpcRoutes) }),
    httpListener({
      name: 'limited_duration',
      hcm: 'common_http_protocol_options: { max_stream_duration: 0.1s }',
      virtualHosts: routes(grpcRoutes),
    }),
    httpListener({
      name: 'redirects',
      virtualHosts: `
- name: v
  domains: ["a.test", "b.test", "b.test:8080", "b.test:80"]
  routes:
${redirectRoutes.trim().replace(/^/gm, '  ')}
`,
    }),
  ],
  [
    cluster('main'),
    cluster('other'),
    cluster('refused', '', '1'),
    cluster('budget', 'circuit_breakers: { thresholds: [ { max_retries: 0 } ] }', '{{backend}}'),
    cluster('short_stream', http1Options('explicit_http_config: { http_protocol_options: {} }'), '{{backend}}'),
  ],
)

const bad = [response(503, 'bad')]
const good = [OK]
const more = '\r\n\r\n'

/** The request that starts over takes the connection that its first answer has just freed: Envoy opens one more. */
const REDIRECT_STATS = '^(http\\.|cluster\\..*(internal_redirect|upstream_rq_[0-9ct]))'

type Replies = Pick<ParityCase, 'reply' | 'replies' | 'replyAt' | 'quietMs' | 'logLines'>

const retry = (path: string, name: string, replies: Replies, ...fields: string[]): ParityCase => ({
  name: `retry ${path} ${name}`,
  listener: 'retry',
  steps: [get(path, ...fields), { waitFor: more }],
  stats: STATS,
  ...replies,
})

const retries: ParityCase[] = [
  ...[500, 501, 502, 503, 504, 505, 599].map((status) =>
    retry('/5xx', `${status}`, { replies: [[response(status, 'x')], good] }),
  ),
  ...[400, 404, 409, 429].map((status) => retry('/4xx', `${status}`, { replies: [[response(status, 'x')], good] })),
  retry('/three', 'all bad', { replies: [bad] }),
  retry('/three', 'third good', { replies: [bad, bad, good] }),
  retry('/three', 'chunked bad', { replies: [[chunkedResponse('x', 'y').replace('200', '503')], good] }),
  retry('/none', 'bad', { replies: [bad, good] }),
  retry('/5xx', 'finish at once', { replies: [[{ finish: true }], good] }),
  retry('/5xx', 'reset at once', { replies: [[{ reset: true }], good] }),
  retry('/5xx', 'garbage', { replies: [['garbage\r\n\r\n'], good] }),
  retry('/refused', 'reset', { replies: [[{ reset: true }], good] }),
  retry('/refused', '503', { replies: [bad, good] }),
  retry('/before', 'reset', { replies: [[{ reset: true }], good] }),
  retry('/before', '503', { replies: [bad, good] }),
  retry('/connect', 'reset', { replies: [[{ reset: true }], good] }),
  retry('/connect', '503', { replies: [bad, good] }),
  retry('/limited', '429', { replies: [[response(429, 'x')], good] }),
  retry('/limited', '429 with header', { replies: [[response(429, 'x', 'x-envoy-ratelimited: true')], good] }),
  retry('/5xx', '503 with header', { replies: [[response(503, 'x', 'x-envoy-ratelimited: true')], good] }),
  retry('/both', '503 with header', { replies: [[response(503, 'x', 'x-envoy-ratelimited: true')], good] }),
  retry(
    '/grpc',
    'unavailable',
    { replies: [[response(200, '', 'grpc-status: 14')], good] },
    'content-type: application/grpc',
  ),
  retry('/grpc', 'cancelled, no grpc request', { replies: [[response(200, '', 'grpc-status: 1')], good] }),
  retry('/grpc', 'internal', { replies: [[response(200, '', 'grpc-status: 13')], good] }),
  retry('/grpc', '503', { replies: [bad, good] }, 'content-type: application/grpc'),
  retry('/nonsense', '503', { replies: [bad, good] }),
  retry('/headers', 'there', { replies: [[response(200, 'x', 'x-try: again')], good] }),
  retry('/headers', 'other value', { replies: [[response(200, 'x', 'x-try: no')], good] }),
  retry('/noheaders', 'any', { replies: [[response(503, 'x', 'x-try: no')], good] }),
  retry('/only', 'without', { replies: [bad, good] }),
  retry('/only', 'with', { replies: [bad, good] }, 'x-idempotent: 1'),
  retry('/codes', '418', { replies: [[response(418, 'x')], good] }),
  retry('/codes', '200', { replies: [good, bad] }),
  retry('/codes_without_word', '418', { replies: [[response(418, 'x')], good] }),
  retry('/pertry_long', 'longer than all', { replies: [bad, good] }),
  retry('/pertry', 'reset only', { reply: [] }),
  retry('/pertry_gateway', 'slow', { reply: [] }),
  retry('/pertry_gateway', 'slow once', { replies: [[], good] }),
  retry('/global', 'slow', { reply: [] }),
  retry('/backup', 'refused', {}),
  {
    name: 'retry POST chunked',
    listener: 'retry',
    steps: [
      request('POST', '/5xx', ['Transfer-Encoding: chunked']),
      '3\r\nabc\r\n',
      { quietMs: 20 },
      '2\r\nde\r\n0\r\n\r\n',
      { waitFor: more },
    ],
    replies: [bad, good],
    stats: STATS,
  },
  {
    name: 'retry answer before the body',
    listener: 'retry',
    steps: [request('POST', '/5xx', ['Content-Length: 6']), 'abc', { waitFor: 'bad' }],
    replies: [bad, good],
    replyAt: 'head',
    stats: STATS,
  },
  {
    name: 'retry POST without a body',
    listener: 'retry',
    steps: [post('/5xx', ''), { waitFor: more }],
    replies: [bad, good],
  },
  {
    name: 'retry HEAD',
    listener: 'retry',
    steps: [request('HEAD', '/5xx', []), { waitFor: more }],
    replies: [['HTTP/1.1 503 X\r\ncontent-length: 3\r\n\r\n'], ['HTTP/1.1 200 X\r\ncontent-length: 3\r\n\r\n']],
  },
  {
    name: 'retry of virtual host',
    listener: 'vhost',
    steps: [get('/x'), { waitFor: more }],
    replies: [bad, good],
    stats: STATS,
  },
  {
    name: 'retry of virtual host, all bad',
    listener: 'vhost',
    steps: [get('/x'), { waitFor: more }],
    replies: [bad],
    stats: STATS,
  },
  {
    name: 'retry of virtual host, slow',
    listener: 'vhost',
    steps: [get('/x'), { waitFor: more }],
    replies: [[], good],
    stats: STATS,
  },
  {
    name: 'retry of virtual host, slow always',
    listener: 'vhost',
    steps: [get('/vc/x'), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'retry of virtual host, virtual cluster',
    listener: 'vhost',
    steps: [get('/vc'), { waitFor: more }],
    replies: [bad, good],
    stats: STATS,
  },
  {
    name: 'retry of virtual host, own policy',
    listener: 'vhost',
    steps: [get('/own'), { waitFor: more }],
    replies: [bad, good],
    stats: STATS,
  },
  {
    name: 'retry of virtual host, reset',
    listener: 'vhost',
    steps: [get('/vc'), { waitFor: more }],
    reply: [{ reset: true }],
    stats: STATS,
  },
]

const inside = (name: string, fields: string[], replies: Replies = {}, path = '/'): ParityCase => ({
  name: `inside ${name}`,
  listener: 'inside',
  steps: [get(path, ...fields), { waitFor: more }],
  stats: STATS,
  normalize: [[/(expected-rq-timeout-ms: )(9\d\d|1000)\b/g, '$1<about 1000>']],
  ...replies,
})

const controlHeaders: ParityCase[] = [
  inside('max-retries alone', ['x-envoy-max-retries: 3'], { replies: [bad, good] }),
  inside('max-retries over the policy', ['x-envoy-max-retries: 3'], { replies: [bad] }, '/5xx'),
  inside('max-retries 0', ['x-envoy-max-retries: 0'], { replies: [bad] }, '/5xx'),
  inside('max-retries no number', ['x-envoy-max-retries: many'], { replies: [bad] }, '/5xx'),
  inside('max-retries empty', ['x-envoy-max-retries:'], { replies: [bad] }, '/5xx'),
  inside('retry-on empty', ['x-envoy-retry-on:'], { replies: [bad] }),
  inside('retry-on twice', ['x-envoy-retry-on: reset', 'x-envoy-retry-on: 5xx'], { replies: [bad, good] }),
  inside('retry-on with spaces', ['x-envoy-retry-on: reset , 5xx'], { replies: [bad, good] }),
  inside('retry-on in capitals', ['x-envoy-retry-on: 5XX'], { replies: [bad, good] }),
  inside('retry-grpc-on', ['x-envoy-retry-grpc-on: unavailable'], {
    replies: [[response(200, '', 'grpc-status: 14')], good],
  }),
  inside('status codes without the word', ['x-envoy-retry-on: 5xx', 'x-envoy-retriable-status-codes: 404'], {
    replies: [[response(404, 'x')], good],
  }),
  inside(
    'status codes, one bad',
    ['x-envoy-retry-on: retriable-status-codes', 'x-envoy-retriable-status-codes: x, 404'],
    { replies: [[response(404, 'x')], good] },
  ),
  inside('header names, several', ['x-envoy-retry-on: retriable-headers', 'x-envoy-retriable-header-names: X-A, X-B'], {
    replies: [[response(200, 'x', 'x-b: 1')], good],
  }),
  inside('timeout 0', ['x-envoy-upstream-rq-timeout-ms: 0']),
  inside('timeout empty', ['x-envoy-upstream-rq-timeout-ms:']),
  inside('timeout no number', ['x-envoy-upstream-rq-timeout-ms: x']),
  inside('timeout negative', ['x-envoy-upstream-rq-timeout-ms: -5']),
  inside('timeout fraction', ['x-envoy-upstream-rq-timeout-ms: 5.5']),
  inside('timeout twice', ['x-envoy-upstream-rq-timeout-ms: 500', 'x-envoy-upstream-rq-timeout-ms: 600']),
  inside('timeout huge', ['x-envoy-upstream-rq-timeout-ms: 99999999999999']),
  inside('per try longer', ['x-envoy-upstream-rq-timeout-ms: 500', 'x-envoy-upstream-rq-per-try-timeout-ms: 600']),
  inside('per try equal', ['x-envoy-upstream-rq-timeout-ms: 500', 'x-envoy-upstream-rq-per-try-timeout-ms: 500']),
  inside('per try no number', ['x-envoy-upstream-rq-per-try-timeout-ms: x']),
  inside('per try without retries', ['x-envoy-upstream-rq-per-try-timeout-ms: 80'], { reply: [] }),
  inside('expected timeout', ['x-envoy-expected-rq-timeout-ms: 77']),
  inside('stream duration', ['x-envoy-upstream-stream-duration-ms: 80'], { reply: [] }),
  inside('stream duration no number', ['x-envoy-upstream-stream-duration-ms: x']),
  inside('alternative stat name, bad answer', ['x-envoy-upstream-alt-stat-name: a.b'], { replies: [bad] }),
  inside('hedging', ['x-envoy-hedge-on-per-try-timeout: true']),
  inside('original path and url', ['x-envoy-original-path: /x', 'x-envoy-original-url: http://x/']),
  inside('decorator', ['x-envoy-decorator-operation: op']),
  inside('attempt count', ['x-envoy-attempt-count: 7']),
  inside('is timeout retry', ['x-envoy-is-timeout-retry: true']),
  inside('force trace, tags', ['x-envoy-force-trace: 1', 'x-envoy-ip-tags: a']),
  inside('internal given', ['x-envoy-internal: false']),
  inside('unknown', ['x-envoy-anything: 1']),
  inside('canary answer', [], { reply: response(200, 'ok', 'x-envoy-upstream-canary: true') }),
  inside('canary answer, other value', [], { reply: response(200, 'ok', 'x-envoy-upstream-canary: 1') }),
  inside('envoy headers of the answer', [], {
    reply: response(
      200,
      'ok',
      'x-envoy-upstream-service-time: 7',
      'x-envoy-attempt-count: 9',
      'x-envoy-overloaded: true',
      'x-envoy-immediate-health-check-fail: 1',
      'x-envoy-decorator-operation: x',
      'x-envoy-degraded: 1',
    ),
  }),
]

const GRPC = 'content-type: application/grpc'
const timeouts: ParityCase[] = [
  ...['/max0', '/offset', '/both', '/old', '/old_offset', '/old_zero', '/'].flatMap((path) =>
    ['5S', '20S', '2000000u', '100000m', '1H', '99999999H', 'abc', '5', '123456789m'].map(
      (value): ParityCase => ({
        name: `grpc-timeout ${path} ${value}`,
        listener: 'grpc',
        steps: [get(path, GRPC, `grpc-timeout: ${value}`)],
      }),
    ),
  ),
  ...['/max0', '/both', '/old', '/old_zero'].map(
    (path): ParityCase => ({ name: `grpc-timeout ${path} none`, listener: 'grpc', steps: [get(path, GRPC)] }),
  ),
  ...['/forever', '/stream_and_timeout', '/max0', '/both', '/'].flatMap((path) =>
    ['grpc', 'limited_duration'].flatMap((listener) =>
      [[], ['grpc-timeout: 5S'], [GRPC], [GRPC, 'grpc-timeout: 5S'], [GRPC, 'grpc-timeout: x']].map(
        (fields): ParityCase => ({
          name: `duration ${path} of ${listener} told by ${fields.join(', ') || 'nothing'}`,
          listener,
          steps: [get(path, ...fields)],
        }),
      ),
    ),
  ),
  ...['0m', '60m'].map(
    (value): ParityCase => ({
      name: `grpc-timeout ${value} over, no gRPC request`,
      listener: 'grpc',
      steps: [get('/max0', `grpc-timeout: ${value}`), { waitFor: more }],
      reply: [],
      stats: STATS,
    }),
  ),
  { name: 'grpc-timeout, no gRPC request', listener: 'grpc', steps: [get('/both', 'grpc-timeout: 20S')] },
  { name: 'grpc-timeout, no gRPC request, old', listener: 'grpc', steps: [get('/old', 'grpc-timeout: 20S')] },
  {
    name: 'grpc-timeout over',
    listener: 'grpc',
    steps: [get('/max0', GRPC, 'grpc-timeout: 60m'), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'grpc-timeout over, old',
    listener: 'grpc',
    steps: [get('/old', GRPC, 'grpc-timeout: 60m'), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'timeout of a gRPC request',
    listener: 'grpc',
    steps: [get('/short', GRPC), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'idle timeout of a gRPC request',
    listener: 'grpc',
    steps: [get('/idle', GRPC), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'idle timeout, no answer',
    listener: 'grpc',
    steps: [get('/idle'), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'idle timeout, half an answer',
    listener: 'grpc',
    steps: [get('/idle'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab'],
    stats: STATS,
  },
  {
    name: 'idle timeout, half a request',
    listener: 'grpc',
    steps: [request('POST', '/idle', ['content-length: 5']), 'ab', { waitFor: more }],
    stats: STATS,
  },
  {
    name: 'timeout counts from the end of the request',
    listener: 'grpc',
    steps: [request('POST', '/short', ['content-length: 4']), 'ab', { quietMs: 200 }, 'cd', { waitFor: more }],
  },
  {
    name: 'timeout, half an answer',
    listener: 'grpc',
    steps: [get('/short'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab'],
    stats: STATS,
  },
  {
    name: 'timeout, half an answer, chunked',
    listener: 'grpc',
    steps: [get('/short'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n'],
    stats: STATS,
  },
  {
    name: 'stream duration and timeout',
    listener: 'grpc',
    steps: [get('/stream_and_timeout'), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'duration of the manager',
    listener: 'limited_duration',
    steps: [get('/'), { waitFor: more }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'duration of the manager, half an answer',
    listener: 'limited_duration',
    steps: [get('/'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab'],
    stats: STATS,
  },
  {
    name: 'duration of the manager, half a request',
    listener: 'limited_duration',
    steps: [request('POST', '/', ['content-length: 5']), 'ab', { waitFor: more }],
    stats: STATS,
  },
  {
    name: 'duration of the manager, route without',
    listener: 'limited_duration',
    steps: [get('/forever'), { quietMs: 250 }],
    reply: [{ pauseMs: 150 }, OK],
    stats: STATS,
  },
  {
    name: 'duration of the manager, route by grpc-timeout',
    listener: 'limited_duration',
    steps: [get('/max0', GRPC), { waitFor: more }],
    reply: [{ pauseMs: 150 }, OK],
  },
]

const redirect = (name: string, location: string, path = '/three', rest: Partial<ParityCase> = {}): ParityCase => ({
  name: `internal redirect ${name}`,
  listener: 'redirects',
  steps: [get(path, 'x-clear: 1', 'x-copy: 0'), { waitFor: more }],
  replies: [
    [response(302, 'moved', ...(location === '-' ? [] : [`location: ${location}`]), 'x-copy: a', 'x-copy: b')],
    good,
  ],
  logLines: 2,
  stats: REDIRECT_STATS,
  ...rest,
})

const redirected: ParityCase[] = [
  redirect('plain', 'http://a.test/target'),
  redirect('query', 'http://a.test/target?x=1&y'),
  redirect('fragment', 'http://a.test/target#frag'),
  redirect('no path', 'http://a.test', '/three', { logLines: 1 }),
  redirect('query alone', 'http://a.test?x=1', '/three', { logLines: 1 }),
  redirect('port', 'http://b.test:8080/target'),
  redirect('default port', 'http://b.test:80/target'),
  redirect('other host', 'http://b.test/target'),
  redirect('unknown host', 'http://c.test/target', '/three', { logLines: 1 }),
  redirect('unknown path', 'http://a.test/nowhere', '/three', { logLines: 1 }),
  redirect('https', 'https://a.test/target'),
  redirect('https not allowed', 'https://a.test/target', '/one', { logLines: 1 }),
  redirect('scheme in capitals', 'HTTP://a.test/target'),
  redirect('host in capitals', 'http://A.TEST/target'),
  redirect('other scheme', 'ftp://a.test/target', '/three', { logLines: 1 }),
  redirect('without scheme', '//a.test/target', '/three', { logLines: 1 }),
  redirect('relative', '/target', '/three', { logLines: 1 }),
  redirect('relative without slash', 'target', '/three', { logLines: 1 }),
  redirect('empty', '', '/three', { logLines: 1 }),
  redirect('none', '-', '/three', { logLines: 1 }),
  redirect('userinfo', 'http://u:p@a.test/target'),
  redirect('odd characters', 'http://a.test/target?x=a%20b|c'),
  redirect('IPv6', 'http://[::1]:80/target', '/three', { logLines: 1 }),
  redirect('to a direct response', 'http://a.test/local'),
  redirect('to another cluster', 'http://a.test/other'),
  redirect('zero allowed', 'http://a.test/target', '/zero', { logLines: 1 }),
  redirect('old field', 'http://a.test/target', '/old'),
  redirect('odd code', 'http://a.test/target', '/odd_code', { logLines: 1 }),
  ...[301, 303, 307, 308].map((status) =>
    redirect(`${status}`, '', '/three', { replies: [[response(status, '', 'location: http://a.test/target')], good] }),
  ),
  ...[302, 303, 307].map(
    (status): ParityCase => ({
      name: `internal redirect ${status} of a POST`,
      listener: 'redirects',
      steps: [post('/three', 'body'), { waitFor: more }],
      replies: [[response(status, '', 'location: http://a.test/target')], good],
      logLines: 2,
      stats: REDIRECT_STATS,
    }),
  ),
  {
    name: 'internal redirect of a chunked POST',
    listener: 'redirects',
    steps: [request('POST', '/three', ['Transfer-Encoding: chunked']), '3\r\nabc\r\n0\r\n\r\n', { waitFor: more }],
    replies: [[response(302, '', 'location: http://a.test/target')], good],
    logLines: 2,
  },
  {
    name: 'internal redirect before the body',
    listener: 'redirects',
    steps: [request('POST', '/three', ['Content-Length: 6']), 'abc', { waitFor: more }],
    replies: [[response(302, '', 'location: http://a.test/target')], good],
    replyAt: 'head',
    stats: REDIRECT_STATS,
  },
  {
    name: 'internal redirect then another request',
    listener: 'redirects',
    steps: [get('/three'), { waitFor: 'ok' }, getHost('b.test', '/other'), { waitCount: ['ok', 2] }],
    replies: [[response(302, '', 'location: http://a.test/target')], good],
    logLines: 3,
  },
  {
    name: 'internal redirects, three',
    listener: 'redirects',
    steps: [get('/three'), { waitFor: 'ok' }],
    replies: [
      [response(302, '', 'location: http://a.test/three')],
      [response(302, '', 'location: http://b.test/three?2')],
      [response(302, '', 'location: http://a.test/target')],
      good,
    ],
    logLines: 4,
    stats: REDIRECT_STATS,
  },
]

export const retriesSuite: ParitySuite = {
  name: 'retries',
  yaml,
  backends: ['main', 'other'],
  cases: [...retries, ...controlHeaders, ...timeouts, ...redirected],
}
