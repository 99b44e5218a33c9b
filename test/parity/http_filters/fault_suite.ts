/** envoy.filters.http.fault: delays, aborts and slow responses, by configuration, headers and runtime. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { chunkedResponse, get, head, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpFilter, httpListener, routes } from '../yaml.ts'
import { downstreamTrailers, upstreamTrailers } from './grpc_messages.ts'

const TYPE = '"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault'
const ALWAYS = 'percentage: { numerator: 100 }'
const abort = (error: string, percentage = ALWAYS) => `abort: { ${error}, ${percentage} }`
const delay = (duration: string, percentage = ALWAYS) => `delay: { ${duration}, ${percentage} }`
const limit = (rate: string, percentage = ALWAYS) => `response_rate_limit: { ${rate}, ${percentage} }`
const SOON = 'fixed_delay: 0.02s'
const abort503 = abort('http_status: 503')

/** Each a route of its own: `/<name>`. */
const faults: Readonly<Record<string, string>> = {
  none: '',
  abort: abort503,
  abort200: abort('http_status: 200'),
  abort404: abort('http_status: 404'),
  body: abort('http_status: 418, response_body: "a teapot: %RESPONSE_CODE%"'),
  nobody: abort('http_status: 418, response_body: ""'),
  grpc: abort('grpc_status: 5'),
  grpcodd: abort('grpc_status: 77'),
  nopercent: 'abort: { http_status: 503 }',
  zero: abort('http_status: 503', 'percentage: { numerator: 0 }'),
  million: abort('http_status: 503', 'percentage: { numerator: 1000000, denominator: MILLION }'),
  headerabort: abort('header_abort: {}'),
  headerabortnever: abort('header_abort: {}', 'percentage: { numerator: 0 }'),
  headerdelay: delay('header_delay: {}'),
  headerdelaynever: delay('header_delay: {}', 'percentage: { numerator: 0 }'),
  headerlimit: limit('header_limit: {}'),
  delay: delay(SOON),
  delaynopercent: `delay: { ${SOON} }`,
  tiny: delay('fixed_delay: 0.0005s'),
  delayabort: `${delay(SOON)}, ${abort503}`,
  limit: limit('fixed_limit: { limit_kbps: 40 }'),
  limitabort: `${limit('fixed_limit: { limit_kbps: 40 }')}, ${abort503}`,
  limitdelay: `${limit('fixed_limit: { limit_kbps: 40 }')}, ${delay(SOON)}`,
  max0: `${abort503}, max_active_faults: 0`,
  max1: `${delay(SOON)}, ${abort503}, max_active_faults: 1`,
  maxruntime: `${abort503}, max_active_faults: 5, max_active_faults_runtime: f.max0`,
  headers: `${abort503}, headers: [ { name: x-a, string_match: { exact: "1" } }, { name: x-b, present_match: true } ]`,
  inverted: `${abort503}, headers: [ { name: x-a, string_match: { exact: "1" }, invert_match: true } ]`,
  main: `${abort503}, upstream_cluster: main`,
  other: `${abort503}, upstream_cluster: other`,
  nodes: `${abort503}, downstream_nodes: [ n1, n2 ]`,
  quiet: `${abort503}, disable_downstream_cluster_stats: true`,
  metadata: `${abort503}, filter_metadata: { who: test, deep: { n: 1 } }`,
  metadatadelay: `${delay(SOON)}, filter_metadata: { who: test }`,
  metadatanone: 'filter_metadata: { who: test }',
  percentoff: `${abort503}, abort_percent_runtime: f.zero`,
  percenton: `abort: { http_status: 503 }, abort_percent_runtime: f.hundred`,
  percentfraction: `abort: { http_status: 503 }, abort_percent_runtime: f.fraction`,
  status: `${abort503}, abort_http_status_runtime: f.status`,
  grpcstatus: `${abort('grpc_status: 5')}, abort_grpc_status_runtime: f.grpc`,
  headerstatus: `${abort('header_abort: {}')}, abort_http_status_runtime: f.status`,
  delayoff: `${delay('fixed_delay: 100s')}, delay_percent_runtime: f.zero`,
  duration: `${delay('fixed_delay: 100s')}, delay_duration_runtime: f.short`,
  duration0: `${delay('fixed_delay: 100s')}, delay_duration_runtime: f.zero`,
  limitoff: `${limit('fixed_limit: { limit_kbps: 1 }')}, response_rate_limit_percent_runtime: f.zero`,
}
const entry = (name: string, to = 'route: { cluster: main }') =>
  `- { match: { path: "/${name}" }, ${to}, typed_per_filter_config: { envoy.filters.http.fault: { ${TYPE}${faults[name] === '' ? '' : `, ${faults[name]}`} } } }`
const table = routes(
  [
    ...Object.keys(faults).map((name) => entry(name)),
    `- { match: { path: "/direct" }, direct_response: { status: 200, body: { inline_string: direct } }, typed_per_filter_config: { envoy.filters.http.fault: { ${TYPE}, ${abort503} } } }`,
    `- { match: { path: "/directmain" }, direct_response: { status: 200 }, typed_per_filter_config: { envoy.filters.http.fault: { ${TYPE}, ${abort503}, upstream_cluster: main } } }`,
    `- { match: { path: "/headed" }, route: { cluster: main }, response_headers_to_add: [ { header: { key: x-route, value: "1" } } ], typed_per_filter_config: { envoy.filters.http.fault: { ${TYPE}, ${abort503} } } }`,
    '- { match: { prefix: "/" }, route: { cluster: main } }',
  ].join('\n'),
)

const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% grpc=%GRPC_STATUS% tx=%BYTES_SENT% rx=%BYTES_RECEIVED% ' +
  'meta=%DYNAMIC_METADATA(envoy.filters.http.fault)% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%'
const hcm = `${downstreamTrailers}\nstream_idle_timeout: 60s`
const listener = (name: string, config: string, more: Partial<Parameters<typeof httpListener>[0]> = {}) =>
  httpListener({ name, hcm, filters: httpFilter('fault', 'HTTPFault', config), logFormat: LOG, ...more })

const listeners = [
  listener('main', '', { virtualHosts: table }),
  listener('faulty', abort503, { virtualHosts: table }),
  listener('keys', `${abort('http_status: 503')}, ${delay(SOON)}`),
  listener('quieted', `${abort503}, disable_downstream_cluster_stats: true`, { virtualHosts: table }),
  listener('small', limit('fixed_limit: { limit_kbps: 1000 }'), {
    listener: 'per_connection_buffer_limit_bytes: 1024',
  }),
  listener('smalldelay', delay('fixed_delay: 0.05s'), { listener: 'per_connection_buffer_limit_bytes: 64' }),
]
const RUNTIME = `layered_runtime: { layers: [ { name: static, static_layer: {
  f.zero: 0, f.hundred: 100, f.fraction: { numerator: 10000, denominator: TEN_THOUSAND }, f.status: 507, f.grpc: 9,
  f.short: 20, f.max0: 0,
  fault.http.c1.abort.abort_percent: 0, fault.http.c1.delay.fixed_delay_percent: 0,
  fault.http.c2.abort.http_status: 506, fault.http.c2.delay.fixed_duration_ms: 10,
  fault.http.c3.abort.abort_percent: 0 } } ] }`

const STATS = '\\.fault\\.'
const one = (name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `fault: ${name}`,
  steps: [step],
  stats: STATS,
  ...more,
})
const GRPC = ['content-type: application/grpc', 'te: trailers']
const bytes = (count: number) => 'x'.repeat(count)
const withTrailers = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n`
const slow = ['limit', 'limitdelay', 'limitabort', 'delay', 'delayabort', 'max1', 'duration', 'metadatadelay']

export const faultSuite: ParitySuite = {
  name: 'fault',
  yaml: bootstrap(listeners, [cluster('main', http1Options(upstreamTrailers))], RUNTIME),
  cases: [
    ...Object.keys(faults)
      .filter((name) => !slow.includes(name))
      .map((name) => one(`/${name}`, get(`/${name}`))),
    ...slow.map((name) => one(`/${name}`, get(`/${name}`), { quietMs: 150 })),
    one('abort of a POST', post('/abort', 'body')),
    one('abort of a HEAD', head('/abort')),
    one('abort of a gRPC call by HTTP status', request('POST', '/abort', [...GRPC, 'content-length: 0'])),
    one('abort of a gRPC call by gRPC status', request('POST', '/grpc', [...GRPC, 'content-length: 0'])),
    one('abort of a gRPC call with a body', request('POST', '/body', [...GRPC, 'content-length: 0'])),
    one('abort with headers of the route', get('/headed')),
    one('abort of a direct response', get('/direct')),
    one('direct response is for no cluster', get('/directmain')),
    one('filter and route', get('/none'), { listener: 'faulty' }),
    one('filter without route settings', get('/plain'), { listener: 'faulty' }),
    one('filter and other route', get('/abort404'), { listener: 'faulty' }),
    one('headers match', get('/headers', 'x-a: 1', 'x-b:')),
    one('headers match in part', get('/headers', 'x-a: 1')),
    one('inverted header', get('/inverted', 'x-a: 1')),
    one('node of the list', get('/nodes', 'x-envoy-downstream-service-node: n2')),
    one('node not of the list', get('/nodes', 'x-envoy-downstream-service-node: n3')),
    one('empty node', get('/nodes', 'x-envoy-downstream-service-node:')),
    ...[
      '600',
      '199',
      '404',
      'abc',
      '+404',
      '-1',
      '404.0',
      '',
      '0x1f4',
      ' 404 ',
      '18446744073709551615',
      '99999999999999999999',
    ].flatMap((value) => [
      one(`header abort ${JSON.stringify(value)}`, get('/headerabort', `x-envoy-fault-abort-request: ${value}`)),
    ]),
    one(
      'header abort, two values',
      get('/headerabort', 'x-envoy-fault-abort-request: 404', 'x-envoy-fault-abort-request: 500'),
    ),
    one('header abort, gRPC status', get('/headerabort', 'x-envoy-fault-abort-grpc-request: 7')),
    one('header abort, gRPC status out of range', get('/headerabort', 'x-envoy-fault-abort-grpc-request: 99')),
    one('header abort, no gRPC status', get('/headerabort', 'x-envoy-fault-abort-grpc-request: x')),
    one(
      'header abort, both',
      get('/headerabort', 'x-envoy-fault-abort-request: 404', 'x-envoy-fault-abort-grpc-request: 7'),
    ),
    one(
      'header abort of a gRPC call',
      request('POST', '/headerabort', [...GRPC, 'content-length: 0', 'x-envoy-fault-abort-grpc-request: 7']),
    ),
    one(
      'header abort, not at all',
      get('/headerabort', 'x-envoy-fault-abort-request: 404', 'x-envoy-fault-abort-request-percentage: 0'),
    ),
    one(
      'header abort, no percentage',
      get('/headerabort', 'x-envoy-fault-abort-request: 404', 'x-envoy-fault-abort-request-percentage: all'),
    ),
    one(
      'header abort, more than all',
      get('/headerabort', 'x-envoy-fault-abort-request: 404', 'x-envoy-fault-abort-request-percentage: 5000'),
    ),
    one(
      'header abort, more than allowed',
      get('/headerabortnever', 'x-envoy-fault-abort-request: 404', 'x-envoy-fault-abort-request-percentage: 100'),
    ),
    one('header abort, status by runtime', get('/headerstatus', 'x-envoy-fault-abort-request: 404')),
    one('header delay', get('/headerdelay', 'x-envoy-fault-delay-request: 20'), { quietMs: 150 }),
    one('header delay of nothing', get('/headerdelay', 'x-envoy-fault-delay-request: 0')),
    one('header delay, no number', get('/headerdelay', 'x-envoy-fault-delay-request: 20ms')),
    one(
      'header delay, not at all',
      get('/headerdelay', 'x-envoy-fault-delay-request: 20', 'x-envoy-fault-delay-request-percentage: 0'),
    ),
    one(
      'header delay, more than allowed',
      get('/headerdelaynever', 'x-envoy-fault-delay-request: 20', 'x-envoy-fault-delay-request-percentage: 100'),
    ),
    one('header limit', get('/headerlimit', 'x-envoy-fault-throughput-response: 100')),
    one('header limit of nothing', get('/headerlimit', 'x-envoy-fault-throughput-response: 0')),
    one('header limit, no number', get('/headerlimit', 'x-envoy-fault-throughput-response: fast')),
    one('header limit, huge', get('/headerlimit', 'x-envoy-fault-throughput-response: 18446744073709551615')),
    one(
      'header limit, not at all',
      get('/headerlimit', 'x-envoy-fault-throughput-response: 100', 'x-envoy-fault-throughput-response-percentage: 0'),
    ),
    one('delayed POST', post('/delay', 'some body')),
    one(
      'delayed POST with trailers',
      `${request('POST', '/delay', ['transfer-encoding: chunked'])}3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n`,
    ),
    one('delayed POST of more than the buffer', post('/any', bytes(5000)), { listener: 'smalldelay', quietMs: 200 }),
    {
      ...one('delayed, and the client goes', get('/duration0', 'x-envoy-fault-delay-request: 60000')),
      steps: [get('/headerdelay', 'x-envoy-fault-delay-request: 60000'), { quietMs: 50 }, { reset: true }],
    },
    {
      ...one('delayed and answered twice on one connection', ''),
      steps: [`${get('/delay')}${get('/abort')}`, { waitFor: 'fault filter abort' }],
      logLines: 2,
    },
    one('delayed, then aborted, as one fault', get('/max1'), { quietMs: 150 }),
    one('downstream cluster', get('/abort', 'x-envoy-downstream-service-cluster: who')),
    one('downstream cluster, delayed and aborted', get('/delayabort', 'x-envoy-downstream-service-cluster: who'), {
      quietMs: 150,
    }),
    one('downstream cluster of no name', get('/abort', 'x-envoy-downstream-service-cluster:')),
    one('downstream cluster without stats', get('/quiet', 'x-envoy-downstream-service-cluster: who')),
    one('downstream cluster without stats of the filter', get('/abort', 'x-envoy-downstream-service-cluster: who'), {
      listener: 'quieted',
    }),
    one('downstream cluster spared by runtime', get('/', 'x-envoy-downstream-service-cluster: c1'), {
      listener: 'keys',
    }),
    one('downstream cluster with its own numbers', get('/', 'x-envoy-downstream-service-cluster: c2'), {
      listener: 'keys',
      quietMs: 100,
    }),
    one('downstream cluster, only delayed', get('/', 'x-envoy-downstream-service-cluster: c3'), {
      listener: 'keys',
      quietMs: 100,
    }),
    one('downstream cluster without numbers', get('/', 'x-envoy-downstream-service-cluster: c4'), {
      listener: 'keys',
      quietMs: 100,
    }),
    one('slow response', get('/limit'), { reply: response(200, bytes(6000)), quietMs: 300 }),
    one('slow response in chunks', get('/limit'), {
      reply: chunkedResponse(bytes(100), bytes(200)),
      quietMs: 150,
      normalize: [
        [/\r\n[0-9a-f]+\r\n(x+)/g, '$1'],
        [/x+\r\n(?=x)/g, ''],
      ],
    }),
    one('slow response without a body', get('/limit'), { reply: response(200, ''), quietMs: 150 }),
    one('slow response to HEAD', head('/limit'), {
      reply: 'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n',
      quietMs: 150,
    }),
    one('slow response with trailers', get('/limit'), { reply: withTrailers, quietMs: 150 }),
    one('slow response with trailers alone', get('/limit'), {
      reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n',
      quietMs: 150,
    }),
    one('slow response of more than the buffer', get('/any'), {
      listener: 'small',
      reply: response(200, bytes(30_000)),
      quietMs: 200,
    }),
    {
      ...one('slow response that the backend breaks off', ''),
      steps: [get('/limit'), { waitClosed: true }],
      reply: ['HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc', { pauseMs: 100 }, { reset: true }],
    },
  ],
}
