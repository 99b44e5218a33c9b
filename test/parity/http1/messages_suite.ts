/** Odd but legal messages: bodiless answers, HTTP/1.0, pipelines, interim answers, trailers, tunnels, absolute targets, header case. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { CRLF, chunkedResponse, get, head, OK, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../yaml.ts'

const STATS = '^(http\\.|cluster\\.)'
const TWO = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket']
const SWITCHING = `HTTP/1.1 101 Switching Protocols${CRLF}Upgrade: websocket${CRLF}Connection: Upgrade${CRLF}${CRLF}`
const EXPECT = `POST / HTTP/1.1${CRLF}Host: a.test${CRLF}Expect: 100-continue${CRLF}`

const preserve = (fields: string) => `
http_protocol_options:
  header_key_format:
    stateful_formatter:
      name: preserve_case
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig
${fields}`

const options: Record<string, string> = {
  plain: '',
  http10: 'http_protocol_options: { accept_http_10: true }',
  absolute_off: 'http_protocol_options: { allow_absolute_url: false }',
  trailers: 'http_protocol_options: { enable_trailers: true }',
  chunked_length: 'http_protocol_options: { allow_chunked_length: true }',
  custom: 'http_protocol_options: { allow_custom_methods: true }',
  continue: 'proxy_100_continue: true',
  tunnels: 'upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: CONNECT } ]',
  tunnels_off: 'upgrade_configs: [ { upgrade_type: WebSocket, enabled: false } ]',
  proper: 'http_protocol_options: { header_key_format: { proper_case_words: {} } }',
  preserve: preserve(''),
  preserve_reason: preserve('        forward_reason_phrase: true'),
  preserve_proper: preserve('        formatter_type_on_envoy_headers: PROPER_CASE'),
}

const suiteRoutes = routes(`
- match: { connect_matcher: {}, headers: [ { name: tcp, present_match: true } ] }
  route: { cluster: main, upgrade_configs: [ { upgrade_type: CONNECT, connect_config: {} } ] }
- match: { connect_matcher: {}, headers: [ { name: forwarded, present_match: true } ] }
  route: { cluster: main }
- match: { path: "/direct" }
  direct_response: { status: 200, body: { inline_string: "direct" } }
- match: { path: "/direct204" }
  direct_response: { status: 204 }
- match: { path: "/redirect" }
  redirect: { path_redirect: "/there" }
- match: { path: "/trailers" }
  route: { cluster: trailers }
- match: { path: "/proper" }
  route: { cluster: proper }
- match: { path: "/preserve" }
  route: { cluster: preserve }
- match: { path: "/absolute" }
  route: { cluster: absolute }
- match: { path: "/no_websocket" }
  route: { cluster: main, upgrade_configs: [ { upgrade_type: websocket, enabled: false } ] }
- match: { path: "/websocket" }
  route: { cluster: main, upgrade_configs: [ { upgrade_type: websocket } ] }
- match: { prefix: "/" }
  route: { cluster: main }
`)

const PRESERVE_UPSTREAM = `explicit_http_config:
  http_protocol_options:
    header_key_format:
      stateful_formatter:
        name: preserve_case
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig`

const main = '{{backend}}'
const yaml = bootstrap(
  Object.entries(options).map(([name, hcm]) =>
    httpListener({ name, hcm: `delayed_close_timeout: 0.02s\n${hcm.trim()}`, virtualHosts: suiteRoutes }),
  ),
  [
    cluster('main'),
    cluster(
      'trailers',
      http1Options('explicit_http_config: { http_protocol_options: { enable_trailers: true } }'),
      main,
    ),
    cluster(
      'proper',
      http1Options('explicit_http_config: { http_protocol_options: { header_key_format: { proper_case_words: {} } } }'),
      main,
    ),
    cluster('preserve', http1Options(PRESERVE_UPSTREAM), main),
    cluster(
      'absolute',
      http1Options('explicit_http_config: { http_protocol_options: { send_fully_qualified_url: true } }'),
      main,
    ),
  ],
)

const on = (listener: string, cases: readonly ParityCase[]): ParityCase[] =>
  cases.map((one) => ({ listener, stats: STATS, ...one, name: `${listener}: ${one.name}` }))

const bodiless: ParityCase[] = on('plain', [
  { name: 'HEAD, chunked answer', steps: [head()], reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n' },
  { name: 'HEAD, answer without framing', steps: [head()], reply: 'HTTP/1.1 200 OK\r\n\r\n' },
  { name: 'HEAD, length 0', steps: [head()], reply: 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n' },
  { name: 'HEAD, answer with a body', steps: [head()], reply: OK },
  { name: 'HEAD with a body', steps: [`${request('HEAD', '/', ['Content-Length: 3'])}abc`], reply: TWO },
  { name: 'HEAD then GET', steps: [head() + get()], replies: [[TWO], [OK]], logLines: 2 },
  { name: 'HEAD 404', steps: [head()], reply: 'HTTP/1.1 404 N\r\ncontent-length: 9\r\n\r\n' },
  { name: 'HEAD of a redirect', steps: [head('/redirect')] },
  { name: '204 direct', steps: [get('/direct204')] },
  { name: '204 with length 0', steps: [get()], reply: 'HTTP/1.1 204 N\r\ncontent-length: 0\r\n\r\n' },
  { name: '204 to POST', steps: [post('/', 'abc')], reply: 'HTTP/1.1 204 N\r\n\r\n' },
  { name: '205 without framing, FIN', steps: [get()], reply: ['HTTP/1.1 205 R\r\n\r\n', { finish: true }] },
  { name: '304 without length', steps: [get()], reply: 'HTTP/1.1 304 N\r\netag: x\r\n\r\n' },
  { name: '304 chunked', steps: [get()], reply: 'HTTP/1.1 304 N\r\ntransfer-encoding: chunked\r\n\r\n' },
  { name: '304 to HEAD', steps: [head()], reply: 'HTTP/1.1 304 N\r\ncontent-length: 5\r\n\r\n' },
  { name: '200 with length 0', steps: [get()], reply: response(200, '') },
  { name: 'chunked, no data', steps: [get()], reply: chunkedResponse() },
  { name: 'HTTP/1.0 answer', steps: [get()], reply: ['HTTP/1.0 200 OK\r\n\r\nabc', { finish: true }] },
  { name: 'HTTP/1.0 answer with length', steps: [get() + get()], reply: OK.replace('1.1', '1.0'), logLines: 2 },
  {
    name: 'HTTP/1.0 answer keeps alive',
    steps: [get(), { waitFor: 'ok' }, get()],
    reply: 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok',
    logLines: 2,
  },
  { name: 'answer with Proxy-Connection close', steps: [get()], reply: response(200, 'ok', 'Proxy-Connection: close') },
  {
    name: 'answer with Connection close among others',
    steps: [get(), { waitFor: 'ok' }, get()],
    reply: response(200, 'ok', 'Connection: x, Close'),
    logLines: 2,
  },
  { name: 'answer without reason', steps: [get()], reply: 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n' },
  { name: 'status 299', steps: [get()], reply: 'HTTP/1.1 299 Odd\r\ncontent-length: 0\r\n\r\n' },
  { name: 'status 600', steps: [get()], reply: 'HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n' },
  { name: 'empty field values', steps: [get('/', 'x-empty:', 'y:   ')], reply: response(200, 'ok', 'z:', 'w: ') },
  { name: 'TE of two values', steps: [get('/', 'TE: trailers;q=0.5, gzip')] },
  { name: 'TE in capitals', steps: [get('/', 'TE: Trailers')] },
  { name: 'TE without trailers', steps: [get('/', 'TE: gzip')] },
  { name: 'TE named by Connection', steps: [get('/', 'TE: trailers', 'Connection: TE')] },
  { name: 'TE named by Connection, without trailers', steps: [get('/', 'TE: gzip', 'Connection: TE')] },
  { name: 'Connection of nothing', steps: [get('/', 'Connection:')] },
  { name: 'Connection twice', steps: [get('/', 'Connection: a', 'Connection: b', 'a: 1', 'b: 2')] },
  { name: 'Connection close and keep-alive', steps: [get('/', 'Connection: close, keep-alive')] },
  { name: 'Proxy-Connection close', steps: [get('/', 'Proxy-Connection: Close')] },
  { name: 'Connection Close in capitals', steps: [get('/', 'Connection: CLOSE')] },
  { name: 'Connection names cookie', steps: [get('/', 'Connection: cookie', 'Cookie: a=b')] },
  {
    name: 'Connection names an x-envoy field',
    steps: [get('/', 'Connection: x-envoy-retry-on', 'x-envoy-retry-on: 5xx')],
  },
  { name: 'Connection names x-request-id', steps: [get('/', 'Connection: x-request-id', 'x-request-id: mine')] },
])

const http10: ParityCase[] = on('http10', [
  {
    name: 'two in a pipeline, keep-alive',
    steps: ['GET /1 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nHost: a\r\n\r\n'],
    logLines: 2,
  },
  {
    name: 'two in a pipeline, no keep-alive',
    steps: ['GET /1 HTTP/1.0\r\nHost: a\r\n\r\nGET /2 HTTP/1.0\r\nHost: a\r\n\r\n'],
  },
  { name: 'chunked upstream', steps: ['GET / HTTP/1.0\r\nHost: a\r\n\r\n'], reply: chunkedResponse('abc', 'def') },
  {
    name: 'close-delimited upstream',
    steps: ['GET / HTTP/1.0\r\nHost: a\r\n\r\n'],
    reply: ['HTTP/1.1 200 OK\r\n\r\nabc', { finish: true }],
  },
  {
    name: '204',
    steps: ['GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n'],
    reply: 'HTTP/1.1 204 N\r\n\r\n',
  },
  {
    name: '304',
    steps: ['GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n'],
    reply: 'HTTP/1.1 304 N\r\n\r\n',
  },
  {
    name: 'HEAD, chunked upstream',
    steps: ['HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'],
    reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
  },
  { name: 'direct response', steps: ['GET /direct HTTP/1.0\r\nHost: a\r\n\r\n'] },
  { name: 'redirect', steps: ['GET /redirect HTTP/1.0\r\nHost: a\r\n\r\n'] },
  { name: 'direct response, keep-alive', steps: ['GET /direct HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'] },
  { name: 'redirect, keep-alive', steps: ['GET /redirect HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'] },
  { name: 'direct response to 1.1 with close', steps: [get('/direct', 'Connection: close')] },
  { name: 'redirect of 1.1 with close', steps: [get('/redirect', 'Connection: close')] },
  { name: 'answer of upstream to 1.1 with close', steps: [get('/', 'Connection: close')] },
  { name: 'Proxy-Connection keep-alive', steps: ['GET / HTTP/1.0\r\nHost: a\r\nProxy-Connection: keep-alive\r\n\r\n'] },
  { name: 'absolute target', steps: ['GET http://h.test/x HTTP/1.0\r\n\r\n'] },
  { name: 'Expect', steps: ['POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab'] },
  { name: 'POST without length', steps: ['POST / HTTP/1.0\r\nHost: a\r\n\r\n'] },
  { name: 'websocket', steps: ['GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'] },
  { name: 'bad field', steps: ['GET / HTTP/1.0\r\nHost: a\r\na b\r\n\r\n'] },
  { name: '1.1 beside', steps: [get()] },
  {
    name: '103 from upstream',
    steps: ['GET / HTTP/1.0\r\nHost: a\r\n\r\n'],
    reply: `HTTP/1.1 103 E\r\nlink: x\r\n\r\n${OK}`,
  },
])

const pipelines: ParityCase[] = on('plain', [
  { name: 'ten in a pipeline', steps: [Array.from({ length: 10 }, (_, i) => get(`/${i}`)).join('')], logLines: 10 },
  { name: 'POST then GET', steps: [post('/1', 'abc') + get('/2')], logLines: 2 },
  {
    name: 'chunked POST then GET',
    steps: [`${request('POST', '/1', ['Transfer-Encoding: chunked'])}3\r\nabc\r\n0\r\n\r\n${get('/2')}`],
    logLines: 2,
  },
  { name: 'the first asks to close', steps: [get('/1', 'Connection: close') + get('/2')] },
  { name: 'the second is bad', steps: [`${get('/1')}GET /2 HTTP/1.1\r\nHost: a\r\nb c\r\n\r\n`], logLines: 2 },
  { name: 'the second is bad, direct', steps: [`${get('/direct')}x y z\r\n\r\n`], logLines: 2 },
  { name: 'the second has no host', steps: [`${get('/direct')}GET / HTTP/1.1\r\n\r\n`], logLines: 2 },
  { name: 'direct, upstream, direct', steps: [get('/direct') + get('/1') + get('/direct')], logLines: 3 },
  { name: 'CRLF between', steps: [`${get('/1')}\r\n\r\n${get('/2')}`], logLines: 2 },
  { name: 'CRLF in front', steps: [`\r\n${get('/1')}`] },
  {
    name: 'answer closes upstream between',
    steps: [get('/1') + get('/2')],
    reply: response(200, 'ok', 'connection: close'),
    logLines: 2,
  },
  { name: 'half-closed behind a pipeline', steps: [get('/direct') + get('/direct'), { halfClose: true }], logLines: 2 },
  { name: 'upgrade refused then GET', steps: [get('/1', ...WEBSOCKET) + get('/2')] },
])

const interim: ParityCase[] = [
  ...on('plain', [
    { name: 'Expect without a body', steps: [get('/', 'Expect: 100-continue')] },
    {
      name: 'Expect in other case',
      steps: [`${EXPECT.replace('100-continue', '100-Continue')}Content-Length: 3\r\n\r\nabc`],
    },
    { name: 'Expect of something else', steps: [post('/', 'abc', 'Expect: x')] },
    { name: 'Expect with the body at once', steps: [`${EXPECT}Content-Length: 3\r\n\r\nabc`] },
    {
      name: 'Expect, direct response',
      steps: [`${EXPECT.replace('/ ', '/direct ')}Content-Length: 3\r\n\r\n`, { waitFor: 'direct' }, 'abc'],
    },
    {
      name: 'Expect, chunked',
      steps: [`${EXPECT}Transfer-Encoding: chunked\r\n\r\n`, { waitFor: '100' }, '3\r\nabc\r\n0\r\n\r\n'],
    },
    {
      name: 'Expect, upstream refuses',
      steps: [`${EXPECT}Content-Length: 3\r\n\r\n`, { waitFor: '417' }],
      reply: response(417, 'no'),
      replyAt: 'head',
    },
    { name: '102 from upstream', steps: [get()], reply: `HTTP/1.1 102 P\r\n\r\n${OK}` },
    {
      name: 'two 103',
      steps: [get()],
      reply: `HTTP/1.1 103 E\r\nlink: a\r\n\r\nHTTP/1.1 103 E\r\nlink: b\r\n\r\n${OK}`,
    },
    { name: '100 and 103', steps: [get()], reply: `HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nlink: b\r\n\r\n${OK}` },
    { name: '103 then silence', steps: [get(), { quietMs: 30 }], reply: ['HTTP/1.1 103 E\r\n\r\n', { finish: true }] },
    { name: '101 unasked', steps: [get()], reply: SWITCHING },
    { name: '199 from upstream', steps: [get()], reply: `HTTP/1.1 199 Odd\r\n\r\n${OK}` },
  ]),
  ...on('continue', [
    {
      name: 'two 100',
      steps: [`${EXPECT}Content-Length: 3\r\n\r\n`, { waitFor: '100' }, 'abc'],
      reply: [`HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n`, { waitFor: 'abc' }, OK],
      replyAt: 'head',
    },
    { name: '103', steps: [get()], reply: `HTTP/1.1 103 E\r\nlink: a\r\n\r\n${OK}` },
    { name: '102', steps: [get()], reply: `HTTP/1.1 102 P\r\n\r\n${OK}` },
    {
      name: 'Expect answered at once',
      steps: [`${EXPECT}Content-Length: 3\r\n\r\n`, { waitFor: '417' }],
      reply: response(417, 'no'),
      replyAt: 'head',
    },
    {
      name: 'Expect, direct response',
      steps: [`${EXPECT.replace('/ ', '/direct ')}Content-Length: 3\r\n\r\n`, { waitFor: 'direct' }],
    },
    {
      name: '100 with fields',
      steps: [`${EXPECT}Content-Length: 3\r\n\r\n`, { waitFor: '100' }, 'abc'],
      reply: [`HTTP/1.1 100 C\r\nserver: x\r\nconnection: y\r\n\r\n`, { waitFor: 'abc' }, OK],
      replyAt: 'head',
    },
  ]),
]

const trailers: ParityCase[] = on('trailers', [
  {
    name: 'answer without TE',
    steps: [get('/trailers')],
    reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: T\r\n\r\n0\r\nT: 1\r\nt: 2\r\n\r\n',
  },
  {
    name: 'to HEAD',
    steps: [head('/trailers')],
    reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: T\r\n\r\n',
  },
  {
    name: 'pseudo field in request',
    steps: [`${request('POST', '/trailers', ['Transfer-Encoding: chunked'])}0\r\n:path: /x\r\n\r\n`],
  },
  {
    name: 'framing fields in request',
    steps: [
      `${request('POST', '/trailers', ['Transfer-Encoding: chunked'])}1\r\na\r\n0\r\nContent-Length: 5\r\nHost: b\r\nTransfer-Encoding: x\r\n\r\n`,
    ],
  },
  {
    name: 'bad request trailer',
    steps: [`${request('POST', '/trailers', ['Transfer-Encoding: chunked'])}1\r\na\r\n0\r\nb c\r\n\r\n`],
  },
  {
    name: 'written oddly',
    steps: [`${request('POST', '/trailers', ['Transfer-Encoding: chunked'])}0\r\nX-tRAIL: 1\r\n\r\n`],
  },
  {
    name: 'bad response trailer',
    steps: [get('/trailers')],
    reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nb c\r\n\r\n',
  },
  {
    name: 'direct response',
    steps: [`${request('POST', '/direct', ['Transfer-Encoding: chunked'])}1\r\na\r\n0\r\nT: 1\r\n\r\n`],
  },
  {
    name: 'then another request',
    steps: [`${request('POST', '/trailers', ['Transfer-Encoding: chunked'])}1\r\na\r\n0\r\nT: 1\r\n\r\n${get('/2')}`],
    logLines: 2,
  },
  { name: 'for HTTP/1.0 answer', steps: [get('/trailers')], reply: ['HTTP/1.0 200 OK\r\n\r\nabc', { finish: true }] },
])

const tunnels: ParityCase[] = [
  ...on('tunnels', [
    {
      name: 'CONNECT forwarded',
      steps: [
        request('CONNECT', 'x:1', ['forwarded: 1'], 'x:1'),
        { waitFor: '200' },
        'ping',
        { waitFor: 'echo(ping)' },
      ],
      reply: 'HTTP/1.1 200 OK\r\n\r\n',
    },
    {
      name: 'CONNECT forwarded, answer with fields',
      steps: [request('CONNECT', 'x:1', ['forwarded: 1'], 'x:1'), { waitFor: '200' }],
      reply: 'HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 0\r\n\r\n',
    },
    {
      name: 'CONNECT forwarded and refused',
      steps: [request('CONNECT', 'x:1', ['forwarded: 1'], 'x:1')],
      reply: response(403, 'no'),
    },
    {
      name: 'CONNECT forwarded, backend finishes',
      steps: [request('CONNECT', 'x:1', ['forwarded: 1'], 'x:1'), { waitClosed: true }],
      reply: ['HTTP/1.1 200 OK\r\n\r\nbye', { pauseMs: 15 }, { finish: true }],
    },
    {
      name: 'CONNECT forwarded, early data',
      steps: [`${request('CONNECT', 'x:1', ['forwarded: 1'], 'x:1')}early`, { waitFor: 'echo(early)' }],
      reply: 'HTTP/1.1 200 OK\r\n\r\n',
    },
    { name: 'CONNECT without a route', steps: [request('CONNECT', 'x:1', [], 'x:1')] },
    { name: 'CONNECT with a path', steps: [request('CONNECT', '/x', ['forwarded: 1'], 'x:1')] },
    { name: 'CONNECT without a port', steps: [request('CONNECT', 'x', ['forwarded: 1'], 'x')] },
    {
      name: 'CONNECT to another Host',
      steps: [request('CONNECT', 'x:1', ['forwarded: 1'], 'y:2'), { waitFor: '200' }],
      reply: 'HTTP/1.1 200 OK\r\n\r\n',
    },
    {
      name: 'CONNECT without Host',
      steps: ['CONNECT x:1 HTTP/1.1\r\nforwarded: 1\r\n\r\n', { waitFor: '200' }],
      reply: 'HTTP/1.1 200 OK\r\n\r\n',
    },
    {
      name: 'CONNECT with length 0',
      steps: [request('CONNECT', 'x:1', ['forwarded: 1', 'Content-Length: 0'], 'x:1'), { waitFor: '200' }],
      reply: 'HTTP/1.1 200 OK\r\n\r\n',
    },
    {
      name: 'CONNECT of IPv6',
      steps: [request('CONNECT', '[::1]:5', ['forwarded: 1'], '[::1]:5'), { waitFor: '200' }],
      reply: 'HTTP/1.1 200 OK\r\n\r\n',
    },
    {
      name: 'websocket in capitals',
      steps: [
        get('/', 'CONNECTION: UPGRADE', 'UPGRADE: WebSocket'),
        { waitFor: '101' },
        'ping',
        { waitFor: 'echo(ping)' },
      ],
      reply: SWITCHING,
    },
    {
      name: 'websocket, keep-alive too',
      steps: [get('/', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket'), { waitFor: '101' }],
      reply: SWITCHING,
    },
    { name: 'websocket by POST', steps: [request('POST', '/', WEBSOCKET), { waitFor: '101' }], reply: SWITCHING },
    {
      name: 'websocket with length 0',
      steps: [get('/', ...WEBSOCKET, 'Content-Length: 0'), { waitFor: '101' }],
      reply: SWITCHING,
    },
    {
      name: 'websocket, answer without connection',
      steps: [get('/', ...WEBSOCKET), { waitFor: '101' }],
      reply: 'HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n',
    },
    {
      name: 'websocket, answer of another type',
      steps: [get('/', ...WEBSOCKET), { quietMs: 30 }],
      reply: 'HTTP/1.1 101 S\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n',
    },
    { name: 'websocket, upgrade not named by connection', steps: [get('/', 'Upgrade: websocket')] },
    { name: 'websocket, connection without upgrade', steps: [get('/', 'Connection: upgrade')] },
    { name: 'websocket of two types', steps: [get('/', 'Connection: upgrade', 'Upgrade: websocket, foo')] },
    { name: 'websocket turned off by the route', steps: [get('/no_websocket', ...WEBSOCKET)] },
    { name: 'websocket to a direct response', steps: [get('/direct', ...WEBSOCKET)] },
    { name: 'websocket to a redirect', steps: [get('/redirect', ...WEBSOCKET)] },
    {
      name: 'websocket, 103 first',
      steps: [get('/', ...WEBSOCKET), { waitFor: '101' }],
      reply: `HTTP/1.1 103 E\r\n\r\n${SWITCHING}`,
    },
    { name: 'websocket answered 200 chunked', steps: [get('/', ...WEBSOCKET)], reply: chunkedResponse('abc') },
    {
      name: 'websocket answered 426',
      steps: [get('/', ...WEBSOCKET)],
      reply: response(426, '', 'Upgrade: websocket', 'Connection: upgrade'),
    },
    {
      name: 'websocket, data with the answer',
      steps: [get('/', ...WEBSOCKET), { waitFor: 'hello' }],
      reply: `${SWITCHING}hello`,
    },
  ]),
  ...on('tunnels_off', [
    { name: 'websocket off here', steps: [get('/', ...WEBSOCKET)] },
    {
      name: 'websocket turned on by the route',
      steps: [get('/websocket', ...WEBSOCKET), { waitFor: '101' }],
      reply: SWITCHING,
    },
  ]),
  ...on('plain', [
    { name: 'CONNECT not listed', steps: [request('CONNECT', 'x:1', ['forwarded: 1'], 'x:1')] },
    {
      name: 'CONNECT listed by the route',
      steps: [request('CONNECT', 'x:1', ['tcp: 1'], 'x:1'), { waitFor: '200' }, 'ping', { waitFor: 'ping' }],
      normalize: [[/GET|CONNECT/, 'M']],
    },
    {
      name: 'websocket listed by the route',
      steps: [get('/websocket', ...WEBSOCKET), { waitFor: '101' }],
      reply: SWITCHING,
    },
  ]),
]

const targets: ParityCase[] = [
  ...on('plain', [
    ...[
      'http://b.test/x',
      'HTTP://B.test/x?y',
      'https://b.test/x',
      'http://b.test',
      'http://b.test:8080/x',
      'http://[::1]:80/x',
      'http:///x',
      'http://',
      'ftp://b.test/x',
      'ws://b.test/x',
      'b.test/x',
      'b.test:80',
      '*',
      '//x/y',
      '/x#frag',
      '/#',
      '/?',
      '/x?y#z',
      '?x',
      '/%zz',
      '/a|b{c}"',
    ].map((target) => ({ name: `target ${target}`, steps: [get(target)] })),
    { name: 'OPTIONS *', steps: [request('OPTIONS', '*', [])] },
    { name: 'OPTIONS of an origin', steps: [request('OPTIONS', 'http://b.test', [])] },
    { name: 'absolute target without Host', steps: ['GET http://b.test/ HTTP/1.1\r\n\r\n'] },
    { name: 'empty Host', steps: ['GET / HTTP/1.1\r\nHost:\r\n\r\n'] },
    { name: 'absolute target and empty Host', steps: ['GET http://b.test/ HTTP/1.1\r\nHost:\r\n\r\n'] },
    ...['a b', 'a/b', 'a,b', 'a@b', 'a_b', 'a:x', '[::1', 'a:99999', ':80', 'ä', 'a;b', 'a?b'].map((host) => ({
      name: `Host ${host}`,
      steps: [request('GET', '/', [], host)],
    })),
    ...['TRACE', 'PROPFIND', 'FOO', 'get', 'QUERY', 'PRI', 'M-SEARCH'].map((method) => ({
      name: `method ${method}`,
      steps: [request(method, '/', [])],
    })),
    { name: 'to a fully qualified upstream', steps: [get('/absolute?x')] },
    { name: 'QUERY with a type', steps: [`${request('QUERY', '/', ['Content-Type: a/b', 'Content-Length: 1'])}q`] },
  ]),
  ...on('absolute_off', [
    { name: 'absolute target', steps: [get('http://b.test/x')] },
    { name: 'relative target', steps: [get('/x')] },
  ]),
  ...on('custom', [
    { name: 'FOO', steps: [request('FOO', '/', [])] },
    { name: 'with odd characters', steps: [request("A!#$%&'*+-.^_`|~9", '/', [])] },
  ]),
  ...on('chunked_length', [
    {
      name: 'both',
      steps: [`${request('POST', '/', ['Content-Length: 9', 'Transfer-Encoding: chunked'])}3\r\nabc\r\n0\r\n\r\n`],
    },
  ]),
]

const CASES = ['X-fOO-bar: 1', 'accept-Encoding: x', 'CONTENT-TYPE: a/b', 'x-foo-BAR: 2']
const headerCase: ParityCase[] = [
  ...['proper', 'preserve', 'preserve_reason', 'preserve_proper', 'plain'].flatMap((listener) =>
    on(listener, [
      { name: 'fields of the request', steps: [get('/', ...CASES)] },
      { name: 'fields of the request, upstream proper', steps: [get('/proper', ...CASES, 'x_y-z1a: 1', '-a--b-: 1')] },
      { name: 'fields of the request, upstream preserve', steps: [get('/preserve', ...CASES)] },
      {
        name: 'fields of the answer',
        steps: [get('/preserve')],
        reply: `HTTP/1.1 200 Quite Good\r\nX-uP: 1\r\nCONTENT-length: 2\r\nsErVer: me\r\n\r\nok`,
      },
      {
        name: 'fields of the answer, chunked',
        steps: [get('/preserve')],
        reply: 'HTTP/1.1 200 Odd\r\nX-uP: 1\r\nTRANSFER-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      },
      { name: 'a local reply', steps: [get('/direct')] },
      { name: 'a redirect', steps: [get('/redirect')] },
      {
        name: 'odd status without a known reason',
        steps: [get('/preserve')],
        reply: 'HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n',
      },
      { name: 'no Host', steps: ['GET http://b.test/preserve HTTP/1.1\r\n\r\n'] },
      { name: 'host written oddly', steps: ['GET /preserve HTTP/1.1\r\nhOST: b.test\r\n\r\n'] },
      { name: '103', steps: [get('/preserve')], reply: `HTTP/1.1 103 Hi\r\nLinK: x\r\n\r\n${OK}` },
    ]),
  ),
]

export const messagesSuite: ParitySuite = {
  name: 'messages',
  yaml,
  cases: [...bodiless, ...http10, ...pipelines, ...interim, ...trailers, ...tunnels, ...targets, ...headerCase],
}
