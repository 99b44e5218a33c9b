/** TCP in HTTP: CONNECT and POST towards HTTP/1 and HTTP/2, what opens a tunnel, what refuses it, and how it ends. */
import type { Http2ReplyStep } from '../../support/http2_backend.ts'
import type { ParityCase, ParitySuite, ReplyStep, Step } from '../case.ts'
import { bootstrap, cluster, http1Options } from '../yaml.ts'
import { listener, tcpProxy } from './l4_yaml.ts'

const LOG =
  'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% flags=%RESPONSE_FLAGS% code=%RESPONSE_CODE% host=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% ' +
  'attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% fail=%UPSTREAM_TRANSPORT_FAILURE_REASON% protocol=%UPSTREAM_PROTOCOL% ' +
  'wire=%UPSTREAM_WIRE_BYTES_SENT%/%UPSTREAM_WIRE_BYTES_RECEIVED% head=%UPSTREAM_HEADER_BYTES_SENT%/%UPSTREAM_HEADER_BYTES_RECEIVED% ' +
  'headers=%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers)% plain=%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers:PLAIN)% ' +
  'trailers=%FILTER_STATE(envoy.tcp_proxy.propagate_response_trailers)% end=%CONNECTION_TERMINATION_DETAILS% ' +
  'reason=%DOWNSTREAM_LOCAL_CLOSE_REASON% closed=%DOWNSTREAM_DETECTED_CLOSE_TYPE%/%UPSTREAM_DETECTED_CLOSE_TYPE% ' +
  'local=%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% remote=%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'
const STATS = '^(tcp|cluster)\\.'

const FORMATTED = `
hostname: "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%:7"
headers_to_add:
- { header: { key: X-Client, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" } }
- { header: { key: x-b, value: b } }
- { header: { key: x-b, value: c } }
- { header: { key: x-none, value: "%REQ(:authority)%" } }
- { header: { key: x-known, value: "%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %RESPONSE_CODE% %UPSTREAM_REQUEST_ATTEMPT_COUNT%" } }
`
const tunnelings: Record<string, string> = {
  connect: 'hostname: "host.test:443"',
  post: 'hostname: "host.test:443"\nuse_post: true',
  post_path: 'hostname: "host.test:443"\nuse_post: true\npost_path: /a/b?c',
  formatted: FORMATTED,
  absent: 'hostname: "%REQ(:authority)%"',
  kept: 'hostname: host.test\npropagate_response_headers: true\npropagate_response_trailers: true',
}

const tunneled = (name: string, to: string, fields: string, more = '') =>
  listener(
    name,
    tcpProxy(`cluster: ${to}\n${more}\ntunneling_config:\n  ${fields.trim().replaceAll('\n', '\n  ')}`, name, LOG),
  )

const http2 = http1Options('explicit_http_config: { http2_protocol_options: {} }')
const yaml = bootstrap(
  [
    ...Object.entries(tunnelings).flatMap(([name, fields]) => [
      tunneled(`${name}_1`, 'main', fields),
      tunneled(`${name}_2`, 'h2', fields),
    ]),
    tunneled('main', 'main', tunnelings['connect'], 'max_connect_attempts: 3'),
    tunneled('retried_2', 'h2', tunnelings['connect'], 'max_connect_attempts: 2'),
    tunneled('refused', 'refused', tunnelings['connect'], 'max_connect_attempts: 2'),
    tunneled('refused_2', 'refused_2', tunnelings['connect']),
    tunneled('missing', 'missing', tunnelings['connect']),
    tunneled('none', 'none', tunnelings['connect']),
    tunneled('full', 'full', tunnelings['connect']),
    tunneled('idle', 'main', tunnelings['connect'], 'idle_timeout: 0.1s'),
    tunneled('connected', 'main', tunnelings['kept'], 'access_log_options: { flush_access_log_on_connected: true }'),
  ],
  [
    cluster('main'),
    cluster('h2', http2),
    cluster('refused', '', '1'),
    cluster('refused_2', http2, '1'),
    '- { name: none, type: STATIC }',
    cluster(
      'full',
      'circuit_breakers: { thresholds: [ { max_pending_requests: 0, max_connections: 0 } ] }',
      '{{backend:main}}',
    ),
  ],
)

const OK = 'HTTP/1.1 200 OK\r\nx-answer: a\r\n\r\n'
const PING: readonly Step[] = ['ping', { waitFor: 'echo(ping)' }]

const one = (
  name: string,
  to: string,
  reply: string | readonly ReplyStep[],
  steps: readonly Step[],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `tunneling: ${name}`,
  listener: to,
  steps,
  reply: typeof reply === 'string' ? [reply] : reply,
  replyAt: 'head',
  stats: STATS,
  ...more,
})

const two = (
  name: string,
  to: string,
  replies: readonly Http2ReplyStep[],
  steps: readonly Step[],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `tunneling over HTTP/2: ${name}`,
  listener: to,
  steps,
  http2Replies: [replies],
  replyAt: 'head',
  stats: STATS,
  ...more,
})

const status = (code: number, end = false): Http2ReplyStep => {
  const headers = { ':status': code, 'x-answer': 'a' }
  return end ? { headers, end: true } : { headers }
}
const closed: Step = { waitClosed: true }
const halfClose: Step = { halfClose: true }

export const tunnelingSuite: ParitySuite = {
  name: 'tunneling',
  yaml,
  backends: ['main'],
  http2Backends: ['h2'],
  cases: [
    ...Object.keys(tunnelings)
      .filter((name) => !name.startsWith('post'))
      .map((name) => one(name, `${name}_1`, OK, PING)),
    one('the client ends', 'connect_1', OK, [...PING, halfClose, closed]),
    one('the client ends at once', 'connect_1', OK, [halfClose, closed]),
    one('the client resets', 'connect_1', OK, [...PING, { reset: true }]),
    one('the backend ends', 'connect_1', [OK, 'bye', { finish: true }], [closed]),
    one('the backend resets', 'connect_1', [OK, { pauseMs: 20 }, { reset: true }], [closed]),
    one('the backend resets unanswered', 'connect_1', [{ reset: true }], [closed]),
    one('the backend ends unanswered', 'connect_1', [{ finish: true }], [closed]),
    one('no HTTP', 'connect_1', 'garbage\r\n\r\n', [closed]),
    one('201', 'connect_1', 'HTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\n', PING),
    one('204', 'connect_1', 'HTTP/1.1 204 No Content\r\n\r\n', PING),
    one('100 first', 'connect_1', `HTTP/1.1 100 Continue\r\n\r\n${OK}`, PING),
    one('403', 'connect_1', 'HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno', [closed]),
    one('302', 'connect_1', 'HTTP/1.1 302 No\r\ncontent-length: 0\r\n\r\n', [closed]),
    one('503, headers kept', 'kept_1', 'HTTP/1.1 503 No\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 0\r\n\r\n', [closed]),
    one('503, tried again', 'main', 'HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n', [closed]),
    one('503, then 200', 'main', OK, PING, {
      replies: [['HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'], [OK]],
    }),
    one('payload with the answer', 'connect_1', `${OK}early`, [{ waitFor: 'early' }]),
    one('refused', 'refused', OK, [closed]),
    one('missing cluster', 'missing', OK, [closed]),
    one('no host', 'none', OK, [closed]),
    one('no room', 'full', OK, [closed]),
    one('idle', 'idle', OK, [...PING, closed]),
    one('logged when connected', 'connected', OK, PING, { logLines: 2 }),
    one('POST', 'post_1', [OK, { waitFor: 'hello' }, 'bye'], ['hello', { waitFor: 'bye' }, { waitBackend: 'hello' }]),
    one('POST to a path', 'post_path_1', [OK, { waitFor: 'hello' }, 'bye'], ['hello', { waitFor: 'bye' }]),
    one('POST, the client ends', 'post_1', [OK], ['hello', { waitBackend: 'hello' }, halfClose, closed]),
    one('POST, refused', 'post_1', 'HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n', [closed]),
    ...Object.keys(tunnelings).map((name) =>
      two(name, `${name}_2`, [status(200), { echo: true }], ['ping', { waitFor: 'ping' }]),
    ),
    two('the client ends', 'connect_2', [status(200), { echo: true }], ['ping', { waitFor: 'p' }, halfClose, closed]),
    two(
      'the client ends, the backend goes on',
      'connect_2',
      [status(200), { waitFor: 'ping' }, { data: 'p' }, { pauseMs: 30 }, { data: 'bye', end: true }],
      ['ping', { waitFor: 'p' }, halfClose, closed],
    ),
    two(
      'the client resets',
      'connect_2',
      [status(200), { echo: true }],
      ['ping', { waitFor: 'ping' }, { reset: true }],
    ),
    two('the backend ends first', 'connect_2', [status(200), { data: 'bye', end: true }], [{ waitFor: 'bye' }, closed]),
    two(
      'trailers',
      'kept_2',
      [status(200), { data: 'bye' }, { trailers: { 'x-trailer': 't' } }],
      [{ waitFor: 'bye' }, { quietMs: 20 }, halfClose, closed],
    ),
    two('the backend resets', 'connect_2', [status(200), { pauseMs: 20 }, { rst: 8 }], [closed]),
    two('the backend resets unanswered', 'connect_2', [{ rst: 8 }], [closed]),
    two('the backend refuses the stream', 'connect_2', [{ rst: 7 }], [closed]),
    two('the connection breaks', 'connect_2', [status(200), { pauseMs: 20 }, { destroy: true }], [closed]),
    two('200 that ends', 'connect_2', [status(200, true)], [closed]),
    two('201', 'connect_2', [status(201)], [closed, { waitBackend: 'reset' }]),
    two('403', 'connect_2', [status(403, true)], [closed]),
    two('403, tried again', 'retried_2', [status(403, true)], [closed]),
    two('refused', 'refused_2', [status(200)], [closed]),
  ],
}
