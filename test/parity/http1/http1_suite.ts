/** HTTP/1.1 and 1.0 through the connection manager: framing, keep-alive, 1xx, tunnels, timeouts, header rules. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { CRLF, chunkedResponse, get, head, OK, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../yaml.ts'

const SHORT_CLOSE = 'delayed_close_timeout: 0.02s'
const STATS = '^(http\\.|cluster\\.|listener\\.plain)'
const POST_HEAD = `POST / HTTP/1.1${CRLF}Host: a.test${CRLF}`
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: abc']
const SWITCHING = `HTTP/1.1 101 Switching Protocols${CRLF}Upgrade: websocket${CRLF}Connection: Upgrade${CRLF}X-Up: 1${CRLF}${CRLF}`

const options: Record<string, string> = {
  plain: '',
  default_close: 'delayed_close_timeout: 0.3s',
  http10: 'http_protocol_options: { accept_http_10: true }',
  http10_host: 'http_protocol_options: { accept_http_10: true, default_host_for_http_10: default.test }',
  trailers: 'http_protocol_options: { enable_trailers: true }',
  tunnels: 'upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: foo }, { upgrade_type: CONNECT } ]',
  proper: 'http_protocol_options: { header_key_format: { proper_case_words: {} } }',
  preserve: `
http_protocol_options:
  header_key_format:
    stateful_formatter:
      name: preserve_case
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig`,
  continue: 'proxy_100_continue: true',
  timeouts:
    'drain_timeout: 0.1s\nrequest_timeout: 0.15s\nrequest_headers_timeout: 0.1s\nstream_idle_timeout: 0.3s\ncommon_http_protocol_options: { idle_timeout: 0.25s }',
  stream_idle: 'stream_idle_timeout: 0.15s',
  max_duration: 'drain_timeout: 0.1s\ncommon_http_protocol_options: { max_connection_duration: 0.15s }',
  safe_duration:
    'http1_safe_max_connection_duration: true\ncommon_http_protocol_options: { max_connection_duration: 0.1s }',
  long_drain: 'drain_timeout: 60s\ncommon_http_protocol_options: { max_connection_duration: 0.1s }',
  max_stream: 'common_http_protocol_options: { max_stream_duration: 0.15s }',
  max_requests: 'common_http_protocol_options: { max_requests_per_connection: 2 }',
  limits: 'max_request_headers_kb: 1\ncommon_http_protocol_options: { max_headers_count: 5 }',
  underscores: 'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }',
  drop_underscores: 'common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }',
  remote: 'use_remote_address: true',
  skip_xff: 'use_remote_address: true\nskip_xff_append: true',
  hops: 'use_remote_address: true\nxff_num_trusted_hops: 1',
  trusted_hops: 'xff_num_trusted_hops: 1',
  internal:
    'use_remote_address: true\ninternal_address_config: { cidr_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }',
  request_id: 'preserve_external_request_id: true\nuse_remote_address: true\nalways_set_request_id_in_response: true',
  no_request_id: 'generate_request_id: false',
  server_name: 'server_name: mine\nvia: v1',
  server_append: 'server_header_transformation: APPEND_IF_ABSENT',
  server_pass: 'server_header_transformation: PASS_THROUGH',
  normalize: 'normalize_path: true\nmerge_slashes: true\npath_with_escaped_slashes_action: UNESCAPE_AND_FORWARD',
  redirect_path: 'normalize_path: true\npath_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT',
  reject_path: 'path_with_escaped_slashes_action: REJECT_REQUEST',
  strip_port: 'strip_any_host_port: true\nstrip_trailing_host_dot: true',
  strip_matching: 'strip_matching_host_port: true',
  scheme: 'scheme_header_transformation: { scheme_to_overwrite: https }',
  stream_error: 'stream_error_on_invalid_http_message: true',
  xfcc: 'forward_client_cert_details: SANITIZE',
  early: `
early_header_mutation_extensions:
- name: m
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations: [ { append: { header: { key: x-early, value: "1" } } }, { remove: x-gone } ]`,
  xff_detection: `
original_ip_detection_extensions:
- name: xff
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig
    xff_num_trusted_hops: 1`,
  local_reply: `
local_reply_config:
  mappers:
  - filter: { status_code_filter: { comparison: { op: EQ, value: { default_value: 404, runtime_key: x } } } }
    status_code: 410
    body: { inline_string: "gone" }
    body_format_override: { text_format_source: { inline_string: "%LOCAL_REPLY_BODY%|%RESPONSE_CODE%|%REQ(:path)%" }, content_type: "text/x-mine" }
    headers_to_add: [ { header: { key: x-mapped, value: "%RESPONSE_CODE_DETAILS%" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } ]
  body_format: { json_format: { code: "%RESPONSE_CODE%", text: "%LOCAL_REPLY_BODY%" } }`,
}

const suiteRoutes = routes(`
- match: { path: "/direct/json" }
  direct_response: { status: 503, body: { inline_string: "{}" } }
  response_headers_to_add: [ { header: { key: content-type, value: application/problem+json }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } ]
- match: { path: "/direct" }
  direct_response: { status: 200, body: { inline_string: "direct" } }
- match: { path: "/no-route", headers: [ { name: x, string_match: { exact: never } } ] }
  route: { cluster: main }
- match: { path: "/trailers" }
  route: { cluster: trailers }
- match: { path: "/slow", headers: [ { name: ":method", string_match: { exact: GET } } ] }
  route: { cluster: main, timeout: 0.15s }
- match: { path: "/refused" }
  route: { cluster: refused }
- match: { connect_matcher: {} }
  route: { cluster: raw, upgrade_configs: [ { upgrade_type: CONNECT, connect_config: {} } ] }
- match: { path_separated_prefix: "/found" }
  route: { cluster: main }
- match: { safe_regex: { regex: "/[^n].*|/|/nope?" } }
  route: { cluster: main }
`)

const yaml = bootstrap(
  Object.entries(options).map(([name, hcm]) =>
    httpListener({
      name,
      hcm: `${hcm.includes('delayed_close') ? '' : SHORT_CLOSE}\n${hcm.trim()}`,
      virtualHosts: suiteRoutes,
    }),
  ),
  [
    cluster('main'),
    cluster('raw'),
    cluster(
      'trailers',
      http1Options('explicit_http_config: { http_protocol_options: { enable_trailers: true } }'),
      '{{backend}}',
    ),
    cluster('refused', '', '1'),
  ],
)

const on = (listener: string, cases: readonly ParityCase[]): ParityCase[] =>
  cases.map((one) => ({ listener, ...one, name: `${listener}: ${one.name}` }))

const basics: ParityCase[] = on('plain', [
  { name: 'GET', steps: [get()], stats: STATS },
  { name: 'two GETs one after another', steps: [get('/1'), { waitFor: 'ok' }, get('/2')], logLines: 2, stats: STATS },
  { name: 'pipelined GETs', steps: [get('/1') + get('/2') + get('/3')], logLines: 3, stats: STATS },
  { name: 'GET, client close', steps: [get('/', 'Connection: close')], stats: STATS },
  {
    name: 'HEAD',
    steps: [head()],
    reply: response(200, '', 'x: y').replace('content-length: 0', 'content-length: 7'),
    stats: STATS,
  },
  { name: 'POST', steps: [post('/', 'hello')], stats: STATS },
  {
    name: 'POST in pieces',
    steps: [
      `${POST_HEAD}Content-Length: 6${CRLF}${CRLF}`,
      { waitBackend: 'POST' },
      'abc',
      { waitBackend: 'abc' },
      'def',
    ],
  },
  {
    name: 'POST chunked in pieces',
    steps: [
      `${POST_HEAD}Transfer-Encoding: chunked${CRLF}${CRLF}`,
      { waitBackend: 'POST' },
      `3${CRLF}abc${CRLF}`,
      { waitBackend: 'abc' },
      `0${CRLF}${CRLF}`,
    ],
  },
  {
    name: 'head in pieces',
    steps: [
      'GET / HT',
      { quietMs: 10 },
      `TP/1.1${CRLF}Ho`,
      { quietMs: 10 },
      `st: a.test${CRLF}`,
      { quietMs: 10 },
      CRLF,
    ],
  },
  { name: 'POST without length', steps: [request('POST', '/', [])] },
  { name: 'PUT without length', steps: [request('PUT', '/', [])] },
  { name: 'DELETE without length', steps: [request('DELETE', '/', [])] },
  { name: 'OPTIONS', steps: [request('OPTIONS', '/', [])] },
  { name: 'PATCH', steps: [request('PATCH', '/', ['Content-Length: 0'])] },
  {
    name: 'response in pieces',
    steps: [get()],
    reply: [
      'HTTP/1.1 200 OK\r\ncontent-le',
      { pauseMs: 10 },
      'ngth: 4\r\n\r\n',
      { pauseMs: 10 },
      'ab',
      { pauseMs: 10 },
      'cd',
    ],
  },
  { name: 'chunked response', steps: [get()], reply: chunkedResponse('hello', ' world'), stats: STATS },
  {
    name: 'chunked response in pieces',
    steps: [get()],
    reply: [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      { pauseMs: 15 },
      '6\r\n world\r\n',
      { pauseMs: 15 },
      '0\r\n\r\n',
    ],
  },
  {
    name: 'close-delimited response',
    steps: [get()],
    reply: ['HTTP/1.1 200 OK\r\n\r\nhello', { finish: true }],
    stats: STATS,
  },
  {
    name: 'upstream says close',
    steps: [get('/1'), { waitFor: 'ok' }, get('/2')],
    reply: response(200, 'ok', 'Connection: close'),
    logLines: 2,
    stats: STATS,
  },
  {
    name: 'upstream closes idle connection between requests',
    steps: [get('/1'), { waitFor: 'ok' }, { quietMs: 30 }, get('/2')],
    reply: [OK, { finish: true }],
    logLines: 2,
    stats: STATS,
  },
  {
    name: 'fields keep their order and repeats',
    steps: [get('/', 'B: 1', 'A: 2', 'b: 3', 'Cookie: x=1', 'Cookie: y=2')],
    reply: response(200, 'ok', 'Z: 1', 'A: 2', 'z: 3', 'Set-Cookie: a', 'Set-Cookie: b'),
  },
  {
    name: 'hop-by-hop fields of the request',
    steps: [
      get(
        '/',
        'Connection: keep-alive, X-Drop',
        'X-Drop: 1',
        'Keep-Alive: 5',
        'Proxy-Connection: x',
        'TE: gzip, trailers',
        'Upgrade: foo',
        'Proxy-Authorization: p',
        'Trailer: t',
      ),
    ],
  },
  {
    name: 'hop-by-hop fields of the response',
    steps: [get()],
    reply: response(
      200,
      'ok',
      'Connection: X-Drop',
      'X-Drop: 1',
      'Keep-Alive: 5',
      'Proxy-Connection: x',
      'Upgrade: foo',
      'Trailer: t',
      'Proxy-Authenticate: p',
    ),
  },
  {
    name: 'own fields of the upstream',
    steps: [get()],
    reply: response(
      200,
      'ok',
      'Date: Mon, 01 Jan 2001 00:00:00 GMT',
      'Server: b',
      'X-Envoy-Upstream-Service-Time: 5',
      'Via: x',
      'X-Request-Id: r',
    ),
  },
  { name: '204', steps: [get()], reply: 'HTTP/1.1 204 N\r\nx: y\r\n\r\n', stats: STATS },
  { name: '304 with length', steps: [get()], reply: 'HTTP/1.1 304 N\r\ncontent-length: 9\r\n\r\n' },
  { name: '404 from upstream', steps: [get()], reply: response(404, 'nope'), stats: STATS },
  { name: '500 from upstream', steps: [get()], reply: response(500, 'bad'), stats: STATS },
  { name: 'odd status', steps: [get()], reply: response(799, 'odd'), stats: STATS },
  {
    name: '100-continue',
    steps: [`${POST_HEAD}Expect: 100-continue${CRLF}Content-Length: 3${CRLF}${CRLF}`, { waitFor: '100' }, 'abc'],
    stats: STATS,
  },
  { name: '100 from upstream is dropped', steps: [get()], reply: `HTTP/1.1 100 C${CRLF}${CRLF}${OK}` },
  { name: '103 from upstream', steps: [get()], reply: `HTTP/1.1 103 E${CRLF}link: x${CRLF}${CRLF}${OK}` },
  {
    name: 'early response to a POST',
    steps: [`${POST_HEAD}Content-Length: 10${CRLF}${CRLF}abc`],
    reply: OK,
    replyAt: 'head',
    stats: STATS,
  },
  {
    name: 'early response, then the rest of the body',
    steps: [`${POST_HEAD}Content-Length: 6${CRLF}${CRLF}abc`, { waitFor: 'ok' }, 'def'],
    reply: OK,
    replyAt: 'head',
  },
  {
    name: 'early head of the response, body later',
    steps: [`${POST_HEAD}Content-Length: 6${CRLF}${CRLF}abc`, { waitFor: '200' }, 'def'],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab', { waitFor: 'def' }, 'cd'],
    replyAt: 'head',
  },
  { name: 'direct response', steps: [get('/direct')], stats: STATS },
  { name: 'direct response to HEAD', steps: [head('/direct')] },
  { name: 'direct response to POST', steps: [post('/direct', 'abc')], stats: STATS },
  { name: 'direct response, pipelined', steps: [get('/direct') + get('/direct')], logLines: 2 },
  { name: 'no route', steps: [get('/no-route')], stats: STATS },
  {
    name: 'no route for gRPC',
    steps: [request('POST', '/no-route', ['Content-Type: application/grpc', 'Content-Length: 0'])],
  },
  { name: 'refused', steps: [get('/refused')], stats: STATS },
  { name: 'refused for gRPC', steps: [post('/refused', '', 'Content-Type: application/grpc')] },
  { name: 'refused, HEAD', steps: [head('/refused')] },
  { name: 'upstream resets before the response', steps: [get()], reply: [{ reset: true }], stats: STATS },
  { name: 'upstream finishes before the response', steps: [get()], reply: [{ finish: true }], stats: STATS },
  {
    name: 'upstream finishes inside the head',
    steps: [get()],
    reply: ['HTTP/1.1 200 OK\r\nx', { finish: true }],
    stats: STATS,
  },
  {
    name: 'upstream finishes inside the body',
    steps: [get()],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab', { pauseMs: 10 }, { finish: true }],
    stats: STATS,
  },
  {
    name: 'upstream finishes inside a chunked body',
    steps: [get()],
    reply: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n', { pauseMs: 10 }, { finish: true }],
    stats: STATS,
  },
  {
    name: 'upstream resets inside the body',
    steps: [get()],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab', { pauseMs: 10 }, { reset: true }],
    stats: STATS,
  },
  {
    name: 'upstream resets during the upload',
    steps: [`${POST_HEAD}Content-Length: 10${CRLF}${CRLF}abc`],
    reply: [{ reset: true }],
    replyAt: 'head',
    stats: STATS,
  },
  { name: 'upstream speaks garbage', steps: [get()], reply: 'garbage\r\n\r\n', stats: STATS },
  { name: 'upstream answers and more', steps: [get()], reply: `${OK}junk`, stats: STATS },
  { name: 'route timeout', steps: [get('/slow'), { waitFor: '\r\n\r\n' }], reply: [], stats: STATS },
  {
    name: 'route timeout after the head',
    steps: [get('/slow'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab'],
    stats: STATS,
  },
  {
    name: 'client finishes while waiting',
    steps: [get(), { waitBackend: 'GET' }, { halfClose: true }],
    reply: [],
    stats: STATS,
  },
  {
    name: 'client finishes inside the body',
    steps: [`${POST_HEAD}Content-Length: 10${CRLF}${CRLF}abc`, { waitBackend: 'abc' }, { halfClose: true }],
    stats: STATS,
  },
  { name: 'client finishes inside the head', steps: ['GET / HTTP/1.1\r\nHo', { halfClose: true }], stats: STATS },
  {
    name: 'client resets while waiting',
    steps: [get(), { waitBackend: 'GET' }, { reset: true }],
    reply: [],
    stats: STATS,
  },
  { name: 'client connects and finishes', steps: [{ halfClose: true }], logLines: 0, stats: STATS },
  { name: 'bad request', steps: [get('/', 'a b')], stats: STATS },
  { name: 'large body down', steps: [get(), { waitCount: ['z', 300_000] }], reply: response(200, 'z'.repeat(300_000)) },
  { name: 'large body up', steps: [post('/', 'z'.repeat(300_000)), { waitFor: 'ok' }] },
  {
    name: 'x-forwarded fields are left alone',
    steps: [
      get('/', 'X-Forwarded-For: 1.1.1.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: h', 'X-Request-Id: abc'),
    ],
  },
])

const variants: ParityCase[] = [
  ...on('default_close', [
    { name: 'bad request closes after the delay', steps: [get('/', 'a b')], waitClosedMs: 3000, stats: '^http\\.' },
  ]),
  ...on('http10', [
    { name: '1.0', steps: ['GET / HTTP/1.0\r\nHost: a.test\r\n\r\n'], stats: STATS },
    { name: '1.0 keep-alive', steps: ['GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n'] },
    {
      name: '1.0 keep-alive, chunked upstream',
      steps: ['GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n'],
      reply: chunkedResponse('abc'),
    },
    { name: '1.0 POST', steps: ['POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc'] },
    { name: '1.0 without Host', steps: ['GET / HTTP/1.0\r\n\r\n'] },
    { name: '1.0 local reply', steps: ['GET /no-route HTTP/1.0\r\nHost: a.test\r\n\r\n'] },
    {
      name: '1.0 HEAD',
      steps: ['HEAD / HTTP/1.0\r\nHost: a.test\r\n\r\n'],
      reply: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n',
    },
  ]),
  ...on('plain', [{ name: '1.0 refused', steps: ['GET / HTTP/1.0\r\nHost: a.test\r\n\r\n'], stats: STATS }]),
  ...on('http10_host', [{ name: '1.0 default host', steps: ['GET / HTTP/1.0\r\n\r\n'] }]),
  ...on('trailers', [
    {
      name: 'request trailers',
      steps: [
        `POST /trailers HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\nT2: 2\r\n\r\n`,
      ],
    },
    {
      name: 'request trailers, cluster without',
      steps: [`POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n`],
    },
    {
      name: 'response trailers',
      steps: [get('/trailers')],
      reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n',
    },
    {
      name: 'response trailers, cluster without',
      steps: [get()],
      reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n',
    },
    {
      name: 'response trailers only later',
      steps: [get('/trailers')],
      reply: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n', { pauseMs: 15 }, '0\r\nT: 1\r\n\r\n'],
    },
  ]),
  ...on('tunnels', [
    {
      name: 'websocket',
      steps: [get('/', ...WEBSOCKET), { waitFor: 'x-up' }, 'ping', { waitFor: 'echo(ping)' }],
      reply: SWITCHING,
      stats: STATS,
    },
    {
      name: 'websocket early data',
      steps: [`${get('/', ...WEBSOCKET)}early`, { waitFor: 'echo(early)' }],
      reply: SWITCHING,
    },
    {
      name: 'websocket refused by upstream',
      steps: [get('/', ...WEBSOCKET)],
      reply: response(403, 'no'),
      stats: STATS,
    },
    { name: 'websocket answered 200', steps: [get('/', ...WEBSOCKET)], reply: OK },
    {
      name: 'websocket, client finishes',
      steps: [get('/', ...WEBSOCKET), { waitFor: 'x-up' }, 'ping', { waitFor: 'ping' }, { halfClose: true }],
      reply: SWITCHING,
      stats: STATS,
    },
    {
      name: 'websocket, upstream finishes',
      steps: [get('/', ...WEBSOCKET), { waitClosed: true }],
      reply: [SWITCHING, 'bye', { pauseMs: 15 }, { finish: true }],
      stats: STATS,
    },
    {
      name: 'websocket, upstream resets',
      steps: [get('/', ...WEBSOCKET), { waitClosed: true }],
      reply: [SWITCHING, { pauseMs: 15 }, { reset: true }],
    },
    {
      name: 'upgrade of another name',
      steps: [get('/', 'Connection: Upgrade', 'Upgrade: foo')],
      reply: SWITCHING.replace('websocket', 'foo'),
    },
    { name: 'upgrade not listed', steps: [get('/', 'Connection: Upgrade', 'Upgrade: bar')], stats: STATS },
    {
      name: 'upgrade h2c is ignored',
      steps: [get('/', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA')],
    },
    {
      name: 'CONNECT to TCP',
      steps: ['CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n', { waitFor: '200' }, 'ping', { waitFor: 'echo(ping)' }],
      stats: STATS,
    },
    {
      name: 'CONNECT to TCP, early data',
      steps: ['CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\nearly', { waitFor: 'echo(early)' }],
    },
  ]),
  ...on('proper', [
    {
      name: 'proper case words',
      steps: [get('/', 'x-foo-bar: 1')],
      reply: response(200, 'ok', 'x-up-stream: 1', 'a1b-c_d: 2'),
    },
  ]),
  ...on('preserve', [
    { name: 'preserve case', steps: [get('/', 'X-fOO-bar: 1')], reply: response(200, 'ok', 'X-uP: 1') },
  ]),
  ...on('continue', [
    {
      name: '100 from upstream',
      steps: [`${POST_HEAD}Expect: 100-continue${CRLF}Content-Length: 3${CRLF}${CRLF}`, { waitFor: '100' }, 'abc'],
      reply: [`HTTP/1.1 100 C${CRLF}x: y${CRLF}${CRLF}`, { waitFor: 'abc' }, OK],
      replyAt: 'head',
    },
    { name: '100 unasked', steps: [get()], reply: `HTTP/1.1 100 C${CRLF}${CRLF}${OK}` },
  ]),
  ...on('timeouts', [
    {
      name: 'request timeout',
      steps: [`${POST_HEAD}Content-Length: 10${CRLF}${CRLF}ab`, { waitClosed: true }],
      stats: STATS,
    },
    { name: 'request headers timeout', steps: [`${POST_HEAD}Conte`, { waitClosed: true }], stats: STATS },
    { name: 'connection idle', steps: [get(), { waitClosed: true }], stats: STATS },
    { name: 'connection idle before a request', steps: [{ waitClosed: true }], logLines: 0, stats: '^http\\.' },
    { name: 'stream idle', steps: [get(), { waitFor: 'timeout' }], reply: [], stats: STATS },
  ]),
  ...on('stream_idle', [
    {
      name: 'stream idle inside the response',
      steps: [get(), { waitClosed: true }],
      reply: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab'],
      stats: STATS,
    },
    {
      name: 'stream idle inside the request',
      steps: [`${POST_HEAD}Content-Length: 10${CRLF}${CRLF}ab`, { waitClosed: true }],
      stats: STATS,
    },
  ]),
  ...on('max_duration', [
    { name: 'connection duration', steps: [get(), { waitClosed: true }], waitClosedMs: 2000, stats: '^http\\.' },
  ]),
  ...on('safe_duration', [
    {
      name: 'duration ends with the next response',
      steps: [get(), { waitFor: 'ok' }, { quietMs: 200 }, get(), { waitClosed: true }],
      logLines: 2,
      stats: '^http\\.',
    },
  ]),
  ...on('long_drain', [
    {
      name: 'requests after the duration',
      steps: [
        get(),
        { waitFor: 'ok' },
        { quietMs: 200 },
        get(),
        { waitCount: ['ok', 2] },
        get(),
        { waitCount: ['ok', 3] },
      ],
      logLines: 3,
      stats: '^http\\.',
    },
  ]),
  ...on('max_stream', [
    { name: 'stream duration', steps: [get(), { waitFor: '\r\n\r\n' }], reply: [], stats: STATS },
    {
      name: 'stream duration inside the response',
      steps: [get(), { waitClosed: true }],
      reply: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab'],
    },
  ]),
  ...on('max_requests', [
    {
      name: 'requests of a connection',
      steps: [get('/1'), { waitFor: 'ok' }, get('/2'), { waitClosed: true }],
      logLines: 2,
      stats: '^http\\.',
    },
  ]),
  ...on('limits', [
    { name: 'headers too large', steps: [get('/', `x: ${'a'.repeat(1100)}`)], stats: '^http\\.' },
    { name: 'headers fit', steps: [get('/', `x: ${'a'.repeat(900)}`)] },
    { name: 'too many headers', steps: [get('/', 'a: 1', 'b: 1', 'c: 1', 'd: 1', 'e: 1')], stats: '^http\\.' },
    { name: 'many headers fit', steps: [get('/', 'a: 1', 'b: 1', 'c: 1', 'd: 1')] },
  ]),
  ...on('underscores', [{ name: 'refused', steps: [get('/', 'a_b: 1')], stats: '^http\\.' }]),
  ...on('drop_underscores', [{ name: 'dropped', steps: [get('/', 'a_b: 1', 'c: 2')], stats: '^http\\.' }]),
]

const FORWARDED = [
  'X-Forwarded-For: 1.1.1.1, 2.2.2.2',
  'X-Forwarded-Proto: https',
  'X-Request-Id: abc',
  'x-envoy-internal: true',
  'x-envoy-external-address: 9.9.9.9',
  'x-envoy-retry-on: 5xx',
  'x-envoy-decorator-operation: op',
  'x-envoy-downstream-service-cluster: c',
  'x-envoy-original-path: /o',
  'x-envoy-attempt-count: 3',
]

const fieldRules: ParityCase[] = [
  ...['remote', 'skip_xff', 'hops', 'trusted_hops', 'internal', 'request_id', 'no_request_id', 'xff_detection'].flatMap(
    (listener) =>
      on(listener, [
        { name: 'plain', steps: [get()] },
        { name: 'forwarded fields', steps: [get('/', ...FORWARDED)] },
        { name: 'one forwarded address', steps: [get('/', 'X-Forwarded-For: 10.0.0.1')] },
      ]),
  ),
  ...['server_name', 'server_append', 'server_pass'].flatMap((listener) =>
    on(listener, [
      {
        name: 'server of upstream',
        steps: [get('/', 'Via: 1.1 x')],
        reply: response(200, 'ok', 'Server: up', 'Via: 1.1 y'),
      },
      { name: 'no server of upstream', steps: [get()] },
      { name: 'local reply', steps: [get('/no-route')] },
    ]),
  ),
  ...on('normalize', [
    ...[
      '/a/../b',
      '/a//b///c',
      '/a/./b/',
      '/a%2fb',
      '/a%5cb',
      '/%2e%2e/x',
      '/a/..',
      '/%61%7e%41',
      '/a?x=/../y//z',
      '/a%00b',
      '/a\\b',
      '/..%2f..',
      '/./../',
    ].map((path) => ({ name: `path ${path}`, steps: [get(path)] })),
  ]),
  ...on('redirect_path', [
    { name: 'escaped slash', steps: [get('/a%2Fb?x=%2F')], stats: '^http\\.' },
    { name: 'without escaped slash', steps: [get('/a/b')] },
  ]),
  ...on('reject_path', [{ name: 'escaped slash', steps: [get('/a%2fb')], stats: '^http\\.' }]),
  ...on('strip_port', [
    { name: 'port', steps: [request('GET', '/', [], 'a.test:8080')] },
    { name: 'trailing dot', steps: [request('GET', '/', [], 'a.test.')] },
    { name: 'trailing dot and port', steps: [request('GET', '/', [], 'a.test.:80')] },
  ]),
  ...on('strip_matching', [{ name: 'other port stays', steps: [request('GET', '/', [], 'a.test:8080')] }]),
  ...on('scheme', [{ name: 'overwritten', steps: [get('/', 'X-Forwarded-Proto: http')] }]),
  ...on('stream_error', [
    { name: 'missing host keeps the connection', steps: ['GET / HTTP/1.1\r\n\r\n'] },
    { name: 'bad field', steps: [get('/', 'a b')] },
    { name: 'bad length', steps: [get('/', 'Content-Length: x')] },
  ]),
  ...on('xfcc', [{ name: 'sanitised', steps: [get('/', 'x-forwarded-client-cert: By=x')] }]),
  ...on('early', [{ name: 'mutation', steps: [get('/', 'x-gone: 1', 'x-early: 0')] }]),
  ...on('local_reply', [
    { name: 'a direct response with a type of its own', steps: [get('/direct/json')] },
    { name: 'mapped', steps: [get('/no-route?q')] },
    { name: 'body format', steps: [get('/refused')] },
    { name: 'upstream response is left alone', steps: [get()], reply: response(404, 'mine') },
    { name: 'bad request', steps: [get('/', 'a b')] },
  ]),
]

export const http1Suite: ParitySuite = {
  name: 'http1',
  yaml,
  backends: ['main', 'raw'],
  scripts: { raw: { raw: true } },
  cases: [...basics, ...variants, ...fieldRules],
}
