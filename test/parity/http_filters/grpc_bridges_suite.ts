/** grpc_http1_bridge, grpc_http1_reverse_bridge and connect_grpc_bridge. */
import type { ParityCase, ParitySuite, ReplyStep } from '../case.ts'
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

const PER_ROUTE =
  '"@type": type.googleapis.com/envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfigPerRoute'
const table = routes(`
- { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "direct" } } }
- { match: { prefix: "/dead" }, route: { cluster: dead } }
- { match: { prefix: "/re", headers: [ { name: ":method", string_match: { exact: POST } }, { name: content-type, string_match: { prefix: application/grpc } } ] }, route: { cluster: main }, request_headers_to_add: [ { header: { key: x-rerouted, value: "yes" } } ] }
- { match: { prefix: "/off" }, route: { cluster: main }, typed_per_filter_config: { envoy.filters.http.grpc_http1_reverse_bridge: { ${PER_ROUTE}, disabled: true } } }
- { match: { prefix: "/", headers: [ { name: accept, string_match: { exact: application/x-own } } ] }, route: { cluster: main }, request_headers_to_add: [ { header: { key: x-rerouted, value: "yes" } } ] }
- { match: { prefix: "/" }, route: { cluster: main } }
`)
const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% grpc=%GRPC_STATUS% type=%REQ(content-type)% tx=%BYTES_SENT% rx=%BYTES_RECEIVED% path=%REQ(:path)%'
const REVERSE = 'grpc_http1_reverse_bridge'
const listener = (name: string, filters: string, hcm = downstreamTrailers, more = '') =>
  httpListener({ name, filters, hcm, virtualHosts: table, logFormat: LOG, listener: more })

const listeners = [
  listener('bridge', httpFilter('grpc_http1_bridge', 'Config')),
  listener(
    'upgrade',
    httpFilter('grpc_http1_bridge', 'Config', 'upgrade_protobuf_to_grpc: true, ignore_query_parameters: true'),
  ),
  listener(
    'smallbridge',
    httpFilter('grpc_http1_bridge', 'Config', 'upgrade_protobuf_to_grpc: true'),
    '',
    'per_connection_buffer_limit_bytes: 64',
  ),
  listener('reverse', httpFilter(REVERSE, 'FilterConfig', 'content_type: application/x-own')),
  listener(
    'withhold',
    httpFilter(REVERSE, 'FilterConfig', 'content_type: application/x-own, withhold_grpc_frames: true'),
  ),
  listener(
    'sized',
    httpFilter(
      REVERSE,
      'FilterConfig',
      'content_type: application/x-own, withhold_grpc_frames: true, response_size_header: X-Size',
    ),
  ),
  listener('connect', httpFilter('connect_grpc_bridge', 'FilterConfig')),
  listener(
    'smallconnect',
    httpFilter('connect_grpc_bridge', 'FilterConfig'),
    '',
    'per_connection_buffer_limit_bytes: 64',
  ),
]

const STATS = '^cluster\\.(main|dead)\\.(grpc|upstream_rq_[1-5]|upstream_rq_total)|downstream_rq_[1-5]xx'
/** Envoy's order of a JSON object's members is that of a hash table. */
const MEMBER_ORDER: readonly [RegExp, string][] = [
  [/\{"message":("(?:[^"\\]|\\.)*"),"code":"([\w-]+)"\}/g, '{"code":"$2","message":$1}'],
  [/\{"metadata":(\{[^}]*\}),"error":(\{[^}]*\})\}/g, '{"error":$2,"metadata":$1}'],
]
const one = (
  at: string,
  name: string,
  step: string,
  reply?: string | readonly ReplyStep[],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `${at}: ${name}`,
  listener: at,
  steps: [step],
  stats: STATS,
  normalize: MEMBER_ORDER,
  ...(reply === undefined ? {} : { reply }),
  ...more,
})

const PATH = '/pkg.Service/Method'
const PROTO = 'application/x-protobuf'
const OWN = 'content-type: application/x-own'
const FINE = grpcAnswer(['one', 'two'], 0, 'x-t: v')
const UNARY = grpcAnswer(['one'], 0, 'x-t: v')

const bridge = ['bridge', 'upgrade'].flatMap((at) => [
  one(at, 'a call', grpcCall(`${PATH}?a=b`, 'hello'), UNARY),
  one(at, 'several messages', grpcCall(PATH, 'hello'), FINE),
  one(at, 'a call with a length', post(PATH, 'application/grpc', frame('hello')), UNARY),
  one(at, 'grpc+proto', post(PATH, 'application/grpc+proto', frame('hello')), UNARY),
  one(at, 'no body', post(PATH, 'application/grpc', ''), UNARY),
  one(at, 'failed', grpcCall(PATH, 'hello'), grpcAnswer([], 5, 'grpc-message: not%20there')),
  one(at, 'failed after a message', grpcCall(PATH, 'hello'), grpcAnswer(['m'], 14, 'grpc-message: gone')),
  one(at, 'status that is no number', grpcCall(PATH, 'hello'), answer([frame('m')], { trailers: ['grpc-status: x'] })),
  one(at, 'status 00', grpcCall(PATH, 'hello'), answer([frame('m')], { trailers: ['grpc-status: 00'] })),
  one(at, 'trailers without status', grpcCall(PATH, 'hello'), answer([frame('m')], { trailers: ['x-t: 1'] })),
  one(at, 'no trailers', grpcCall(PATH, 'hello'), answer([frame('m')])),
  one(at, 'answer with a length', grpcCall(PATH, 'hello'), response(200, frame('m'), 'content-type: application/grpc')),
  one(at, 'trailers only', grpcCall(PATH, 'hello'), trailersOnly('grpc-status: 7', 'grpc-message: no')),
  one(at, 'no grpc at all', grpcCall(PATH, 'hello'), response(404, 'no', 'content-type: text/plain')),
  one(at, 'empty answer', grpcCall(PATH, 'hello'), response(500, '')),
  one(at, 'no host', post('/dead', 'application/grpc', frame('hello'))),
  one(at, 'direct response', post('/direct', 'application/grpc', frame('hello'))),
  one(at, 'plain GET', get(`${PATH}?a=b`), response(200, 'ok')),
  one(at, 'protobuf', post(`${PATH}?a=b`, PROTO, 'hello'), UNARY),
  one(at, 'protobuf in chunks', call(PATH, PROTO, ['he', 'llo']), UNARY),
  one(at, 'protobuf without body', post(PATH, PROTO, ''), UNARY),
  one(at, 'protobuf GET', get(PATH, `content-type: ${PROTO}`), UNARY),
  one(at, 'protobuf by another name', post(PATH, 'application/protobuf', 'hello'), UNARY),
  one(at, 'protobuf with parameters', post(PATH, `${PROTO}; a=b`, 'hello'), UNARY),
  one(at, 'protobuf failed', post(PATH, PROTO, 'hello'), grpcAnswer([], 5, 'grpc-message: no')),
  one(at, 'protobuf, two messages', post(PATH, PROTO, 'hello'), FINE),
  one(at, 'protobuf, trailers only', post(PATH, PROTO, 'hello'), trailersOnly('grpc-status: 7')),
  one(at, 'protobuf, no trailers', post(PATH, PROTO, 'hello'), answer([frame('m')])),
  one(
    at,
    'protobuf, no grpc at all',
    post(PATH, PROTO, 'hello'),
    response(404, 'not found', 'content-type: text/plain'),
  ),
  one(at, 'protobuf, no host', post('/dead', PROTO, 'hello')),
  one(at, 'protobuf, direct response', post('/direct', PROTO, 'hello')),
  one(at, 'protobuf with trailers', `${call(PATH, PROTO, ['hello']).slice(0, -2)}x-rt: 1\r\n\r\n`, UNARY),
])

const reverse = ['reverse', 'withhold', 'sized'].flatMap((at) => [
  one(at, 'a call', grpcCall(PATH, 'hello'), response(200, 'answer', OWN, 'x-size: 6')),
  one(
    at,
    'a call with a length',
    post(PATH, 'application/grpc+proto', frame('hello')),
    response(200, 'answer', OWN, 'x-size: 6'),
  ),
  one(
    at,
    'answer in chunks',
    grpcCall(PATH, 'hello'),
    answer(['ans', 'wer'], { contentType: 'application/x-own', headers: ['x-size: 6'] }),
  ),
  one(
    at,
    'answer with trailers',
    grpcCall(PATH, 'hello'),
    answer(['ans', 'wer'], { contentType: 'application/x-own', headers: ['x-size: 6'], trailers: ['x-t: 1'] }),
  ),
  one(at, 'no size', grpcCall(PATH, 'hello'), response(200, 'answer', OWN)),
  one(at, 'wrong size', grpcCall(PATH, 'hello'), response(200, 'answer', OWN, 'x-size: 7')),
  one(at, 'bad size', grpcCall(PATH, 'hello'), response(200, 'answer', OWN, 'x-size: six')),
  one(at, 'size twice', grpcCall(PATH, 'hello'), response(200, 'answer', OWN, 'x-size: 6', 'x-size: 7')),
  one(at, 'two sizes', grpcCall(PATH, 'hello'), response(200, 'answer', OWN, 'x-size: 6, 7')),
  one(at, 'empty answer', grpcCall(PATH, 'hello'), response(200, '', OWN, 'x-size: 0')),
  one(
    at,
    'empty chunked answer',
    grpcCall(PATH, 'hello'),
    answer([], { contentType: 'application/x-own', headers: ['x-size: 0'] }),
  ),
  one(at, '404', grpcCall(PATH, 'hello'), response(404, 'no', OWN, 'x-size: 2')),
  one(at, '503', grpcCall(PATH, 'hello'), response(503, 'no', OWN, 'x-size: 2')),
  one(at, '201', grpcCall(PATH, 'hello'), response(201, 'no', OWN, 'x-size: 2')),
  one(at, 'wrong type', grpcCall(PATH, 'hello'), response(200, 'oops', 'content-type: text/plain')),
  one(at, 'wrong type, 404', grpcCall(PATH, 'hello'), response(404, 'oops', 'content-type: application/x-own; a=b')),
  one(at, 'no type', grpcCall(PATH, 'hello'), response(200, 'oops')),
  one(at, 'no type, no body', grpcCall(PATH, 'hello'), response(200, '')),
  one(at, 'no host', post('/dead', 'application/grpc', frame('hello'))),
  one(at, 'direct response', post('/direct', 'application/grpc', frame('hello'))),
  one(at, 'disabled by route', post('/off', 'application/grpc', frame('hello')), response(200, 'answer', OWN)),
  one(at, 'not grpc', post(PATH, 'text/plain', 'hello'), response(200, 'answer', OWN)),
  one(at, 'headers only', get(PATH, 'content-type: application/grpc'), response(200, 'answer', OWN)),
  one(at, 'short body', post(PATH, 'application/grpc', 'abc'), response(200, 'answer', OWN)),
  one(
    at,
    'header of a frame alone',
    post(PATH, 'application/grpc', frame('')),
    response(200, 'answer', OWN, 'x-size: 6'),
  ),
  one(at, 'empty chunked body', call(PATH, 'application/grpc', []), response(200, 'answer', OWN, 'x-size: 6')),
  one(
    at,
    'two messages',
    post(PATH, 'application/grpc', frame('a') + frame('b')),
    response(200, 'answer', OWN, 'x-size: 6'),
  ),
  one(at, 'accept given', grpcCall(PATH, 'hello', 'accept: text/plain'), response(200, 'answer', OWN, 'x-size: 6')),
  one(at, 'reset', grpcCall(PATH, 'hello'), [{ reset: true }]),
])

const V1 = 'connect-protocol-version: 1'
const JSON_TYPE = 'application/json'
const statuses = Array.from({ length: 18 }, (_, status) => status)
const connect = [
  one('connect', 'unary', post(PATH, 'application/proto', 'hello', V1), UNARY),
  one(
    'connect',
    'unary json',
    post(PATH, JSON_TYPE, '{}', V1),
    answer([frame('{}')], {
      contentType: 'application/grpc+json',
      headers: ['grpc-encoding: identity', 'trailer: x-t'],
      trailers: ['grpc-status: 0', 'x-t: 1', 'x-t: 2', 'grpc-foo: 1'],
    }),
  ),
  one('connect', 'unary in chunks', call(PATH, 'application/proto', ['he', 'llo'], V1), UNARY),
  one('connect', 'unary without body', post(PATH, 'application/proto', '', V1), UNARY),
  one(
    'connect',
    'unary with request trailers',
    `${call(PATH, 'application/proto', ['hello'], V1).slice(0, -2)}x-rt: 1\r\n\r\n`,
    UNARY,
  ),
  one('connect', 'unary without version', post(PATH, 'application/proto', 'hello'), UNARY),
  one(
    'connect',
    'unary of another version',
    post(PATH, 'application/proto', 'hello', 'connect-protocol-version: 2'),
    UNARY,
  ),
  one(
    'connect',
    'unary with headers',
    post(
      PATH,
      'application/proto',
      'hello',
      V1,
      'content-encoding: gzip',
      'accept-encoding: gzip',
      'connect-timeout-ms: 5000',
      'user-agent: connect',
      'x-own: 1',
    ),
    UNARY,
  ),
  one('connect', 'unary, empty answer', post(PATH, 'application/proto', 'hello', V1), grpcAnswer([''])),
  one('connect', 'unary, no message', post(PATH, 'application/proto', 'hello', V1), grpcAnswer([])),
  one('connect', 'unary, two messages', post(PATH, 'application/proto', 'hello', V1), FINE),
  one('connect', 'unary, no trailers', post(PATH, 'application/proto', 'hello', V1), answer([frame('one')])),
  one(
    'connect',
    'unary, trailers without status',
    post(PATH, 'application/proto', 'hello', V1),
    answer([frame('one')], { trailers: ['x-t: 1'] }),
  ),
  one(
    'connect',
    'unary, with a length',
    post(PATH, 'application/proto', 'hello', V1),
    response(200, frame('one'), 'content-type: application/grpc'),
  ),
  one(
    'connect',
    'unary, compressed',
    post(PATH, 'application/proto', 'hello', V1),
    answer([frame('z', 1)], { headers: ['grpc-encoding: gzip'], trailers: ['grpc-status: 0'] }),
  ),
  one(
    'connect',
    'unary, trailers only',
    post(PATH, 'application/proto', 'hello', V1),
    trailersOnly('grpc-status: 5', 'grpc-message: not%20there "x"', 'x-t: 1'),
  ),
  one(
    'connect',
    'unary, trailers only, status 0',
    post(PATH, 'application/proto', 'hello', V1),
    trailersOnly('grpc-status: 0', 'x-t: 1'),
  ),
  one(
    'connect',
    'unary, no grpc',
    post(PATH, 'application/proto', 'hello', V1),
    response(404, 'no', 'content-type: text/plain'),
  ),
  one('connect', 'unary, no grpc, no body', post(PATH, 'application/proto', 'hello', V1), response(404, '')),
  one('connect', 'unary, no host', post('/dead', 'application/proto', 'hello', V1)),
  one('connect', 'unary, direct response', post('/direct', 'application/proto', 'hello', V1)),
  one(
    'connect',
    'unary, message with bytes',
    post(PATH, 'application/proto', 'hello', V1),
    grpcAnswer([], 3, 'grpc-message: caf\xc3\xa9 \\ " %41'),
  ),
  one('connect', 'unary, failed after a message', post(PATH, 'application/proto', 'hello', V1), grpcAnswer(['m'], 13)),
  one(
    'connect',
    'unary, status that is no number',
    post(PATH, 'application/proto', 'hello', V1),
    answer([], { trailers: ['grpc-status: x'] }),
  ),
  ...statuses.map((status) =>
    one('connect', `unary, status ${status}`, post(PATH, 'application/proto', 'hello', V1), grpcAnswer([], status)),
  ),
  ...statuses.map((status) =>
    one(
      'connect',
      `streaming, status ${status}`,
      post(PATH, 'application/connect+proto', frame('hello'), V1),
      grpcAnswer([], status, 'grpc-message: m'),
    ),
  ),
  ...['0', '1', '99999999', '100000000', '100000000000', '99999999999999999999', '-1', 'x', '1.5'].map((ms) =>
    one('connect', `timeout ${ms}`, post(PATH, 'application/proto', 'hello', V1, `connect-timeout-ms: ${ms}`), UNARY),
  ),
  one(
    'connect',
    'timeout twice',
    post(PATH, 'application/proto', 'hello', V1, 'connect-timeout-ms: 1', 'connect-timeout-ms: 2000'),
    UNARY,
  ),
  one('connect', 'GET', get(`${PATH}?connect=v1&encoding=proto&message=hello`), UNARY),
  one('connect', 'GET base64', get(`${PATH}?connect=v1&encoding=json&base64=1&message=aGVsbG8&x=y`), UNARY),
  one(
    'connect',
    'GET compressed',
    get(`${PATH}?connect=v1&encoding=json&base64=1&compression=gzip&message=aGVsbG8`),
    UNARY,
  ),
  one(
    'connect',
    'GET percent',
    get(`${PATH}?message=%7B%22a%22%3A1%7D&encoding=json&connect=v1`, 'connect-timeout-ms: 7'),
    UNARY,
  ),
  one('connect', 'GET without encoding', get(`${PATH}?message=hello&connect=v1`), UNARY),
  one('connect', 'GET without version', get(`${PATH}?message=hello&encoding=json`), UNARY),
  one('connect', 'GET with version header', get(`${PATH}?message=hello&encoding=json`, V1), UNARY),
  one('connect', 'streaming', post(PATH, 'application/connect+proto', frame('a') + frame('b'), V1), FINE),
  one(
    'connect',
    'streaming json',
    post(
      PATH,
      'application/connect+json',
      frame('{}'),
      V1,
      'connect-content-encoding: gzip',
      'connect-accept-encoding: gzip',
      'connect-accept-encoding: br',
      'accept-encoding: gzip',
      'connect-timeout-ms: 10',
    ),
    answer([frame('{}')], {
      contentType: 'application/grpc+json',
      headers: ['grpc-encoding: gzip', 'grpc-accept-encoding: br', V1],
      trailers: ['grpc-status: 0', 'grpc-status-details-bin: AA'],
    }),
  ),
  one('connect', 'streaming without version', post(PATH, 'application/connect+proto', frame('a')), FINE),
  one('connect', 'streaming without codec', post(PATH, 'application/connect', frame('a'), V1), FINE),
  one(
    'connect',
    'streaming, trailers only',
    post(PATH, 'application/connect+proto', frame('a'), V1),
    trailersOnly('grpc-status: 5', 'grpc-message: no', 'x-t: 1'),
  ),
  one(
    'connect',
    'streaming, no trailers',
    post(PATH, 'application/connect+proto', frame('a'), V1),
    answer([frame('m')]),
  ),
  one(
    'connect',
    'streaming, no grpc',
    post(PATH, 'application/connect+proto', frame('a'), V1),
    response(404, 'no', 'content-type: text/plain'),
  ),
  one('connect', 'streaming, no host', post('/dead', 'application/connect+proto', frame('a'), V1)),
  one('connect', 'grpc passes', grpcCall(PATH, 'hello'), FINE),
  one(
    'connect',
    'unary, identity',
    post(
      PATH,
      'application/proto',
      'hello',
      V1,
      'content-encoding: identity',
      'accept-encoding: gzip',
      'accept-encoding: br',
    ),
    UNARY,
  ),
  one(
    'connect',
    'unary, encoding named and not used',
    post(PATH, 'application/proto', 'hello', V1),
    answer([frame('z')], {
      headers: ['grpc-encoding: gzip', 'grpc-accept-encoding: gzip,br'],
      trailers: ['grpc-status: 0'],
    }),
  ),
  one(
    'connect',
    'unary, failed and compressed',
    post(PATH, 'application/proto', 'hello', V1),
    answer([], { headers: ['grpc-encoding: gzip'], trailers: ['grpc-status: 3', 'x-t: 1'] }),
  ),
  one('connect', 'unary, route by the new type', post('/re', 'application/proto', 'hello', V1), UNARY),
  one('connect', 'GET, route by the new method', get('/re?connect=v1&encoding=proto&message=hello'), UNARY),
  one('connect', 'GET, bad base64', get(`${PATH}?connect=v1&encoding=proto&base64=1&message=!!!`), UNARY),
  one('connect', 'GET, padded base64', get(`${PATH}?connect=v1&encoding=proto&base64=1&message=aGVsbG8%3D`), UNARY),
  one('connect', 'GET, standard base64', get(`${PATH}?connect=v1&encoding=proto&base64=1&message=%2B%2F%2B%2F`), UNARY),
  one('connect', 'GET, url-safe base64', get(`${PATH}?connect=v1&encoding=proto&base64=1&message=-_-_`), UNARY),
  one(
    'connect',
    'GET, base64 by another word',
    get(`${PATH}?connect=v1&encoding=proto&base64=true&message=aGVsbG8`),
    UNARY,
  ),
  one('connect', 'GET, plus in the message', get(`${PATH}?connect=v1&encoding=proto&message=a+b%zz%4`), UNARY),
  one('connect', 'GET, percent in the codec', get(`${PATH}?connect=v1&encoding=pro%74o&message=a&message=b`), UNARY),
  one('connect', 'GET, percent in the version', get(`${PATH}?connect=%761&encoding=proto&message=a`), UNARY),
  one('connect', 'GET, percent in a name', get(`${PATH}?connect=v1&encoding=proto&m%65ssage=a`), UNARY),
  one('connect', 'GET, no message', get(`${PATH}?connect=v1&encoding=proto`), UNARY),
  one(
    'connect',
    'GET, compression identity',
    get(`${PATH}?connect=v1&encoding=proto&compression=identity&message=a`, 'accept-encoding: gzip'),
    UNARY,
  ),
  one('connect', 'GET, empty compression', get(`${PATH}?connect=v1&encoding=proto&compression=&message=a`), UNARY),
  one('connect', 'GET, of a version of its own', get(`${PATH}?connect=v2&encoding=proto&message=a`), UNARY),
  one(
    'connect',
    'GET with a type',
    get(`${PATH}?connect=v1&encoding=proto&message=a`, 'content-type: application/json', V1),
    UNARY,
  ),
  one('connect', 'GET with a type and version, no query', get(PATH, 'content-type: application/json', V1), UNARY),
  one('connect', 'HEAD', get(`${PATH}?connect=v1&encoding=proto&message=a`).replace('GET', 'HEAD'), UNARY),
  one(
    'connect',
    'POST with the query of a GET',
    post(`${PATH}?connect=v1&encoding=proto&message=a`, 'text/plain', 'x'),
    UNARY,
  ),
  one('connect', 'GET, failed', get(`${PATH}?connect=v1&encoding=proto&message=a`), grpcAnswer([], 5)),
  one('connect', 'GET, no host', get('/dead?connect=v1&encoding=proto&message=a')),
  one(
    'connect',
    'GET with a body',
    `${get(`${PATH}?connect=v1&encoding=proto&message=a`, 'content-length: 3')}abc`,
    UNARY,
  ),
  one(
    'connect',
    'streaming, failed with metadata',
    post(PATH, 'application/connect+proto', frame('a')),
    grpcAnswer([], 5, 'grpc-message: m', 'x-t: 1', 'x-t: 2'),
  ),
  {
    ...one('smallbridge', 'large request in pieces', ''),
    steps: [
      `POST ${PATH} HTTP/1.1\r\nhost: a.test\r\ncontent-type: ${PROTO}\r\ncontent-length: 3000\r\n\r\n${'a'.repeat(1000)}`,
      { quietMs: 50 },
      'b'.repeat(1000),
      { quietMs: 50 },
      'c'.repeat(1000),
    ],
    reply: UNARY,
  },
  one(
    'smallconnect',
    'unary, large request',
    call(PATH, 'application/proto', ['a'.repeat(50), 'b'.repeat(50)], V1),
    UNARY,
  ),
  one(
    'smallconnect',
    'unary, large answer',
    post(PATH, 'application/proto', 'hello', V1),
    grpcAnswer(['a'.repeat(100)]),
  ),
  one('smallbridge', 'large request', call(PATH, PROTO, ['a'.repeat(50), 'b'.repeat(50)]), UNARY),
  one('smallbridge', 'large answer', post(PATH, PROTO, 'hello'), grpcAnswer(['a'.repeat(100)])),
]

export const grpcBridgesSuite: ParitySuite = {
  name: 'grpc bridges',
  yaml: bootstrap(listeners, [cluster('main', http1Options(upstreamTrailers)), cluster('dead', '', '1')]),
  cases: [...bridge, ...reverse, ...connect],
}
