/** The transcoder's options: what is refused, how URLs are read, and settings of a route. */
import type { ParityCase } from '../case.ts'
import { get, post, request } from '../requests.ts'
import { routes } from '../yaml.ts'
import { grpcAnswer, trailersOnly } from './grpc_messages.ts'
import { ALL_TO_ECHO, transcoderConfig, transcoderSuite, transcoderType } from './transcoder_yaml.ts'

function perRoute(config: string): string {
  return `typed_per_filter_config: { envoy.filters.http.grpc_json_transcoder: { "@type": ${transcoderType}, ${config} } }`
}

/** The route of the URL, and that of the gRPC method, to different backends. */
const TWO_ROUTES = routes(`
- match: { prefix: "/v1" }
  name: json
  route: { cluster: main }
- match: { prefix: "/library.Library" }
  name: grpc
  route: { cluster: echo }
`)

const PER_ROUTE = routes(`
- match: { prefix: "/v1/books" }
  name: own
  route: { cluster: main }
  ${perRoute(transcoderConfig('convert_grpc_status: true, print_options: { add_whitespace: true }, match_incoming_request_route: true'))}
- match: { prefix: "/v1/echo" }
  name: without
  route: { cluster: main }
  ${perRoute(transcoderConfig('', ''))}
- match: { prefix: "/v1/off" }
  name: left_out
  route: { cluster: main }
  typed_per_filter_config: { envoy.filters.http.grpc_json_transcoder: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } }
- match: { prefix: "/" }
  name: rest
  route: { cluster: main }
`)

const listeners = {
  main: { virtualHosts: ALL_TO_ECHO },
  strict: {
    options:
      'request_validation_options: { reject_unknown_method: true, reject_unknown_query_parameters: true, reject_binding_body_field_collisions: true }',
    virtualHosts: ALL_TO_ECHO,
  },
  lenient: {
    options:
      'ignore_unknown_query_parameters: true, case_insensitive_enum_parsing: true, query_param_unescape_plus: true, url_unescape_spec: ALL_CHARACTERS, auto_mapping: true',
    virtualHosts: ALL_TO_ECHO,
  },
  slash: {
    options:
      'url_unescape_spec: ALL_CHARACTERS_EXCEPT_SLASH, match_unregistered_custom_verb: true, ignored_query_parameters: [ key, "a.b" ]',
    virtualHosts: ALL_TO_ECHO,
  },
  capture: {
    options:
      'capture_unknown_query_parameters: true, request_validation_options: { reject_unknown_query_parameters: true }',
    virtualHosts: ALL_TO_ECHO,
  },
  captured: { options: 'capture_unknown_query_parameters: true' },
  routed: { virtualHosts: TWO_ROUTES },
  incoming: { options: 'match_incoming_request_route: true', virtualHosts: TWO_ROUTES },
  per_route: { virtualHosts: PER_ROUTE },
  disabled: { services: '' },
  mapped: {
    hcm: 'local_reply_config: { mappers: [ { filter: { status_code_filter: { comparison: { op: EQ, value: { default_value: 400, runtime_key: k } } } }, status_code: 422, body_format_override: { json_format: { message: "%LOCAL_REPLY_BODY%" } } } ] }',
    virtualHosts: ALL_TO_ECHO,
  },
}

function on(listener: string, steps: Readonly<Record<string, string>>, more: Partial<ParityCase> = {}): ParityCase[] {
  return Object.entries(steps).map(([name, step]) => ({
    name: `${listener}: ${name}`,
    listener,
    steps: [step],
    ...more,
  }))
}

const cases: readonly ParityCase[] = [
  ...on('strict', {
    'an unknown path': get('/nope?x=1'),
    'an unknown method of a path': request('PATCH', '/v1/echo', ['content-length: 0']),
    'an unknown parameter': get('/v1/echo?nope=1'),
    'an unknown parameter within a message': get('/v1/echo?writer.nope=1'),
    'a path through a scalar': get('/v1/echo?title.x=1'),
    'a gRPC request': post('/nope', '\x00\x00\x00\x00\x00', 'content-type: application/grpc'),
    'the same value in body and path': `PUT /v1/echo/5 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 8\r\n\r\n{"id":5}`,
    'the same value as text': `PUT /v1/echo/5 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 10\r\n\r\n{"id":"5"}`,
    'another value in the body': `PUT /v1/echo/5 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 8\r\n\r\n{"id":6}`,
    'another text in the body': post('/v1/echo?title=a', '{"title":"b"}'),
    'another bool in the body': post('/v1/echo?in_print=true', '{"in_print":false}'),
    'another double in the body': post('/v1/echo?price=1.5', '{"price":2.5}'),
    'a double that is near': post('/v1/echo?price=1.5', '{"price":1.5000001}'),
    'a bool that is none': post('/v1/echo?in_print=x', '{"in_print":false}'),
    'a number that is none': post('/v1/echo?id=x', '{"id":1}'),
    'the JSON name in the body': post('/v1/echo?in_print=true', '{"inPrint":false}'),
    'a repeated field': post('/v1/echo?authors=a&authors=b', '{"authors":["c"]}'),
    'a repeated field as a scalar': post('/v1/echo?authors=a', '{"authors":"c"}'),
    'a field of a message': post('/v1/echo?writer.name=a', '{"writer":{"name":"b","age":1}}'),
    'another field of a message': post('/v1/echo?writer.name=a', '{"writer":{"age":1}}'),
    'null in the body': post('/v1/echo?title=a', '{"title":null}'),
  }),
  ...on('lenient', {
    'an unknown path': get('/nope'),
    'an unknown parameter': get('/v1/echo?nope=1&title=t'),
    'an unknown parameter in the path of a message': get('/v1/echo?writer.nope.x=1&title=t'),
    'enums in any case': post('/v1/echo', '{"genre":"fiction","genres":["science-and-art","Science_And_Art","nope"]}'),
    'enums in lower case': post('/v1/echo', '{"genre":"fiction","genres":["science-and-art"]}'),
    'an enum parameter in lower case': get('/v1/echo?genre=fiction'),
    'enums in a stream': post('/v1/turn', '[{"text":"a"}]'),
    'a plus': get('/v1/echo?title=a+b%2Bc'),
    'escapes in all the rest': get('/v1/rest/a%2Fb%23/%20%2523'),
    'an unmapped method': post('/library.Library/Unmapped', '{"name":"n"}'),
    'an unmapped method by get': get('/library.Library/Unmapped'),
    'a mapped method by its path': post('/library.Library/GetBook', '{"name":"n"}'),
    'a collision': post('/v1/echo?title=a', '{"title":"b"}'),
  }),
  ...on('slash', {
    'escapes in all the rest': get('/v1/rest/a%2Fb%23/%20%2523'),
    'escapes in one segment': get('/v1/books/%35'),
    'an unregistered verb': get('/v1/books/5:shut'),
    'an unregistered verb behind all the rest': get('/v1/rest/a/b:c'),
    'a registered verb': post('/v1/books/5:search', '{}'),
    'a colon at the end': get('/v1/books/5:'),
    'a colon within the path': get('/v1/rest/a:b/c'),
    'ignored parameters': get('/v1/echo?key=1&a.b=2&title=t'),
    'an ignored parameter escaped': get('/v1/echo?k%65y=1&title=t'),
  }),
  ...on('main', { 'escapes in all the rest': get('/v1/rest/a%2Fb%23/%20%2523') }),
  ...on('capture', {
    'unknown parameters': post('/files/f1?mode=3&x=1&x=2', 'abc'),
    'an unknown parameter of several parts': post('/files/f1?y.z=a%20b', 'abc'),
    'unknown parameters of a stream': post('/stream/f1?x=1', 'abc'),
    'unknown parameters without HttpBody': get('/v1/echo?nope=1&title=t'),
  }),
  ...on(
    'captured',
    { 'unknown parameters for the whole body': post('/files/raw?q=1', 'abc', 'content-type: text/a') },
    { reply: grpcAnswer(['']) },
  ),
  ...on('routed', { 'by the gRPC path': get('/v1/echo?title=t'), 'not transcoded': get('/v1/nope') }),
  ...on('incoming', { 'by the own path': get('/v1/echo?title=t') }, { reply: grpcAnswer(['']) }),
  ...on(
    'per_route',
    {
      'settings of the route': get('/v1/books/5'),
      'no services': get('/v1/echo?title=t'),
      disabled: get('/v1/off'),
      'settings of the filter': get('/v1/shelves/a/books/b'),
    },
    { reply: trailersOnly('grpc-status: 5', 'grpc-message: m') },
  ),
  ...on('disabled', { 'a request': get('/v1/echo'), 'a body': post('/v1/echo', '{') }),
  ...on('mapped', { 'wrong JSON': post('/v1/echo', '{]'), 'a wrong parameter': get('/v1/echo?id=x') }),
  {
    name: 'transcoder: its gauges',
    listener: 'disabled',
    steps: [get('/'), { waitFor: 'ok' }, { admin: '/stats?filter=http\\.(disabled|mapped)\\.transcoder' }],
  },
  // One listener's limits are those of its connection.
  {
    name: 'main: a large body',
    steps: [post('/v1/echo', `{"title":"${'x'.repeat(300_000)}"}`)],
    normalize: [
      [/x{1000,}/g, 'x...'],
      [/\r\n[0-9a-f]{4,5}\r\n/g, ''],
    ],
    quietMs: 200,
  },
  {
    name: 'main: two requests',
    steps: [get('/v1/echo?title=a'), { waitFor: '"a"}' }, post('/v1/echo', '{"title":"b"}')],
    logLines: 2,
  },
]

export const transcoderOptionsSuite = transcoderSuite('gRPC-JSON transcoder, options', listeners, cases)
