/** envoy.filters.http.grpc_stats in all its settings, gRPC in access logs, and gRPC filters in one chain. */
import type { ParityCase, ParitySuite, ReplyStep } from '../case.ts'
import { get, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpFilter, httpListener, indent, routes } from '../yaml.ts'
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

const routeTable = (main: string) =>
  routes(`
- { match: { prefix: "/direct" }, direct_response: { status: 503, body: { inline_string: "direct" } } }
- { match: { prefix: "/dead" }, route: { cluster: dead } }
- { match: { prefix: "/slow" }, route: { cluster: ${main}, timeout: 0.1s } }
- { match: { prefix: "/header" }, route: { cluster: ${main}, max_stream_duration: { grpc_timeout_header_max: 0.2s } } }
- { match: { prefix: "/capped" }, route: { cluster: ${main}, timeout: 5s, max_grpc_timeout: 0.2s } }
- { match: { prefix: "/any" }, route: { cluster: ${main}, max_grpc_timeout: 0s, grpc_timeout_offset: 0.1s } }
- { match: { prefix: "/retried" }, route: { cluster: ${main}, retry_policy: { retry_on: "unavailable,deadline-exceeded", num_retries: 1 } } }
- { match: { prefix: "/only", grpc: {} }, route: { cluster: ${main} }, response_headers_to_add: [ { header: { key: x-grpc-route, value: "yes" } } ] }
- { match: { prefix: "/" }, route: { cluster: ${main} } }
`)
const table = routeTable('main')
/** Envoy keeps a method that a configuration names apart from one that only a request does, under one and the same name. */
const listedTable = routeTable('listed')
const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %GRPC_STATUS% %GRPC_STATUS(CAMEL_STRING)% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER% ' +
  '%FILTER_STATE(envoy.filters.http.grpc_stats)% %FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)% %FILTER_STATE(envoy.filters.http.grpc_stats:FIELD:request_message_count)%'
const STATS_FILTER = (config: string) => httpFilter('grpc_stats', 'FilterConfig', config)
const listener = (name: string, filters: string, virtualHosts = table) =>
  httpListener({ name, filters, hcm: downstreamTrailers, virtualHosts, logFormat: LOG })

const ALLOWED = `individual_method_stats_allowlist: { services: [ { name: pkg.Service, method_names: [ Method, Other ] }, { name: Plain, method_names: [ M ] } ] }`
const listeners = [
  listener('default', STATS_FILTER('')),
  listener('all', STATS_FILTER('stats_for_all_methods: true, emit_filter_state: true')),
  listener('none', STATS_FILTER('stats_for_all_methods: false, emit_filter_state: true')),
  listener('allowed', STATS_FILTER(ALLOWED), listedTable),
  listener('dots', STATS_FILTER('stats_for_all_methods: true, replace_dots_in_grpc_service_name: true')),
  listener('dotsallowed', STATS_FILTER(`${ALLOWED}, replace_dots_in_grpc_service_name: true`), listedTable),
  listener('upstream', STATS_FILTER('stats_for_all_methods: true, enable_upstream_stats: true')),
  listener('plain', ''),
  httpListener({
    name: 'suppressed',
    hcm: downstreamTrailers,
    virtualHosts: table,
    logFormat: LOG,
    router: 'suppress_grpc_request_failure_code_stats: true',
  }),
  listener(
    'stacked',
    [
      httpFilter('grpc_web', 'GrpcWeb'),
      STATS_FILTER('stats_for_all_methods: true, emit_filter_state: true'),
      httpFilter(
        'grpc_http1_reverse_bridge',
        'FilterConfig',
        'content_type: application/x-own, withhold_grpc_frames: true',
      ),
    ].join('\n'),
  ),
  listener(
    'bridged',
    [
      httpFilter('grpc_http1_bridge', 'Config', 'upgrade_protobuf_to_grpc: true'),
      STATS_FILTER('stats_for_all_methods: true'),
      httpFilter('grpc_http1_reverse_bridge', 'FilterConfig', 'content_type: application/x-own'),
    ].join('\n'),
  ),
]

/** Logs the calls that a grpc_status_filter lets through. */
const filtered = (name: string, filter: string) => `
- name: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  stat_prefix: ${name}
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: ${name}
        access_log:
        - name: envoy.access_loggers.file
          filter: { grpc_status_filter: { ${filter} } }
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
            path: "{{dir}}/access.log"
            log_format: { text_format_source: { inline_string: "%DOWNSTREAM_LOCAL_PORT%:%DOWNSTREAM_DIRECT_REMOTE_PORT%|filtered %GRPC_STATUS% %RESPONSE_CODE%\\n" } }
        - name: envoy.access_loggers.file
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
            path: "{{dir}}/access.log"
            log_format: { text_format_source: { inline_string: "%DOWNSTREAM_LOCAL_PORT%:%DOWNSTREAM_DIRECT_REMOTE_PORT%|every one\\n" } }
        http_filters:
        - { name: envoy.filters.http.router, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }
        route_config:
          virtual_hosts:
${indent(table, 10)}
`

const STATS = '^cluster\\.(main|listed|dead)\\.(grpc|upstream_rq)|downstream_rq_[1-5]xx'
const one = (
  at: string,
  name: string,
  step: string,
  reply?: string | readonly ReplyStep[],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `grpc ${at}: ${name}`,
  listener: at,
  steps: [step],
  stats: STATS,
  ...(reply === undefined ? {} : { reply }),
  ...more,
})

const PATH = '/pkg.Service/Method'
const V1 = 'connect-protocol-version: 1'
const FINE = grpcAnswer(['one', 'two'])
const OWN = 'content-type: application/x-own'

const settings = ['default', 'all', 'none', 'allowed', 'dots', 'dotsallowed', 'upstream'].flatMap((at) => [
  one(at, 'a call', grpcCall(PATH, 'hello'), FINE),
  one(at, 'another method', grpcCall('/pkg.Service/Third', 'hello'), FINE),
  one(at, 'another service', grpcCall('/other/Method', 'hello'), FINE),
  one(at, 'failed', grpcCall(PATH, 'hello'), grpcAnswer([], 5)),
  one(at, 'trailers only', grpcCall(PATH, 'hello'), trailersOnly('grpc-status: 7')),
])

const forms: readonly ParityCase[] = [
  one(
    'all',
    'several messages',
    call(PATH, 'application/grpc', [frame('a'), frame('b') + frame('c'), frame('')]),
    FINE,
  ),
  one(
    'all',
    'frames cut anywhere',
    call(PATH, 'application/grpc', [...(frame('ab') + frame('cd'))]),
    answer([...(frame('ab') + frame('cd'))], { trailers: ['grpc-status: 0'] }),
  ),
  one(
    'all',
    'unfinished frame',
    call(PATH, 'application/grpc', [frame('ab'), '\x00']),
    answer([frame('ab').slice(0, 6)], { trailers: ['grpc-status: 0'] }),
  ),
  one(
    'all',
    'unknown flags',
    call(PATH, 'application/grpc', [frame('ab', 0x80)]),
    answer([frame('ab', 3)], { trailers: ['grpc-status: 0'] }),
  ),
  one('all', 'grpc+json', call(PATH, 'application/grpc+json', [frame('{}')]), FINE),
  one('all', 'connect streaming', call(PATH, 'application/connect+proto', [frame('{}')]), FINE),
  one(
    'all',
    'connect streaming, ended well',
    call(PATH, 'application/connect+proto', [frame('a'), frame('b')]),
    answer([frame('m'), frame('{}', 2)], { contentType: 'application/connect+proto' }),
  ),
  one(
    'all',
    'connect streaming, failed',
    call(PATH, 'application/connect+json', [frame('a')]),
    answer([frame('{"error":{"code":"not_found"}}', 2)], { contentType: 'application/connect+json' }),
  ),
  one(
    'all',
    'connect streaming, unknown error',
    call(PATH, 'application/connect+json', [frame('a')]),
    answer([frame('{"error":{"code":"what"}}', 2)], { contentType: 'application/connect+json' }),
  ),
  one(
    'all',
    'connect streaming, bad end',
    call(PATH, 'application/connect+json', [frame('a')]),
    answer([frame('{"err', 2)], { contentType: 'application/connect+json' }),
  ),
  one(
    'all',
    'connect streaming, no end',
    call(PATH, 'application/connect+json', [frame('a')]),
    answer([frame('m')], { contentType: 'application/connect+json' }),
  ),
  one(
    'all',
    'connect streaming, other type',
    call(PATH, 'application/connect+json', [frame('a')]),
    answer([frame('m'), frame('{}', 2)], { contentType: 'text/plain' }),
  ),
  one(
    'all',
    'connect streaming, 404 without body',
    call(PATH, 'application/connect+json', [frame('a')]),
    response(404, ''),
  ),
  one(
    'all',
    'connect streaming, grpc error',
    call(PATH, 'application/connect+json', [frame('a')]),
    trailersOnly('grpc-status: 3'),
  ),
  one(
    'all',
    'connect streaming, end with metadata',
    call(PATH, 'application/connect+proto', [frame('a')]),
    answer([...frame('m'), ...frame('{"metadata":{"x":["1"]}}', 2)], { contentType: 'application/connect+proto' }),
  ),
  one(
    'all',
    'connect streaming, end is a list',
    call(PATH, 'application/connect+proto', [frame('a')]),
    answer([frame('[]', 2)], { contentType: 'application/connect+proto' }),
  ),
  one(
    'all',
    'connect streaming, null error',
    call(PATH, 'application/connect+proto', [frame('a')]),
    answer([frame('{"error":null}', 2)], { contentType: 'application/connect+proto' }),
  ),
  one(
    'all',
    'connect streaming, compressed end',
    call(PATH, 'application/connect+proto', [frame('a')]),
    answer([frame('xyz', 3)], { contentType: 'application/connect+proto' }),
  ),
  one(
    'all',
    'connect streaming, empty end',
    call(PATH, 'application/connect+proto', [frame('a')]),
    answer([frame('', 2)], { contentType: 'application/connect+proto' }),
  ),
  one(
    'all',
    'connect streaming, 404',
    call(PATH, 'application/connect+json', [frame('a')]),
    response(404, 'no', 'content-type: text/plain'),
  ),
  one(
    'all',
    'connect unary, ended well',
    post(PATH, 'application/proto', 'a', V1),
    response(200, 'm', 'content-type: application/proto'),
  ),
  one(
    'all',
    'connect unary, chunked',
    call(PATH, 'application/proto', ['a', 'b'], V1),
    answer(['m', 'n'], { contentType: 'application/proto' }),
  ),
  one(
    'all',
    'connect unary, no bodies',
    post(PATH, 'application/proto', '', V1),
    response(200, '', 'content-type: application/proto'),
  ),
  one(
    'all',
    'connect unary, failed',
    post(PATH, 'application/json', '{}', V1),
    response(404, '{"code":"not_found"}', 'content-type: application/json'),
  ),
  one(
    'all',
    'connect unary, 500',
    post(PATH, 'application/json', '{}', V1),
    response(500, '{"code":"internal"}', 'content-type: application/json'),
  ),
  one(
    'all',
    'connect unary, other type',
    post(PATH, 'application/proto', 'a', V1),
    response(200, 'm', 'content-type: text/plain'),
  ),
  one(
    'all',
    'connect unary, other version',
    post(PATH, 'application/proto', 'a', 'connect-protocol-version: 2'),
    response(200, 'm', 'content-type: application/proto'),
  ),
  one(
    'all',
    'connect unary, text',
    post(PATH, 'text/proto', 'a', V1),
    response(200, 'm', 'content-type: application/proto'),
  ),
  one(
    'all',
    'connect unary, GET',
    get(`${PATH}?connect=v1&encoding=proto&message=a`),
    response(200, 'm', 'content-type: application/proto'),
  ),
  one(
    'all',
    'connect unary, GET with a header',
    get(`${PATH}?encoding=proto&message=a`, V1),
    response(200, 'm', 'content-type: application/proto'),
  ),
  one('all', 'connect unary, no host', post('/dead/M', 'application/proto', 'a', V1)),
  one(
    'none',
    'connect unary',
    post(PATH, 'application/proto', 'a', V1),
    response(200, 'm', 'content-type: application/proto'),
  ),
  one(
    'none',
    'connect streaming',
    call(PATH, 'application/connect+proto', [frame('a'), frame('b')]),
    answer([frame('m'), frame('{}', 2)], { contentType: 'application/connect+proto' }),
  ),
  one(
    'upstream',
    'connect unary',
    post(PATH, 'application/proto', 'a', V1),
    response(200, 'm', 'content-type: application/proto'),
  ),
  one('all', 'not grpc', post(PATH, 'text/plain', frame('x')), FINE),
  one('all', 'grpc-web without its filter', post(PATH, 'application/grpc-web', frame('x')), FINE),
  one('all', 'answer that is not grpc', grpcCall(PATH, 'x'), response(200, frame('x'), 'content-type: text/plain')),
  one(
    'all',
    'answer with 500',
    grpcCall(PATH, 'x'),
    answer([frame('x')], { status: 500, trailers: ['grpc-status: 0'] }),
  ),
  one('all', 'no trailers', grpcCall(PATH, 'x'), answer([frame('x')])),
  one(
    'all',
    'status in headers and trailers',
    grpcCall(PATH, 'x'),
    answer([frame('x')], { headers: ['grpc-status: 3'], trailers: ['grpc-status: 4'] }),
  ),
  one('all', 'status that is no number', grpcCall(PATH, 'x'), answer([], { trailers: ['grpc-status: x-y'] })),
  one('all', 'status above all', grpcCall(PATH, 'x'), answer([], { trailers: ['grpc-status: 123'] })),
  one('all', 'empty status', grpcCall(PATH, 'x'), answer([], { trailers: ['grpc-status:'] })),
  one('all', 'path of one part', grpcCall('/Method', 'x'), FINE),
  one('all', 'path of three parts', grpcCall('/a/b/c', 'x'), FINE),
  one('all', 'path with query', grpcCall(`${PATH}?a=/b`, 'x'), FINE),
  one('all', 'path with empty parts', grpcCall('//a///b//', 'x'), FINE),
  one('all', 'no host', post('/dead/M', 'application/grpc', frame('x'))),
  one('all', 'direct response', post('/direct/M', 'application/grpc', frame('x'))),
  one('all', 'reset', grpcCall(PATH, 'x'), [{ reset: true }]),
  one('all', 'headers only request', get(PATH, 'content-type: application/grpc'), FINE),
  {
    ...one('upstream', 'time of the upstream', grpcCall('/timed/M', 'x'), FINE),
    steps: [
      grpcCall('/timed/M', 'x'),
      { waitFor: 'grpc-status' },
      { quietMs: 50 },
      { admin: '/stats?filter=timed.M.upstream_rq_time&usedonly' },
    ],
    normalize: [[/P0\(.*/g, '<histogram>']],
  },
  ...['dots', 'all', 'none'].map((at) => ({
    ...one(at, 'labels of its statistics', ''),
    steps: [
      grpcCall('/prom.Svc/Meth', 'x'),
      { waitFor: 'grpc-status' },
      { quietMs: 50 },
      { admin: '/stats/prometheus?filter=cluster\\.main\\.grpc\\.prom' },
      { admin: '/stats?filter=cluster\\.main\\.grpc\\.prom' },
      { admin: '/stats?filter=cluster\\.main\\.grpc\\.prom&format=json', sortJson: true },
    ],
    reply: FINE,
  })),
  one('dots', 'service with dots', grpcCall('/a.b.c/M.x', 'x'), FINE),
  one('allowed', 'allowed plain', grpcCall('/Plain/M', 'x'), FINE),
]

const core = [
  ...Array.from({ length: 18 }, (_, status) =>
    one('plain', `status ${status}`, grpcCall(PATH, 'x'), grpcAnswer([], status)),
  ),
  ...Array.from({ length: 18 }, (_, status) =>
    one('plain', `status ${status}, trailers only`, grpcCall(PATH, 'x'), trailersOnly(`grpc-status: ${status}`)),
  ),
  ...[200, 204, 302, 400, 401, 403, 404, 408, 409, 413, 429, 431, 500, 501, 502, 503, 504].map((status) =>
    one('plain', `http ${status}`, grpcCall(PATH, 'x'), response(status, '', 'content-type: text/plain')),
  ),
  one('plain', 'timeout', post('/slow', 'application/grpc', frame('x')), [{ pauseMs: 400 }]),
  one('plain', 'grpc-timeout over the limit', post('/header', 'application/grpc', frame('x'), 'grpc-timeout: 5S'), [
    { pauseMs: 600 },
  ]),
  one('plain', 'grpc-timeout below the limit', post('/header', 'application/grpc', frame('x'), 'grpc-timeout: 100m'), [
    { pauseMs: 400 },
  ]),
  one('plain', 'no grpc-timeout', post('/header', 'application/grpc', frame('x')), FINE),
  one('plain', 'bad grpc-timeout', post('/header', 'application/grpc', frame('x'), 'grpc-timeout: 5'), FINE),
  one('plain', 'grpc-timeout of the old kind', post('/capped', 'application/grpc', frame('x'), 'grpc-timeout: 5S'), [
    { pauseMs: 600 },
  ]),
  one('plain', 'grpc-timeout with an offset', post('/any', 'application/grpc', frame('x'), 'grpc-timeout: 5S'), FINE),
  one('plain', 'grpc-timeout and no grpc', post('/header', 'text/plain', 'x', 'grpc-timeout: 5S'), FINE),
  one('plain', 'retried after trailers only', post('/retried', 'application/grpc', frame('x')), undefined, {
    replies: [[trailersOnly('grpc-status: 14')], [trailersOnly('grpc-status: 0')]],
  }),
  one('plain', 'not retried after trailers', post('/retried', 'application/grpc', frame('x')), undefined, {
    replies: [[grpcAnswer([], 14)], [FINE]],
  }),
  one('plain', 'route for grpc', post('/only', 'application/grpc', frame('x')), FINE),
  one('plain', 'route for grpc, other type', post('/only', 'application/grpc-web', frame('x')), FINE),
  one('plain', 'message in a local reply', post('/dead', 'application/grpc', frame('x'))),
  one('plain', 'head of a local reply', get('/direct', 'content-type: application/grpc').replace('GET', 'HEAD')),
  one('plain', 'te is kept', grpcCall(PATH, 'x', 'te: trailers, deflate'), FINE),
]

const suppressed = [
  one('suppressed', 'a call', grpcCall(PATH, 'x'), FINE),
  one('suppressed', 'failed', grpcCall(PATH, 'x'), grpcAnswer([], 5)),
  one('suppressed', 'trailers only', grpcCall(PATH, 'x'), trailersOnly('grpc-status: 5')),
  one('suppressed', 'http 503', grpcCall(PATH, 'x'), response(503, '')),
  one('suppressed', 'no host', post('/dead', 'application/grpc', frame('x'))),
  one('suppressed', 'timeout', post('/slow', 'application/grpc', frame('x')), [{ pauseMs: 400 }]),
  one('suppressed', 'not grpc', get('/'), response(503, '')),
  one('suppressed', 'not grpc, no host', get('/dead')),
]

const stacked = [
  one(
    'stacked',
    'grpc web to plain http',
    post(PATH, 'application/grpc-web', frame('hello')),
    response(200, 'answer', OWN),
  ),
  one(
    'stacked',
    'grpc web text to plain http',
    post(
      PATH,
      'application/grpc-web-text',
      Buffer.from(frame('hello')).toString('base64'),
      'accept: application/grpc-web-text',
    ),
    response(200, 'answer', OWN),
  ),
  one(
    'stacked',
    'grpc web to plain http, empty',
    post(PATH, 'application/grpc-web', frame('hello')),
    response(200, '', OWN),
  ),
  one(
    'stacked',
    'grpc web to plain http, wrong type',
    post(PATH, 'application/grpc-web', frame('hello')),
    response(404, 'no', 'content-type: text/plain'),
  ),
  one(
    'stacked',
    'grpc to plain http',
    grpcCall(PATH, 'hello'),
    answer(['a', 'b'], { contentType: 'application/x-own' }),
  ),
  one('stacked', 'grpc to plain http, failed', grpcCall(PATH, 'hello'), response(503, 'no', OWN)),
  one(
    'bridged',
    'protobuf through both bridges',
    post(PATH, 'application/x-protobuf', 'hello'),
    response(200, frame('answer'), OWN),
  ),
  one(
    'bridged',
    'protobuf through both bridges, failed',
    post(PATH, 'application/x-protobuf', 'hello'),
    response(503, frame('answer'), OWN),
  ),
  one(
    'bridged',
    'protobuf through both bridges, wrong type',
    post(PATH, 'application/x-protobuf', 'hello'),
    response(200, 'x'),
  ),
]

const logged = ['status', 'excluded'].flatMap((at) => [
  one(at, 'ok', grpcCall(PATH, 'x'), FINE, { logLines: 2 }),
  one(at, 'not found', grpcCall(PATH, 'x'), grpcAnswer([], 5), { logLines: 2 }),
  one(at, 'http 404 of grpc', grpcCall(PATH, 'x'), response(404, ''), { logLines: 2 }),
  one(at, 'http 404', get('/'), response(404, ''), { logLines: 2 }),
  one(at, 'http 200', get('/'), response(200, ''), { logLines: 2 }),
  one(at, 'unknown number', grpcCall(PATH, 'x'), grpcAnswer([], 99), { logLines: 2 }),
])

export const grpcStatsSuite: ParitySuite = {
  name: 'grpc stats',
  yaml: bootstrap(
    [
      ...listeners,
      filtered('status', 'statuses: [ UNKNOWN, NOT_FOUND ]'),
      filtered('excluded', 'statuses: [ OK, NOT_FOUND ], exclude: true'),
    ],
    [
      cluster('main', http1Options(upstreamTrailers)),
      cluster('listed', http1Options(upstreamTrailers), '{{backend}}'),
      cluster('dead', '', '1'),
    ],
  ),
  cases: [...settings, ...forms, ...core, ...suppressed, ...stacked, ...logged],
}
