/** envoy.filters.http.grpc_web: binary and text, calls that fail, and answers that are no gRPC. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpFilter, httpListener, routes } from '../yaml.ts'
import {
  answer,
  call,
  downstreamTrailers,
  frame,
  grpcAnswer,
  grpcCall,
  post,
  trailersOnly,
  upstreamTrailers,
} from './grpc_messages.ts'

const BINARY = 'application/grpc-web'
const TEXT = 'application/grpc-web-text'
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')

const table = routes(`
- { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "direct" } } }
- { match: { prefix: "/gone" }, route: { cluster: gone } }
- { match: { prefix: "/dead" }, route: { cluster: dead } }
- { match: { prefix: "/limited" }, route: { cluster: main, max_stream_duration: { grpc_timeout_header_max: 0.2s } } }
- { match: { prefix: "/" }, route: { cluster: main } }
`)

const listeners = [
  httpListener({
    name: 'main',
    filters: httpFilter('grpc_web', 'GrpcWeb'),
    virtualHosts: table,
    routeConfig: 'validate_clusters: false',
    logFormat:
      '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% grpc=%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER% type=%REQ(content-type)% %RESP(content-type)% %TRAILER(grpc-status)% tx=%BYTES_SENT% rx=%BYTES_RECEIVED%',
  }),
  httpListener({
    name: 'trailers',
    hcm: downstreamTrailers,
    filters: httpFilter('grpc_web', 'GrpcWeb'),
    virtualHosts: table,
    routeConfig: 'validate_clusters: false',
  }),
  httpListener({
    name: 'small',
    listener: 'per_connection_buffer_limit_bytes: 64',
    filters: httpFilter('grpc_web', 'GrpcWeb'),
    virtualHosts: table,
    routeConfig: 'validate_clusters: false',
  }),
  httpListener({
    name: 'both',
    filters: `${httpFilter('grpc_web', 'GrpcWeb')}\n${httpFilter('cors', 'Cors')}\n${httpFilter('grpc_stats', 'FilterConfig', 'stats_for_all_methods: true, emit_filter_state: true')}`,
    virtualHosts: `
- name: all
  domains: ["*"]
  typed_per_filter_config:
    envoy.filters.http.cors:
      "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
      allow_origin_string_match: [ { prefix: "http://" } ]
      allow_methods: POST
      allow_headers: x-grpc-web,content-type
      expose_headers: grpc-status,grpc-message
  routes:
  - { match: { prefix: "/" }, route: { cluster: main } }
`,
    logFormat:
      '%RESPONSE_CODE% %FILTER_STATE(envoy.filters.http.grpc_stats)% %FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)%',
  }),
]

const STATS = '^cluster\\.(main|dead)\\.(grpc|upstream_rq)'
const one = (
  name: string,
  step: string | readonly string[],
  reply?: string,
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `grpc web: ${name}`,
  steps: typeof step === 'string' ? [step] : step.flatMap((text) => [{ quietMs: 30 }, text]),
  stats: STATS,
  ...(reply === undefined ? {} : { reply }),
  ...more,
})

const PATH = '/pkg.Service/Method'
const binary = (path = PATH, ...fields: string[]) => post(path, BINARY, frame('hello'), 'x-grpc-web: 1', ...fields)
const textual = (body = base64(frame('hello')), ...fields: string[]) =>
  post(PATH, TEXT, body, `accept: ${TEXT}`, ...fields)
const FINE = grpcAnswer(['one', 'two'], 0, 'x-t: v')
const types = [
  BINARY,
  `${BINARY}+proto`,
  TEXT,
  `${TEXT}+proto`,
  `${BINARY}+json`,
  `${BINARY}; charset=utf-8`,
  'application/GRPC-web',
  'application/grpc',
  'application/grpc+proto',
  'application/json',
]
const accepts = [BINARY, TEXT, `${TEXT}+proto`, `${TEXT}, ${BINARY}`, '*/*']
const encoded = base64(frame('hello'))
const chunked = (parts: readonly string[], ...fields: string[]) => call(PATH, TEXT, parts, ...fields)
const head =
  'POST /pkg.Service/Method HTTP/1.1\r\nhost: a.test\r\ncontent-type: application/grpc-web-text\r\ntransfer-encoding: chunked\r\n\r\n'

export const grpcWebSuite: ParitySuite = {
  name: 'grpc web',
  yaml: bootstrap(listeners, [cluster('main', http1Options(upstreamTrailers)), cluster('dead', '', '1')]),
  cases: [
    ...types.map((type) =>
      one(`request type ${type}`, post(PATH, type, type.includes('text') ? encoded : frame('hello')), FINE),
    ),
    ...accepts.map((accept) => one(`accept ${accept}`, post(PATH, BINARY, frame('hello'), `accept: ${accept}`), FINE)),
    one('te and grpc-accept-encoding given', binary(PATH, 'te: gzip', 'grpc-accept-encoding: gzip,identity'), FINE),
    one('x-grpc-web alone makes no call', get(PATH, 'x-grpc-web: 1'), FINE),
    one('GET', get(PATH, `content-type: ${BINARY}`), FINE),
    one('no body', post(PATH, BINARY, ''), FINE),
    one('no body, text', post(PATH, TEXT, ''), FINE),
    one('path without method', binary('/only'), FINE),
    one('path with query', binary(`${PATH}?a=b`), FINE),
    one('path of three parts', binary('/a/b/c'), FINE),
    one('path with empty parts', binary('//svc//m/'), FINE),
    one('grpc-timeout', binary(PATH, 'grpc-timeout: 5S'), FINE),
    ...['50m', '5S'].map((timeout) =>
      one(`grpc-timeout ${timeout} over`, [], undefined, {
        steps: [binary('/limited/x', `grpc-timeout: ${timeout}`), { waitFor: '\r\n\r\n' }],
        reply: [],
      }),
    ),
    one('failed call', binary(), grpcAnswer([], 5, 'grpc-message: not%20found')),
    one('failed call after a message', binary(), grpcAnswer(['part'], 13, 'grpc-message: x')),
    one('odd status', binary(), grpcAnswer([], 99)),
    one('trailers only', binary(), trailersOnly('grpc-status: 7', 'grpc-message: no')),
    one('trailers only, text', textual(), trailersOnly('grpc-status: 7', 'grpc-message: no')),
    one('trailers only, status 0', binary(), trailersOnly('grpc-status: 0')),
    one(
      'many trailers',
      binary(),
      answer([frame('m')], {
        trailers: ['grpc-status: 0', 'X-Upper: A', 'x-empty:', 'x-twice: 1', 'x-twice: 2', 'x-bin: AAEC'],
      }),
    ),
    one('no trailers', binary(), answer([frame('m')])),
    one('no trailers, text', textual(), answer([frame('m')])),
    one('empty body and trailers', binary(), grpcAnswer([])),
    one('empty body and trailers, text', textual(), grpcAnswer([])),
    one('text in both directions', textual(), FINE),
    one(
      'text, frames joined in one chunk',
      textual(),
      answer([frame('a') + frame('bb') + frame('ccc')], { trailers: ['grpc-status: 0'] }),
    ),
    one('text, empty message', textual(), grpcAnswer([''])),
    one('text, compressed flag', textual(), answer([frame('z', 1)], { trailers: ['grpc-status: 0'] })),
    one('text, binary answer asked for', post(PATH, TEXT, encoded, `accept: ${BINARY}`), FINE),
    one('text, chunks of one group each', chunked(encoded.match(/.{4}/g) ?? [], `accept: ${TEXT}`), FINE),
    one('text, chunks that cut groups', chunked([encoded.slice(0, 3), encoded.slice(3, 9), encoded.slice(9)]), FINE),
    one(
      'text, pieces that cut groups',
      [
        head,
        `3\r\n${encoded.slice(0, 3)}\r\n`,
        `6\r\n${encoded.slice(3, 9)}\r\n`,
        `7\r\n${encoded.slice(9)}\r\n0\r\n\r\n`,
      ],
      FINE,
    ),
    one('text, a character at a time', [head, ...[...encoded].map((c) => `1\r\n${c}\r\n`), '0\r\n\r\n'], FINE),
    one('text, bad size', textual(encoded.slice(0, -1)), FINE),
    one('text, bad characters', textual('!!!!'), FINE),
    one('text, bad size of bad characters', textual('!!!'), FINE),
    one('text, padding in the middle', textual('AA==AAAA'), FINE),
    one('text, padding alone', textual('===='), FINE),
    one('text, url-safe alphabet', textual('__-_'), FINE),
    one('text, two padded frames', textual(base64(frame('abcd')) + base64(frame('abcd'))), FINE),
    one('text, stray bits', textual('AAAAAAE='), FINE),
    one('text, stray bits that are set', textual('AAAAAAF='), FINE),
    one('text, line break', textual(`${encoded.slice(0, 8)}\r\n${encoded.slice(8)}`), FINE),
    one('text, bad in pieces', [head, '4\r\nAAAA\r\n', '4\r\n!!!!\r\n', '0\r\n\r\n'], FINE),
    one('text, bad at the end', [head, '4\r\nAAAA\r\n', '2\r\nAA\r\n', '0\r\n\r\n'], FINE),
    one('plain 200', binary(), response(200, 'oops', 'content-type: text/plain')),
    one('plain 200, text', textual(), response(200, 'oops', 'content-type: text/plain')),
    one('plain 404', binary(), response(404, 'not %here\n\x80', 'content-type: text/html')),
    one('plain 500 without body', binary(), response(500, '')),
    one('plain 200 without body', binary(), response(200, '')),
    one('plain 503 in chunks', binary(), answer(['one', 'two', 'three'], { status: 503, contentType: 'text/plain' })),
    one('plain 503 in pieces', binary(), undefined, {
      reply: [
        'HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n',
        { pauseMs: 30 },
        '3\r\ntwo\r\n',
        { pauseMs: 30 },
        '0\r\n\r\n',
      ],
    }),
    one(
      'plain 429 with trailers',
      binary(),
      answer(['slow'], { status: 429, contentType: 'text/plain', trailers: ['x-t: 1'] }),
    ),
    one('grpc 503', binary(), answer([frame('m')], { status: 503, trailers: ['grpc-status: 0'] })),
    one(
      'long plain answer',
      binary(),
      answer(['a'.repeat(9000), 'b'.repeat(9000), 'c'.repeat(9000)], { status: 500, contentType: 'text/plain' }),
    ),
    one('204', binary(), 'HTTP/1.1 204 X\r\n\r\n'),
    one('grpc web from upstream', binary(), response(200, frame('m'), `content-type: ${BINARY}`)),
    one(
      'grpc web from upstream, with parameters',
      binary(),
      response(200, frame('m'), `content-type: ${BINARY}+proto ; a=b`),
    ),
    one('grpc web from upstream, 500', binary(), response(500, frame('m'), `content-type: ${BINARY}`)),
    one('grpc with a length', binary(), response(200, frame('m'), 'content-type: application/grpc')),
    one(
      'grpc+proto from upstream',
      binary(),
      answer([frame('m')], { contentType: 'application/grpc+proto', trailers: ['grpc-status: 0'] }),
    ),
    one('reset before the answer', binary(), undefined, { reply: [{ reset: true }] }),
    one('reset in the answer', binary(), undefined, {
      reply: [
        'HTTP/1.1 200 X\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n',
        { pauseMs: 30 },
        { reset: true },
      ],
    }),
    one('no route', post('/gone/x', BINARY, frame('m'))),
    one('no host', post('/dead/x', BINARY, frame('m'))),
    one('no host, text', post('/dead/x', TEXT, encoded, `accept: ${TEXT}`)),
    one('no host, plain grpc', post('/dead/x', 'application/grpc', frame('m'))),
    one('direct response', post('/direct', BINARY, frame('m'))),
    one('direct response, plain grpc', post('/direct', 'application/grpc', frame('m'))),
    one('no such cluster', post('/gone', BINARY, frame('m'))),
    one('trailers where they are passed on', binary(), FINE, { listener: 'trailers' }),
    one('request with trailers', `${call(PATH, BINARY, [frame('m')]).slice(0, -2)}x-rt: 1\r\n\r\n`, FINE, {
      listener: 'trailers',
    }),
    one('text request with trailers', `${call(PATH, TEXT, [encoded.slice(0, 9)]).slice(0, -2)}x-rt: 1\r\n\r\n`, FINE, {
      listener: 'trailers',
    }),
    one('plain grpc passes', grpcCall(PATH, 'm'), FINE, { listener: 'trailers' }),
    one(
      'small buffers, plain answer',
      binary(),
      answer(['x'.repeat(200)], { status: 500, contentType: 'text/plain' }),
      { listener: 'small' },
    ),
    one('with cors and stats', binary(PATH, 'origin: http://page.test'), FINE, { listener: 'both' }),
    one('with cors and stats, failed', binary(PATH, 'origin: http://page.test'), grpcAnswer([], 3), {
      listener: 'both',
    }),
    one(
      'with cors, preflight',
      `OPTIONS ${PATH} HTTP/1.1\r\nhost: a.test\r\norigin: http://page.test\r\naccess-control-request-method: POST\r\naccess-control-request-headers: x-grpc-web\r\n\r\n`,
      FINE,
      { listener: 'both' },
    ),
    one('two calls on one connection', `${binary()}${textual()}`, undefined, {
      replies: [[FINE], [FINE]],
      logLines: 2,
    }),
  ],
}
