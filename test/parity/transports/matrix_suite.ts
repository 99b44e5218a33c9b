/** What must hold whatever the client and the backend speak: written in HTTP/1, run over all transports. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { chunkedResponse, get, head, OK, post, request, response } from '../requests.ts'
import { bootstrap, cluster, HTTP_LOG, httpListener, routes } from '../yaml.ts'

/** How much a connection has read and which of its errors come first is each protocol's own matter. */
const STATS = '^(cluster\\.main\\.(upstream_rq|retry)|http\\.main\\.(downstream_rq|rq_))'
const LOG =
  `${HTTP_LOG} upstream=%UPSTREAM_PROTOCOL% trailer=%TRAILER(X-T)% scheme=%REQ(:SCHEME)% method=%REQ(:METHOD)% ` +
  'sni=%REQUESTED_SERVER_NAME% tls=%DOWNSTREAM_TLS_VERSION%'
const FAST = 'retry_back_off: { base_interval: 0.001s, max_interval: 0.002s }'

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      logFormat: LOG,
      routeConfig: 'validate_clusters: false',
      hcm: `
http_protocol_options: { enable_trailers: true }
http2_protocol_options: { allow_connect: true }
proxy_100_continue: true
stream_idle_timeout: 5s
upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: CONNECT } ]`,
      virtualHosts: routes(`
- { match: { connect_matcher: {} }, route: { cluster: main } }
- { match: { prefix: "/direct" }, direct_response: { status: 418, body: { inline_string: "short" } } }
- { match: { prefix: "/redirect" }, redirect: { path_redirect: "/new" } }
- { match: { prefix: "/nowhere" }, route: { cluster: nowhere } }
- { match: { prefix: "/refused" }, route: { cluster: refused } }
- { match: { prefix: "/timeout" }, route: { cluster: main, timeout: 0.1s } }
- { match: { prefix: "/idle" }, route: { cluster: main, timeout: 0s, idle_timeout: 0.1s } }
- { match: { prefix: "/retry" }, route: { cluster: main, retry_policy: { retry_on: "5xx,reset", num_retries: 1, ${FAST} } } }
- { match: { prefix: "/changed" }, route: { cluster: main, prefix_rewrite: "/other", host_rewrite_literal: b.test }, request_headers_to_add: [ { header: { key: x-scheme, value: "%REQ(:SCHEME)% %PROTOCOL%" } } ], response_headers_to_add: [ { header: { key: x-code, value: "%RESPONSE_CODE% %UPSTREAM_PROTOCOL%" } } ] }
- { match: { prefix: "/" }, route: { cluster: main } }
`),
    }),
  ],
  [cluster('main'), cluster('refused', '', '1')],
)

type More = Partial<Omit<ParityCase, 'name'>>

function one(name: string, text: string, more: More = {}): ParityCase {
  const normalize: ParityCase['normalize'] = [[/(rq-timeout-ms: )(15000|<remaining>)/g, '$1<ms>']]
  return { name, stats: STATS, normalize, steps: [text, { waitFor: '\r\n\r\n' }], ...more }
}

const chunked = (body: string): string => `${request('POST', '/', ['Transfer-Encoding: chunked'])}${body}`
const websocket = get(
  '/',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: x',
)
const switching = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'
const large = 'x'.repeat(200_000)

export const matrixSuite: ParitySuite = {
  name: 'matrix',
  yaml,
  cases: [
    one('get', get('/')),
    one('head', head('/'), { reply: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n' }),
    one('post', post('/', 'hello')),
    one('empty post', post('/', '')),
    one('chunked post', chunked('5\r\nhello\r\n0\r\n\r\n')),
    one('request trailers', chunked('5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n')),
    one('response trailers', get('/'), {
      reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n',
      steps: [get('/', 'TE: trailers'), { waitFor: 'x-t: 1' }],
    }),
    one('chunked response', get('/'), { reply: chunkedResponse('hello', ' again') }),
    one('no content', get('/'), { reply: 'HTTP/1.1 204 No Content\r\n\r\n' }),
    one('not modified', get('/'), { reply: 'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n' }),
    one('large bodies', post('/', large), {
      reply: response(200, large),
      steps: [post('/', large), { waitFor: '\r\n\r\n' }, { quietMs: 200 }],
    }),
    one('fields', get('/', 'Cookie: a=1', 'Accept: a', 'Accept: b', 'X-A: 1', 'X-A: 2', 'X-Empty:'), {
      reply: response(200, 'ok', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-A: 1', 'X-A: 2', 'Server: backend'),
    }),
    one(
      'forwarded fields',
      get('/', 'X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https', 'X-Request-Id: id', 'Via: x'),
    ),
    one('several requests', '', {
      steps: [
        get('/a'),
        { waitCount: ['ok', 1] },
        post('/b', 'hello'),
        { waitCount: ['ok', 2] },
        get('/c'),
        { waitCount: ['ok', 3] },
      ],
      logLines: 3,
    }),
    one('early hints', get('/'), {
      reply: `HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n${OK}`,
      steps: [get('/'), { waitFor: 'ok' }],
    }),
    one('processing, a row', get('/'), {
      reply: `HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nlink: a\r\n\r\n${OK}`,
      steps: [get('/'), { waitFor: 'ok' }],
    }),
    one('continue', '', {
      replyAt: 'head',
      reply: ['HTTP/1.1 100 Continue\r\n\r\n', { waitFor: 'hello' }, OK],
      steps: [post('/', 'hello', 'Expect: 100-continue'), { waitFor: 'ok' }],
    }),
    one('direct response', post('/direct', 'hello')),
    one('redirect', get('/redirect')),
    one('no cluster', get('/nowhere')),
    one('refused connection', get('/refused')),
    one('header changes', get('/changed')),
    one('timeout', get('/timeout'), { reply: [{ pauseMs: 400 }] }),
    one('timeout within a body', get('/timeout'), {
      replyAt: 'head',
      reply: [{ pauseMs: 400 }],
      steps: [post('/timeout', 'hello'), { waitFor: '\r\n\r\n' }],
    }),
    one('idle timeout', get('/idle'), { reply: [{ pauseMs: 400 }] }),
    one('reset by the backend', get('/'), { reply: [{ reset: true }] }),
    one('retried reset', get('/retry'), { replies: [[{ reset: true }], [OK]] }),
    one('retried 503', post('/retry', 'hello'), { replies: [[response(503, 'no')], [OK]] }),
    one('retries used up', get('/retry'), { replies: [[response(503, 'no')]] }),
    one('closing backend', get('/'), { reply: [OK, { finish: true }] }),
    one('reset by the client', '', {
      steps: [get('/'), { waitBackend: 'GET' }, { reset: true }],
      reply: [{ pauseMs: 100 }],
      // A TLS socket ends without a word.
      stats: '^cluster\\.main\\.upstream_rq_(total|cancelled)',
    }),
    one('websocket', '', {
      reply: switching,
      steps: [websocket, { waitFor: '\r\n\r\n' }, 'hello', { waitFor: 'hello' }, 'again', { waitFor: 'again' }],
    }),
    one('websocket refused', websocket, { reply: response(403, 'no') }),
    one('connect', '', {
      reply: 'HTTP/1.1 200 OK\r\n\r\n',
      steps: [
        'CONNECT b.test:80 HTTP/1.1\r\nHost: b.test:80\r\n\r\n',
        { waitFor: '\r\n\r\n' },
        'hello',
        { waitFor: 'hello' },
      ],
    }),
    one('connect refused', 'CONNECT b.test:80 HTTP/1.1\r\nHost: b.test:80\r\n\r\n', { reply: response(403, 'no') }),
    one(
      'grpc-like',
      `${request('POST', '/s/m', ['Content-Type: application/grpc', 'TE: trailers', 'Content-Length: 5'])}\0\0\0\0\0`,
      {
        reply:
          'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 0\r\n\r\n',
      },
    ),
    one(
      'grpc-like, no cluster',
      `${request('POST', '/nowhere', ['Content-Type: application/grpc', 'TE: trailers', 'Content-Length: 5'])}\0\0\0\0\0`,
    ),
  ],
}
