/** HTTP/1 clients in front of backends that speak HTTP/2: messages both ways, resets, GOAWAY, retries, limits. */
import type { Http2ReplyStep } from '../../support/http2_backend.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, head, post, request } from '../requests.ts'
import { bootstrap, cluster, HTTP_LOG, http1Options, httpListener, routes } from '../yaml.ts'

/** How much has been read when a connection ends is chance. */
const STATS = '^(cluster\\..*\\.(upstream_rq|http2|retry|upstream_cx_[^rt]|upstream_cx_total)|http\\.)'
const FAST = 'retry_back_off: { base_interval: 0.001s, max_interval: 0.002s }'
const LOG = `${HTTP_LOG} upstream=%UPSTREAM_PROTOCOL% received=%UPSTREAM_WIRE_BYTES_RECEIVED%`

const http2 = (fields = '{}', more = '') =>
  http1Options(`explicit_http_config: { http2_protocol_options: ${fields} }\n${more}`)
const toMain = (name: string, more = '') => cluster(name, `${http2()}\n${more}`, '{{backend:main}}')

const clusterRoutes = `
- { match: { prefix: "/old" }, route: { cluster: old } }
- { match: { prefix: "/downstream" }, route: { cluster: downstream } }
- { match: { prefix: "/selected" }, route: { cluster: selected } }
- { match: { prefix: "/one_request" }, route: { cluster: one_request } }
- { match: { prefix: "/no_request" }, route: { cluster: no_request } }
- { match: { prefix: "/no_pending" }, route: { cluster: no_pending } }
- { match: { prefix: "/one_stream" }, route: { cluster: one_stream } }
- { match: { prefix: "/one_at_a_time" }, route: { cluster: one_at_a_time } }
- { match: { prefix: "/one_active" }, route: { cluster: one_active } }
- { match: { prefix: "/idle" }, route: { cluster: idle } }
- { match: { prefix: "/duration" }, route: { cluster: duration } }
- { match: { prefix: "/refused" }, route: { cluster: refused } }
- { match: { prefix: "/http1" }, route: { cluster: speaks_http1 } }
- { match: { prefix: "/silent" }, route: { cluster: silent, timeout: 0.1s } }
- { match: { prefix: "/timeout" }, route: { cluster: main, timeout: 0.1s } }
- { match: { prefix: "/retry_refused" }, route: { cluster: main, retry_policy: { retry_on: refused-stream, ${FAST} } } }
- { match: { prefix: "/retry_reset" }, route: { cluster: main, retry_policy: { retry_on: reset, ${FAST} } } }
- { match: { prefix: "/retry_5xx" }, route: { cluster: main, retry_policy: { retry_on: 5xx, ${FAST} } } }
- { match: { prefix: "/retry_before" }, route: { cluster: main, retry_policy: { retry_on: reset-before-request, ${FAST} } } }
- { match: { prefix: "/retry_connect" }, route: { cluster: main, retry_policy: { retry_on: connect-failure, ${FAST} } } }
- { match: { prefix: "/retry_grpc" }, route: { cluster: main, retry_policy: { retry_on: unavailable, ${FAST} } } }
- { match: { prefix: "/" }, route: { cluster: main } }
`

const yaml = bootstrap(
  [
    httpListener({ name: 'main', logFormat: LOG, virtualHosts: routes(clusterRoutes) }),
    httpListener({
      name: 'trailers',
      logFormat: LOG,
      hcm: 'http_protocol_options: { enable_trailers: true }\nproxy_100_continue: true',
      virtualHosts: routes(clusterRoutes),
    }),
    httpListener({
      name: 'upgrades',
      logFormat: LOG,
      hcm: 'upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: CONNECT } ]',
      virtualHosts: routes(
        '- { match: { connect_matcher: {} }, route: { cluster: main } }\n- { match: { prefix: "/" }, route: { cluster: main } }',
      ),
    }),
  ],
  [
    toMain('main'),
    cluster('old', 'http2_protocol_options: {}', '{{backend:main}}'),
    cluster(
      'downstream',
      http1Options('use_downstream_protocol_config: { http2_protocol_options: {} }'),
      '{{backend}}',
    ),
    cluster('selected', 'protocol_selection: USE_DOWNSTREAM_PROTOCOL\nhttp2_protocol_options: {}', '{{backend}}'),
    cluster(
      'one_request',
      http2('{}', 'common_http_protocol_options: { max_requests_per_connection: 1 }'),
      '{{backend:main}}',
    ),
    toMain('no_request', 'circuit_breakers: { thresholds: [ { max_requests: 0 } ] }'),
    toMain('no_pending', 'circuit_breakers: { thresholds: [ { max_pending_requests: 0 } ] }'),
    cluster('idle', http2('{}', 'common_http_protocol_options: { idle_timeout: 0.05s }'), '{{backend:main}}'),
    cluster(
      'duration',
      http2('{}', 'common_http_protocol_options: { max_connection_duration: 0.05s }'),
      '{{backend:main}}',
    ),
    cluster('one_stream', http2('{ max_concurrent_streams: 1 }'), '{{backend:main}}'),
    cluster(
      'one_at_a_time',
      `${http2('{ max_concurrent_streams: 1 }')}\ncircuit_breakers: { thresholds: [ { max_connections: 1 } ] }`,
      '{{backend:main}}',
    ),
    toMain('one_active', 'circuit_breakers: { thresholds: [ { max_requests: 1 } ] }'),
    cluster('refused', http2(), '1'),
    cluster('speaks_http1', http2(), '{{backend:plain}}'),
    cluster('silent', http2(), '{{backend:silent}}'),
  ],
).replaceAll('{{backend}}', '{{backend:plain}}')

const more = '\r\n\r\n'
const ok: readonly Http2ReplyStep[] = [{ headers: { ':status': 200, 'x-a': 'b' } }, { data: 'ok', end: true }]
const reply = (...steps: Http2ReplyStep[]) => [steps]

type Fields = Partial<Omit<ParityCase, 'name'>>

/** A retry may come in the same millisecond. What HPACK makes of a random id has no fixed length. */
const NORMALIZE: readonly [RegExp, string][] = [
  [/(rq-timeout-ms: )(15000|<remaining>)/g, '$1<ms>'],
  [/PRI \* HTTP\/2\.0[\s\S]*/, '<preface and frames>'],
]

/** One request that is answered in some way, and what that moves. */
function one(name: string, text: string, fields: Fields = {}): ParityCase {
  return {
    name: `h2 upstream: ${name}`,
    normalize: NORMALIZE,
    steps: [text, { waitFor: more }],
    stats: STATS,
    http2Replies: [ok],
    ...fields,
  }
}

const messages: ParityCase[] = [
  one('get', get('/')),
  one('head', head('/')),
  one('post', post('/', 'hello')),
  one('empty post', post('/', '')),
  one('chunked post', `${request('POST', '/', ['Transfer-Encoding: chunked'])}5\r\nhello\r\n0\r\n\r\n`),
  one(
    'chunked post with trailers dropped',
    `${request('POST', '/', ['Transfer-Encoding: chunked'])}5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n`,
  ),
  one(
    'chunked post with trailers',
    `${request('POST', '/', ['Transfer-Encoding: chunked'])}5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n`,
    { listener: 'trailers' },
  ),
  one(
    'chunked post with trailers, no body',
    `${request('POST', '/', ['Transfer-Encoding: chunked'])}0\r\nx-t: 1\r\n\r\n`,
    { listener: 'trailers' },
  ),
  one(
    'hop-by-hop fields',
    get('/', 'Connection: x-hop, keep-alive', 'X-Hop: 1', 'Keep-Alive: 5', 'Proxy-Connection: close'),
  ),
  one('te trailers', get('/', 'TE: trailers')),
  one('te with more', get('/', 'TE: gzip, trailers', 'Connection: te')),
  one('te gzip', get('/', 'TE: gzip')),
  one('connection close', get('/', 'Connection: close')),
  one('upgrade that nobody allows', get('/', 'Connection: upgrade', 'Upgrade: websocket')),
  one('cookies', get('/', 'Cookie: a=1; b=2', 'Cookie: c=3')),
  one('repeated fields', get('/', 'X-A: 1', 'X-A: 2', 'Accept: a', 'Accept: b')),
  one('upper case names', get('/', 'X-UPPER: Value')),
  one('latin-1 value', get('/', 'X-L: caf\xe9')),
  one('empty value', get('/', 'X-Empty:')),
  one('options asterisk', request('OPTIONS', '*', [])),
  one('absolute target', request('GET', 'http://b.test/p?q=1', [])),
  one('custom method', request('PURGE', '/', [])),
  one('long path', get(`/${'p'.repeat(5000)}`)),
  one('many fields', get('/', ...Array.from({ length: 60 }, (_, i) => `x-${i}: ${'v'.repeat(100)}`))),
  one('expect 100-continue', `${request('POST', '/', ['Content-Length: 2', 'Expect: 100-continue'])}ab`),
  one('two in one connection', `${get('/1')}${get('/2')}`, {
    steps: [get('/1'), { waitFor: 'ok' }, get('/2'), { waitCount: ['ok', 2] }],
    logLines: 2,
  }),
  one('200 without body', get('/'), { http2Replies: reply({ headers: { ':status': 200 }, end: true }) }),
  one('204', get('/'), { http2Replies: reply({ headers: { ':status': 204 }, end: true }) }),
  one('304 with length', get('/'), {
    http2Replies: reply({ headers: { ':status': 304, 'content-length': 5 }, end: true }),
  }),
  one('head with length', head('/'), {
    http2Replies: reply({ headers: { ':status': 200, 'content-length': 5 }, end: true }),
  }),
  one('length', get('/'), {
    http2Replies: reply({ headers: { ':status': 200, 'content-length': 5 } }, { data: 'hello', end: true }),
  }),
  one('body in parts', get('/'), {
    http2Replies: reply({ headers: { ':status': 200 } }, { data: 'a' }, { pauseMs: 20 }, { data: 'b', end: true }),
    steps: [get('/'), { waitFor: '0\r\n\r\n' }],
  }),
  one('trailers dropped', get('/'), {
    http2Replies: reply({ headers: { ':status': 200 } }, { data: 'a' }, { trailers: { 'x-t': '1' } }),
    steps: [get('/'), { waitFor: '0\r\n\r\n' }],
  }),
  one('trailers', get('/'), {
    listener: 'trailers',
    http2Replies: reply({ headers: { ':status': 200 } }, { data: 'a' }, { trailers: { 'x-t': '1' } }),
    steps: [get('/'), { waitFor: 'x-t' }],
  }),
  one('trailers without body', get('/'), {
    listener: 'trailers',
    http2Replies: reply({ headers: { ':status': 200 } }, { trailers: { 'x-t': '1' } }),
    steps: [get('/'), { waitFor: 'x-t' }],
  }),
  one('103', get('/'), {
    listener: 'trailers',
    http2Replies: reply({ info: { ':status': 103, link: '</a>' } }, ...ok),
    steps: [get('/'), { waitFor: 'ok' }],
  }),
  one('100', get('/'), {
    listener: 'trailers',
    http2Replies: reply({ info: { ':status': 100 } }, ...ok),
    steps: [get('/'), { waitFor: 'ok' }],
  }),
  one('102', get('/'), {
    http2Replies: reply({ info: { ':status': 102 } }, ...ok),
    steps: [get('/'), { waitFor: 'ok' }],
  }),
  one('cookies of a response', get('/'), {
    http2Replies: reply({ headers: { ':status': 200, 'set-cookie': ['a=1', 'b=2'] }, end: true }),
  }),
  one('odd status', get('/'), { http2Replies: reply({ headers: { ':status': 599 }, end: true }) }),
  one('grpc trailers-only', post('/', '', 'Content-Type: application/grpc', 'TE: trailers'), {
    http2Replies: reply({
      headers: { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' },
      end: true,
    }),
  }),
  one('old field', get('/old')),
  one('downstream protocol', get('/downstream')),
  one('protocol_selection', get('/selected')),
]

const early: ParityCase[] = [
  one('response before the request is complete', request('POST', '/', ['Content-Length: 5']), { replyAt: 'head' }),
  one('response before the request is complete, rest follows', request('POST', '/', ['Content-Length: 5']), {
    replyAt: 'head',
    steps: [request('POST', '/', ['Content-Length: 5']), { waitFor: 'ok' }, 'hello', { quietMs: 50 }],
  }),
  one('response head before the request is complete', '', {
    replyAt: 'head',
    http2Replies: reply({ headers: { ':status': 200 } }, { waitFor: 'hello' }, { data: 'bye', end: true }),
    steps: [request('POST', '/', ['Content-Length: 5']), { waitFor: more }, 'hello', { waitFor: '0\r\n\r\n' }],
  }),
  one('echoed in both directions', '', {
    replyAt: 'head',
    http2Replies: reply({ headers: { ':status': 200 } }, { echo: true }),
    steps: [
      request('POST', '/', ['Transfer-Encoding: chunked']),
      '1\r\na\r\n',
      { waitFor: '\r\na\r\n' },
      '1\r\nb\r\n',
      { waitFor: '\r\nb\r\n' },
      '0\r\n\r\n',
      { waitFor: '0\r\n\r\n' },
    ],
  }),
]

const codes = [0, 1, 2, 3, 5, 7, 8, 10, 11, 13]
const resets: ParityCase[] = [
  ...codes.map((code) => one(`reset ${code}`, get('/'), { http2Replies: reply({ rst: code }) })),
  ...codes.map((code) =>
    one(`reset ${code} after headers`, get('/'), {
      http2Replies: reply({ headers: { ':status': 200 } }, { data: 'a' }, { pauseMs: 30 }, { rst: code }),
      steps: [get('/'), { waitClosed: true }],
    }),
  ),
  one('reset with the request half sent', request('POST', '/', ['Content-Length: 5']), {
    replyAt: 'head',
    http2Replies: reply({ rst: 8 }),
  }),
  one('reset after 103', get('/'), {
    listener: 'trailers',
    http2Replies: reply({ info: { ':status': 103 } }, { pauseMs: 20 }, { rst: 8 }),
    steps: [get('/'), { waitClosed: true }],
  }),
  one('connection lost', get('/'), { http2Replies: reply({ destroy: true }) }),
  one('connection lost after headers', get('/'), {
    http2Replies: reply({ headers: { ':status': 200 } }, { data: 'a' }, { pauseMs: 30 }, { destroy: true }),
    steps: [get('/'), { waitClosed: true }],
  }),
  one('goaway, then the answer', get('/'), { http2Replies: reply({ goAway: 0 }, { pauseMs: 30 }, ...ok) }),
  one('goaway with a code, then the answer', get('/'), { http2Replies: reply({ goAway: 11 }, { pauseMs: 30 }, ...ok) }),
  one('goaway that leaves the request out', '', {
    http2Replies: [ok, [{ goAway: 0, last: 1 }]],
    steps: [get('/1'), { waitFor: 'ok' }, get('/2'), { waitCount: ['HTTP/1.1', 2] }],
    logLines: 2,
  }),
  one('goaway behind the answer', '', {
    http2Replies: [[...ok, { pauseMs: 30 }, { goAway: 0 }], ok],
    steps: [get('/1'), { waitFor: 'ok' }, { quietMs: 80 }, get('/2'), { waitCount: ['ok', 2] }],
    logLines: 2,
  }),
  one('reset on a connection that drains', '', {
    http2Replies: reply({ goAway: 0 }, { pauseMs: 30 }, { rst: 8 }),
    steps: [get('/'), { waitFor: more }],
  }),
  one('goaway, then an answer of headers alone', get('/'), {
    http2Replies: reply({ goAway: 0 }, { pauseMs: 30 }, { headers: { ':status': 200 }, end: true }),
  }),
  one('goaway, then trailers', get('/'), {
    listener: 'trailers',
    http2Replies: reply(
      { goAway: 0 },
      { pauseMs: 30 },
      { headers: { ':status': 200 } },
      { data: 'a' },
      { trailers: { 'x-t': '1' } },
    ),
    steps: [get('/'), { waitFor: 'x-t' }],
  }),
  one('goaway for all, then another', '', {
    http2Replies: [[{ goAway: 0 }, { pauseMs: 20 }, ...ok], ok],
    steps: [get('/1'), { waitFor: 'ok' }, get('/2'), { waitCount: ['ok', 2] }],
    logLines: 2,
  }),
  one('client leaves', get('/'), {
    http2Replies: reply({ pauseMs: 300 }),
    steps: [get('/'), { waitBackend: 'stream 1' }, { reset: true }],
    quietMs: 100,
  }),
  one('client leaves in the body', get('/'), {
    http2Replies: reply({ headers: { ':status': 200 } }, { data: 'a' }, { pauseMs: 300 }),
    steps: [get('/'), { waitFor: '\r\na' }, { reset: true }],
    quietMs: 100,
  }),
  one('timeout', get('/timeout'), { http2Replies: reply({ pauseMs: 1000 }) }),
]

const words = ['refused', 'reset', '5xx', 'before', 'connect', 'grpc']
const unavailable: Http2ReplyStep = {
  headers: { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' },
  end: true,
}
const retries: ParityCase[] = words.flatMap((word) => {
  const path = `/retry_${word}`
  return [
    one(`${path} refused`, get(path), { http2Replies: [[{ rst: 7 }], ok] }),
    one(`${path} cancelled`, get(path), { http2Replies: [[{ rst: 8 }], ok] }),
    one(`${path} goaway`, '', {
      http2Replies: [ok, [{ goAway: 0, last: 1 }], ok],
      steps: [get('/'), { waitFor: 'ok' }, get(path), { waitCount: ['HTTP/1.1', 2] }],
      logLines: 2,
    }),
    one(`${path} lost`, get(path), { http2Replies: [[{ destroy: true }], ok] }),
    one(`${path} 503`, get(path), { http2Replies: [[{ headers: { ':status': 503 }, end: true }], ok] }),
    one(`${path} unavailable`, get(path), { http2Replies: [[unavailable], ok] }),
    one(`${path} body again`, post(path, 'hello'), { http2Replies: [[{ rst: 7 }], ok] }),
  ]
})

const limits: ParityCase[] = [
  one('max_requests_per_connection', '', {
    steps: [get('/one_request'), { waitFor: 'ok' }, get('/one_request'), { waitCount: ['ok', 2] }],
    logLines: 2,
  }),
  one('max_requests 0', get('/no_request')),
  one('max_pending_requests 0', get('/no_pending')),
  one('idle_timeout', '', {
    steps: [get('/idle'), { waitFor: 'ok' }, { quietMs: 120 }, get('/idle'), { waitCount: ['ok', 2] }],
    logLines: 2,
  }),
  one('max_connection_duration', '', {
    steps: [get('/duration'), { waitFor: 'ok' }, { quietMs: 120 }, get('/duration'), { waitCount: ['ok', 2] }],
    logLines: 2,
  }),
  ...['/one_stream', '/one_at_a_time', '/one_active', '/'].map((path) =>
    one(`a second request beside the first: ${path}`, get(path), {
      holdConnections: 1,
      holdBytes: get(path),
      http2Replies: [[{ pauseMs: 300 }, ...ok], ok],
    }),
  ),
  one('connection refused', get('/refused')),
  one('a backend of HTTP/1', get('/http1'), {
    replyAt: 'connect',
    reply: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  }),
]

const websocket = get(
  '/',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: x',
)
const connect = 'CONNECT b.test:80 HTTP/1.1\r\nHost: b.test:80\r\n\r\n'
const upgrades: ParityCase[] = [
  one('websocket', '', {
    listener: 'upgrades',
    replyAt: 'head',
    http2Replies: reply({ headers: { ':status': 200 } }, { echo: true }),
    steps: [websocket, { waitFor: more }, 'hello', { waitFor: 'hello' }, 'again', { waitFor: 'again' }],
  }),
  one('websocket ended by the backend', '', {
    listener: 'upgrades',
    replyAt: 'head',
    http2Replies: reply({ headers: { ':status': 200 } }, { waitFor: 'hello' }, { data: 'bye', end: true }),
    steps: [websocket, { waitFor: more }, 'hello', { waitFor: 'bye' }, { waitClosed: true }],
  }),
  one('websocket refused', '', {
    listener: 'upgrades',
    replyAt: 'head',
    http2Replies: reply({ headers: { ':status': 403 }, end: true }),
    steps: [websocket, { waitFor: more }],
  }),
  one('websocket reset', '', {
    listener: 'upgrades',
    replyAt: 'head',
    http2Replies: reply({ rst: 8 }),
    steps: [websocket, { waitFor: more }],
  }),
  one('connect', '', {
    listener: 'upgrades',
    replyAt: 'head',
    http2Replies: reply({ headers: { ':status': 200 } }, { echo: true }),
    steps: [connect, { waitFor: more }, 'hello', { waitFor: 'hello' }],
  }),
  one('connect refused', '', {
    listener: 'upgrades',
    replyAt: 'head',
    http2Replies: reply({ headers: { ':status': 403 }, end: true }),
    steps: [connect, { waitFor: more }],
  }),
]

export const http2UpstreamSuite: ParitySuite = {
  name: 'HTTP/2 upstream',
  yaml,
  backends: ['plain', 'silent'],
  scripts: { silent: { raw: true } },
  http2Backends: ['main'],
  http2Settings: { enableConnectProtocol: true },
  cases: [...messages, ...early, ...resets, ...retries, ...limits, ...upgrades],
}
