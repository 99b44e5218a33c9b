/** Clusters that leave the protocol to ALPN, and HTTP/2 clients whose backends bound streams and windows. */
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { Http2ReplyStep } from '../../support/http2_backend.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post, request } from '../requests.ts'
import { bootstrap, cluster, HTTP_LOG, http1Options, httpListener, routes } from '../yaml.ts'
import { data, headers, hello, post as postFields, pseudo, rst, settings, windowUpdate } from './frames.ts'

const ca = new CertificateAuthority()
export const removeCertificates = (): void => ca.remove()
const { cert, key } = ca.issue({ name: 'a', altNames: ['DNS:a.test'] })

/** Envoy counts a connection that agrees on its protocol twice in `upstream_cx_total`, which is left out. */
const STATS =
  '^cluster\\.\\w+\\.(upstream_rq_(total|200|503|502|cancelled|pending)|upstream_cx_(http|connect|overflow)|http2|ssl)'
const LOG = `${HTTP_LOG} upstream=%UPSTREAM_PROTOCOL%`
const socket = `
transport_socket:
  name: tls
  typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: a.test }`
const auto = (name: string, backend: string, more = ''): string =>
  cluster(
    name,
    `${http1Options(`auto_config: { http2_protocol_options: {} }\n${more}`)}\n${socket}`,
    `{{backend:${backend}}}`,
  )
const explicit = (name: string, options = ''): string =>
  cluster(name, http1Options(`explicit_http_config: { http2_protocol_options: { ${options} } }`), '{{backend:plain2}}')

const protocols = ['http1', 'http2', 'either', 'none'] as const

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      logFormat: LOG,
      statPrefix: 'main',
      hcm: 'upgrade_configs: [ { upgrade_type: websocket } ]\nhttp2_protocol_options: { allow_connect: true }',
      virtualHosts: routes(`
${protocols.map((name) => `- { match: { prefix: "/${name}" }, route: { cluster: ${name} } }`).join('\n')}
- { match: { prefix: "/one_request" }, route: { cluster: one_request } }
- { match: { prefix: "/one_stream" }, route: { cluster: one_stream } }
- { match: { prefix: "/timeout" }, route: { cluster: bounded, timeout: 0.1s } }
- { match: { prefix: "/bounded" }, route: { cluster: bounded } }
`),
    }),
  ],
  [
    ...protocols.map((name) => auto(name, name)),
    auto('one_request', 'http2', 'common_http_protocol_options: { max_requests_per_connection: 1 }'),
    explicit('bounded'),
    explicit('one_stream', 'max_concurrent_streams: 1'),
  ],
)

type More = Partial<Omit<ParityCase, 'name'>>
const normalize: ParityCase['normalize'] = [[/(rq-timeout-ms: )(15000|<remaining>)/g, '$1<ms>']]
const one = (name: string, text: string, more: More = {}): ParityCase => {
  return { name: `auto: ${name}`, stats: STATS, normalize, steps: [text, { waitFor: '\r\n\r\n' }], ...more }
}

/** A request on each kind of backend. */
const onEach = (name: string, make: (path: string) => ParityCase): ParityCase[] =>
  protocols.map((protocol) => ({ ...make(`/${protocol}`), name: `auto: ${name}, ${protocol}` }))
const again = (path: string): More => ({
  steps: [get(path), { waitCount: ['ok', 1] }, get(path), { waitCount: ['ok', 2] }],
  logLines: 2,
})
const websocket = (path: string) =>
  get(path, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x')
const streams = (path: string, count: number): string =>
  Array.from({ length: count }, (_, i) => headers(1 + 2 * i, pseudo('GET', path))).join('')

const ok: readonly Http2ReplyStep[] = [{ headers: { ':status': 200 } }, { data: 'ok', end: true }]
/** All connections are made before the first is free again. */
const slowly = [{ pauseMs: 150 }, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok']

const negotiated: ParityCase[] = [
  ...onEach('get', (path) => one('', get(path))),
  ...onEach('post', (path) => one('', post(path, 'hello'))),
  ...onEach('chunked post', (path) =>
    one('', `${request('POST', path, ['Transfer-Encoding: chunked'])}5\r\nhello\r\n0\r\n\r\n`),
  ),
  ...onEach('a second request', (path) => one('', '', again(path))),
  ...onEach('streams at a time', (path) =>
    one('', '', {
      frames: true,
      steps: [hello + streams(path, 3), { waitCount: ['DATA', 3] }],
      logLines: 3,
      reply: slowly,
      http2Replies: [[{ pauseMs: 150 }, ...ok]],
    }),
  ),
  ...onEach('websocket', (path) =>
    one('', '', {
      steps: [websocket(path), { waitFor: '\r\n\r\n' }],
      reply: 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno',
      http2Replies: [[{ headers: { ':status': 403 } }, { data: 'no', end: true }]],
    }),
  ),
  one('one request each connection', '', again('/one_request')),
]

const slow: readonly Http2ReplyStep[] = [{ pauseMs: 60 }, ...ok]
const large = 'y'.repeat(100_000)
const bounded = (name: string, steps: ParityCase['steps'], more: More = {}): ParityCase =>
  one(`h2 to h2: ${name}`, '', { frames: true, http2Replies: [ok], ...more, steps: [hello, ...steps] })

const between: ParityCase[] = [
  bounded('more streams than the backend takes', [streams('/bounded', 5), { waitCount: ['DATA', 5] }], {
    logLines: 5,
    http2Replies: [slow],
  }),
  bounded('one stream at a time', [streams('/one_stream', 3), { waitCount: ['DATA', 3] }], {
    logLines: 3,
    http2Replies: [slow],
  }),
  ...[0, 1, 2, 7, 8, 11].map((code) =>
    bounded(`the client resets with ${code}`, [
      headers(1, pseudo('POST', '/bounded'), 'goesOn'),
      { waitBackend: 'POST' },
      rst(1, code),
      { waitBackend: 'reset' },
    ]),
  ),
  ...[0, 1, 2, 7, 8, 11].map((code) =>
    bounded(`the backend resets with ${code}`, [headers(1, pseudo('GET', '/bounded')), { waitFor: 'stream 1' }], {
      http2Replies: [[{ rst: code }]],
    }),
  ),
  ...[0, 2, 8].map((code) =>
    bounded(
      `the backend resets with ${code} behind a head`,
      [headers(1, pseudo('GET', '/bounded')), { waitFor: 'RST' }],
      {
        http2Replies: [[{ headers: { ':status': 200 } }, { data: 'x' }, { rst: code }]],
      },
    ),
  ),
  bounded(
    'the backend leaves',
    [
      headers(1, pseudo('GET', '/bounded')),
      { waitFor: 'DATA' },
      headers(3, pseudo('GET', '/bounded')),
      { waitCount: ['DATA', 2] },
    ],
    {
      logLines: 2,
      http2Replies: [[{ goAway: 0 }, ...ok], ok],
    },
  ),
  bounded('the backend is lost', [streams('/bounded', 2), { waitCount: ['HEADERS', 2] }], {
    logLines: 2,
    http2Replies: [[{ destroy: true }]],
  }),
  bounded(
    'a client that reads slowly',
    [
      settings([4, 1000]),
      headers(1, pseudo('GET', '/bounded')),
      { waitFor: 'HEADERS' },
      { quietMs: 50 },
      settings([4, 1 << 20]) + windowUpdate(0, 1 << 20),
      { waitFor: 'end' },
    ],
    { http2Replies: [[{ headers: { ':status': 200 } }, { data: large, end: true }]] },
  ),
  bounded('a backend that reads slowly', [
    headers(
      1,
      [...postFields(['content-length', '60000'])].map(
        ([name, value]) => [name, name === ':path' ? '/bounded' : value] as const,
      ),
      'goesOn',
    ),
    Array.from({ length: 6 }, () => data(1, 'z'.repeat(10_000), 'goesOn')).join(''),
    data(1, ''),
    { waitFor: 'end' },
  ]),
  bounded('a timeout', [headers(1, pseudo('GET', '/timeout')), { waitFor: 'end' }], {
    http2Replies: [[{ pauseMs: 300 }]],
  }),
  bounded('trailers alone', [headers(1, pseudo('GET', '/bounded')), { waitFor: 'x-t' }], {
    http2Replies: [[{ headers: { ':status': 200 } }, { trailers: { 'x-t': '1' } }]],
  }),
]

export const autoSuite: ParitySuite = {
  name: 'HTTP by ALPN',
  yaml,
  backends: ['http1', 'none'],
  http2Backends: ['http2', 'either', 'plain2'],
  http2Settings: { maxConcurrentStreams: 2, initialWindowSize: 20_000 },
  tlsBackends: {
    http1: { cert, key, ALPNProtocols: ['http/1.1'] },
    none: { cert, key },
    http2: { cert, key, ALPNProtocols: ['h2'] },
    either: { cert, key, ALPNProtocols: ['h2', 'http/1.1'] },
  },
  cases: [...negotiated, ...between],
}
