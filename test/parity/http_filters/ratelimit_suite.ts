/** envoy.filters.http.ratelimit: what the service is asked, and what becomes of its answers. */
import type { RateLimitReply } from '../../support/rate_limit_service.ts'
import type { ParityCase, ParitySuite, Step } from '../case.ts'
import { get, request } from '../requests.ts'
import { bootstrap, cluster, HTTP_LOG, httpFilter, httpListener, indent } from '../yaml.ts'
import { actions, METADATA } from './local_ratelimit_suite.ts'

const ALL = 'default_value: { numerator: 100 }'
const NONE = 'default_value: { numerator: 0 }'
const TELL = 'enable_x_ratelimit_headers: DRAFT_VERSION_03'
/** Long enough for a machine with other things to do. */
const PATIENT = 'timeout: 5s'
const serviceOf = (name: string) =>
  `rate_limit_service: { transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: ${name} } } }`
const filterOf = (more = '', service = serviceOf('rls')) =>
  httpFilter('ratelimit', 'RateLimit', `domain: d, ${service}${more === '' ? '' : `, ${more}`}`)
const patient = (more = '') => filterOf(`${PATIENT}${more === '' ? '' : `, ${more}`}`)
const TYPE = '"@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute'
const perRoute = (config: string) =>
  `typed_per_filter_config: { envoy.filters.http.ratelimit: { ${TYPE}${config === '' ? '' : `, ${config}`} } }`
const limit = (value: string, more = '') => `{ actions: [ { generic_key: { descriptor_value: ${value} } } ]${more} }`
const limits = (...list: string[]) => `rate_limits: [ ${list.join(', ')} ]`
const route = (path: string, action: string, more = '') =>
  `- { match: { prefix: "${path}" }, route: { cluster: main, ${action} }${more === '' ? '' : `, ${more}`} }`
const host = (routes: readonly string[], more = '') =>
  `- name: all\n  domains: ["*"]\n${indent(more, 2)}\n  routes:\n${indent(routes.join('\n'), 2)}\n`
const LIMITED = host([
  route('/silent', limits(limit('rt', ', x_ratelimit_option: "OFF"'))),
  route('/', limits(limit('rt'))),
])
const LOG_FORMAT = `${HTTP_LOG} %DYNAMIC_METADATA(envoy.filters.http.ratelimit)% %DYNAMIC_METADATA(ns)%`
const listener = (name: string, filters: string, virtualHosts = LIMITED) =>
  httpListener({ name, filters, virtualHosts, logFormat: LOG_FORMAT })

const headers = (name: string) =>
  `[ { header: { key: ${name}, value: "%REQ(:path)% %RESPONSE_CODE%" } }, { header: { key: x-two, value: "2" } } ]`
const header = (key: string, value: string) => ({ key, value })

/** One listener for each way to configure the filter; all routes have a limit. */
const ways: Readonly<Record<string, string>> = {
  plain: patient(),
  tell: patient(TELL),
  deny: patient('failure_mode_deny: true'),
  denynone: patient(`failure_mode_deny: true, failure_mode_deny_percent: { ${NONE} }`),
  denyall: patient(`failure_mode_deny_percent: { ${ALL} }`),
  denyruntime: patient(`failure_mode_deny_percent: { ${NONE}, runtime_key: r.all }`),
  erroris: patient('failure_mode_deny: true, status_on_error: { code: ServiceUnavailable }'),
  errorok: patient('failure_mode_deny: true, status_on_error: { code: OK }'),
  status: patient('rate_limited_status: { code: ServiceUnavailable }'),
  statusok: patient('rate_limited_status: { code: OK }'),
  exhausted: patient('rate_limited_as_resource_exhausted: true'),
  quiet: patient('disable_x_envoy_ratelimited_header: true'),
  added: patient(`response_headers_to_add: ${headers('x-over')}`),
  retry: patient(`enable_retry_after_header: true, ${TELL}`),
  retryown: patient(
    'enable_retry_after_header: true, response_headers_to_add: [ { header: { key: retry-after, value: soon } } ]',
  ),
  prefix: patient('stat_prefix: pre'),
  namespace: patient('metadata_namespace: ns'),
  stage: patient('stage: 1'),
  internal: patient('request_type: internal'),
  external: patient('request_type: external'),
  disabled: patient(`filter_enabled: { ${NONE} }`),
  bykey: patient(`filter_enabled: { ${ALL}, runtime_key: r.none }`),
  shadow: patient(`filter_enforced: { ${NONE} }, ${TELL}, response_headers_to_add: ${headers('x-over')}`),
  nocluster: filterOf(PATIENT, serviceOf('gone')),
  nohost: filterOf(`${PATIENT}, failure_mode_deny: true`, serviceOf('empty')),
  refused: filterOf(`${PATIENT}, failure_mode_deny: true`, serviceOf('refused')),
  short: filterOf('timeout: 0.2s, failure_mode_deny: true'),
  endless: filterOf('timeout: 0s'),
  google: filterOf(
    PATIENT,
    'rate_limit_service: { transport_api_version: V3, grpc_service: { google_grpc: { target_uri: "127.0.0.1:{{rls}}", stat_prefix: goo } } }',
  ),
  initial: filterOf(
    PATIENT,
    serviceOf('rls').replace('envoy_grpc:', 'initial_metadata: [ { key: x-a, value: b } ], envoy_grpc:'),
  ),
}

/** Its own connect_timeout keeps it as it is where the suite goes over another transport. */
const grpcCluster = (name: string, port: string) =>
  cluster(name, 'http2_protocol_options: {}', port).replace('connect_timeout: 1s', 'connect_timeout: 2s')

const actionRoutes = Object.entries(actions).map(([name, list]) =>
  route(`/${name}`, `rate_limits: [ { actions: [ ${list} ] } ]`, METADATA),
)

const listeners = [
  ...Object.entries(ways).map(([name, filters]) => listener(name, filters)),
  listener('actions', patient(), host(actionRoutes)),
  listener(
    'hosts',
    patient(),
    host(
      [
        route('/none', 'timeout: 9s'),
        route('/route', limits(limit('rt'))),
        route('/include', `include_vh_rate_limits: true, ${limits(limit('rt'))}`),
        route('/two', limits(limit('one'), limit('two', ', stage: 0'), limit('other', ', stage: 1'))),
        route('/stage', limits(limit('rt', ', stage: 1'))),
        route('/disabled', limits(limit('rt', ', disable_key: none'))),
        route('/enabled', limits(limit('rt', ', disable_key: any'))),
        route('/hits', limits(limit('rt', ', hits_addend: { number: 5 }'))),
        route('/format', limits(limit('rt', ', hits_addend: { format: "%REQ(x-hits)%" }'))),
        route('/done', limits(limit('rt', ', apply_on_stream_done: true'))),
        route('/option', limits(limit('rt', ', x_ratelimit_option: DRAFT_VERSION_03'))),
        route('/ownoption', 'timeout: 9s', perRoute(limits(limit('own', ', x_ratelimit_option: DRAFT_VERSION_03')))),
        route('/ignore', 'timeout: 9s', perRoute('vh_rate_limits: IGNORE')),
        route('/both', limits(limit('rt')), perRoute('vh_rate_limits: INCLUDE')),
        route('/override', limits(limit('rt')), perRoute('vh_rate_limits: OVERRIDE')),
        route('/policy', limits(limit('rt')), perRoute('override_option: INCLUDE_POLICY')),
        route('/domain', limits(limit('rt')), perRoute('domain: other')),
        route('/own', limits(limit('rt')), perRoute(`domain: other, ${limits(limit('own'))}`)),
        route('/ownhits', 'timeout: 9s', perRoute(limits(limit('own', ', hits_addend: { number: 5 }')))),
        route(
          '/ownback',
          'timeout: 9s',
          perRoute(limits(limit('own', ', hits_addend: { number: 5, is_negative_hits: true }'))),
        ),
        route(
          '/ownformat',
          'timeout: 9s',
          perRoute(limits(limit('own', ', hits_addend: { format: "%REQ(x-hits)%" }'))),
        ),
        route('/owndone', 'timeout: 9s', perRoute(limits(limit('own', ', apply_on_stream_done: true')))),
        route(
          '/ownboth',
          'timeout: 9s',
          perRoute(
            limits(
              limit('own'),
              limit('done', ', apply_on_stream_done: true, hits_addend: { format: "%RESPONSE_CODE%" }'),
            ),
          ),
        ),
        route(
          '/owndonemeta',
          'timeout: 9s',
          perRoute(
            limits(
              limit('own'),
              '{ apply_on_stream_done: true, actions: [ { metadata: { descriptor_key: m, metadata_key: { key: envoy.filters.http.ratelimit, path: [ { key: a } ] } } } ] }',
            ),
          ),
        ),
        '- { match: { prefix: "/direct" }, direct_response: { status: 200 } }',
        '- { match: { prefix: "/unknown" }, route: { cluster_header: x-cluster } }',
      ],
      limits(limit('vh')),
    ),
  ),
  listener(
    'own',
    patient(limits(limit('own'), limit('done', ', apply_on_stream_done: true'))),
    host([
      route('/route', limits(limit('rt'))),
      route('/own', 'timeout: 9s', perRoute(limits(limit('routes')))),
      '- { match: { prefix: "/direct" }, direct_response: { status: 200 } }',
      route('/', 'timeout: 9s'),
    ]),
  ),
  listener(
    'metadata',
    `${patient('metadata_namespace: ns')}\n${patient('stage: 1')}`,
    host([
      route(
        '/',
        limits(
          limit('rt'),
          '{ stage: 1, limit: { dynamic_metadata: { metadata_key: { key: ns, path: [ { key: limit } ] } } }, actions: [ { metadata: { descriptor_key: m, metadata_key: { key: ns, path: [ { key: a }, { key: b } ] } } } ] }',
        ),
      ),
    ]),
  ),
]

const over: RateLimitReply = { response: { overallCode: 'OVER_LIMIT' } }
const OK = { overallCode: 'OK' }
const OVER = { overallCode: 'OVER_LIMIT' }
const statuses = (...list: object[]) => ({ statuses: list })
const status = (
  requestsPerUnit: number,
  unit: string,
  limitRemaining: number,
  durationUntilReset: number,
  more: object = {},
  name = '',
) => ({
  code: 'OK',
  currentLimit: { requestsPerUnit, unit, name },
  limitRemaining,
  durationUntilReset,
  ...more,
})
const OVERLIMIT = { code: 'OVER_LIMIT' }

const one = (
  name: string,
  listenerName: string,
  rateLimit: RateLimitReply | undefined,
  steps: string | readonly Step[] = get('/'),
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `rate limit: ${name}`,
  listener: listenerName,
  steps: typeof steps === 'string' ? [steps, { waitFor: 'HTTP/1.1 ' }] : steps,
  stats:
    '^grpc\\.goo\\.streams|^cluster\\.(main|rls|refused|empty|gone)\\.(.*ratelimit|.*upstream_rq_|upstream_cx_none)',
  ...(rateLimit === undefined ? {} : { rateLimit }),
  ...more,
})
const says = (name: string, listenerName: string, response: object, steps?: string | readonly Step[]) =>
  one(name, listenerName, { response }, steps)
const action = (name: string, step = get(`/${name}`), note = '') =>
  one(`action ${name}${note}`, 'actions', undefined, step)
const GRPC = ['content-type: application/grpc', 'te: trailers', 'content-length: 0']
const failure: RateLimitReply = { error: { code: 13, details: 'broken' } }
const silent: RateLimitReply = { silent: true }

const several = statuses(
  status(10, 'MINUTE', 5, 30_500),
  status(20, 'HOUR', 2, 61_000, {}, 'named'),
  status(30, 'DAY', 7, 99_000),
)

export const rateLimitSuite: ParitySuite = {
  name: 'rate limit',
  rateLimitService: true,
  yaml: bootstrap(
    listeners,
    [
      cluster('main', 'metadata: { filter_metadata: { ns: { c: cv } } }'),
      grpcCluster('rls', '{{rls}}'),
      grpcCluster('refused', '1'),
      '- { name: empty }',
    ],
    'node: { id: me, cluster: me }\nlayered_runtime: { layers: [ { name: static, static_layer: { r.all: 100, r.none: 0, ratelimit.none.http_filter_enabled: 0 } } ] }',
  ),
  cases: [
    one('all is well', 'plain', undefined),
    one('over the limit', 'plain', over),
    one('an unknown answer', 'plain', { response: {} }),
    one('an answer that is no message', 'plain', { bytes: Buffer.from([0xff, 0xff]) }),
    one('a service that fails', 'plain', failure),
    one('a target beside the clusters', 'google', over),
    one('a target beside the clusters that fails', 'google', failure),
    one('metadata for the service', 'initial', undefined),
    one('a client that goes away', 'plain', { silent: true }, [get('/'), { quietMs: 100 }, { reset: true }]),
    one('a service that fails, and no request may pass', 'deny', failure),
    ...['denynone', 'denyall', 'denyruntime', 'erroris', 'errorok'].map((name) =>
      one(`a failure, ${name}`, name, failure),
    ),
    one('a failure of a gRPC call', 'deny', failure, request('POST', '/', GRPC)),
    ...[
      'status',
      'statusok',
      'exhausted',
      'quiet',
      'added',
      'prefix',
      'stage',
      'internal',
      'external',
      'disabled',
      'bykey',
      'shadow',
    ].map((name) => one(`over the limit, ${name}`, name, over)),
    one('over the limit, internal by header', 'internal', over, get('/', 'x-envoy-internal: true')),
    ...['plain', 'exhausted', 'status'].map((name) =>
      one(`over the limit, a gRPC call, ${name}`, name, over, request('POST', '/', GRPC)),
    ),
    one('a cluster that is not there', 'nocluster', undefined),
    one('a cluster without hosts', 'nohost', undefined),
    one('a service that is not there', 'refused', undefined),
    // The service's own library may end the call a moment before the proxy does: what its cluster counts is chance.
    one('no answer in time', 'short', silent, get('/'), { stats: '^cluster\\.main\\.' }),
    one('an answer after a while without a limit', 'endless', { response: OK, delayMs: 300 }),
    one('an answer after a while', 'plain', { response: OK, delayMs: 100 }),
    says(
      'headers for the request and the response',
      'plain',
      {
        ...OK,
        requestHeadersToAdd: [header('X-For', 'a'), header('x-two', 'b'), header('x-forwarded-for', 'c')],
        responseHeadersToAdd: [
          header('X-Back', 'a'),
          header('x-two', 'b'),
          header('server', 'c'),
          header('content-type', 'x'),
        ],
      },
      get('/', 'x-two: mine'),
    ),
    says('headers of an answer over the limit', 'added', {
      ...OVER,
      rawBody: Buffer.from('{"error":"slow down"}'),
      requestHeadersToAdd: [header('X-For', 'a')],
      responseHeadersToAdd: [header('X-Back', 'a'), header('x-two', 'b'), header('content-type', 'application/json')],
    }),
    says('a body', 'plain', { ...OVER, rawBody: Buffer.from('slow down') }),
    says('a body for HEAD', 'plain', { ...OVER, rawBody: Buffer.from('slow down') }, request('HEAD', '/', [])),
    says('a body for gRPC', 'plain', { ...OVER, rawBody: Buffer.from('slow down') }, request('POST', '/', GRPC)),
    says('metadata', 'plain', { ...OK, dynamicMetadata: { a: { b: 1 }, c: 'd' } }),
    says('metadata over the limit', 'plain', { ...OVER, dynamicMetadata: { a: 1 } }),
    says('metadata in a namespace', 'namespace', { ...OVER, dynamicMetadata: { a: 1 } }),
    says('empty metadata', 'plain', { ...OK, dynamicMetadata: {} }),
    says('limits', 'tell', { ...OK, ...several }),
    says('limits over the limit', 'tell', { ...OVER, ...several }),
    says('limits of no unit', 'tell', {
      ...OK,
      ...statuses(status(10, 'UNKNOWN', 5, 30_000), status(10, 'SECOND', 5, 1_000)),
    }),
    ...['WEEK', 'MONTH', 'YEAR'].map((unit) =>
      says(`limits, ${unit}`, 'tell', { ...OK, ...statuses(status(10, unit, 5, 30_000)) }),
    ),
    says('limits of several units', 'tell', {
      ...OK,
      ...statuses({
        ...status(10, 'MINUTE', 5, 30_000),
        currentLimit: { requestsPerUnit: 10, unit: 'MINUTE', unitMultiplier: 5 },
      }),
    }),
    says('limits that are none', 'tell', { ...OK, ...statuses({ code: 'OK', limitRemaining: 1 }) }),
    says('limits, not told', 'plain', { ...OK, ...several }),
    says('limits, told for a descriptor', 'hosts', { ...OK, ...several }, get('/option')),
    says('limits, told for a descriptor of the filter', 'hosts', { ...OK, ...several }, get('/ownoption')),
    ...['option', 'ownoption'].map((name) =>
      says(
        `the only limit, told for its descriptor, ${name}`,
        'hosts',
        { ...OK, ...statuses(status(9, 'DAY', 1, 2000)) },
        get(`/${name}`),
      ),
    ),
    says(
      'the least limit, told for its descriptor alone',
      'hosts',
      { ...OK, ...statuses(status(9, 'DAY', 1, 2000), status(8, 'DAY', 5, 2000)) },
      get('/option'),
    ),
    says('limits, not told for a descriptor', 'tell', { ...OK, ...several }, get('/silent')),
    says(
      'the least limit, not told for its descriptor',
      'tell',
      { ...OK, ...statuses(status(9, 'DAY', 1, 2000), status(8, 'DAY', 5, 2000)) },
      get('/silent'),
    ),
    says(
      'the only limit, not told for its descriptor',
      'retry',
      { ...OVER, ...statuses(status(9, 'DAY', 1, 2000, OVERLIMIT)) },
      get('/silent'),
    ),
    says('limits in shadow', 'shadow', { ...OVER, ...several }),
    says('retry after', 'retry', {
      ...OVER,
      ...statuses(
        status(1, 'HOUR', 0, 61_500, OVERLIMIT),
        status(1, 'HOUR', 0, 91_500, OVERLIMIT),
        status(1, 'HOUR', 0, 95_000),
      ),
    }),
    says('retry after less than a second', 'retry', { ...OVER, ...statuses(status(1, 'HOUR', 0, 500, OVERLIMIT)) }),
    says('retry after no time', 'retry', { ...OVER, ...statuses(status(1, 'HOUR', 0, 0, OVERLIMIT)) }),
    says('retry after, without a time', 'retry', {
      ...OVER,
      ...statuses({ code: 'OVER_LIMIT' }, { code: 'OK', durationUntilReset: 5000 }),
    }),
    says('retry after nothing', 'retry', { ...OVER }),
    says('retry after, all is well', 'retry', { ...OK, ...statuses(status(1, 'HOUR', 0, 61_500)) }),
    says('retry after of its own', 'retryown', { ...OVER, ...statuses(status(1, 'HOUR', 0, 61_500, OVERLIMIT)) }),
    says('retry after of the service', 'retry', {
      ...OVER,
      ...statuses(status(1, 'HOUR', 0, 61_500, OVERLIMIT)),
      responseHeadersToAdd: [header('retry-after', 'later')],
    }),
    says('a request with a body', 'plain', OK, `${request('POST', '/', ['content-length: 4'])}body`),
    says('a request with a body over the limit', 'plain', OVER, `${request('POST', '/', ['content-length: 4'])}body`),
    says('a quota', 'plain', { ...OK, quota: { requests: 5, validUntil: 32_503_680_000_000 } }, [
      get('/'),
      { waitFor: 'ok' },
      get('/'),
    ]),
    ...Object.keys(actions).map((name) => action(name)),
    ...['header', 'skipped', 'genericformat', 'match', 'nomatch', 'input'].flatMap((name) => [
      action(name, get(`/${name}`, 'x-h: a'), ', with the header'),
      action(name, get(`/${name}`, 'x-h:'), ', with an empty header'),
    ]),
    action('header', get('/header', 'x-h: \xc3\xbc'), ', in UTF-8'),
    action('header', get('/header', 'x-h: \xfc'), ', not in UTF-8'),
    action('two', get('/two', 'x-h: a'), ', both'),
    action('matchkey', get('/matchkey', 'x-h: a', 'x-i: b'), ', both'),
    ...['query', 'queryskipped', 'querymatch', 'querynomatch'].flatMap((name) =>
      ['?q=a', '?q=a%20b', '?q'].map((query) => action(name, get(`/${name}${query}`), `, ${query}`)),
    ),
    ...'none route include two stage disabled enabled hits done option ignore both override policy domain own ownhits ownback owndone ownboth direct unknown'
      .split(' ')
      .map((name) => one(`virtual host and route, ${name}`, 'hosts', undefined, get(`/${name}`, 'x-cluster: unknown'))),
    ...['format', 'ownformat'].flatMap((name) =>
      ['7', '1.9', '-1', 'x'].map((hits) =>
        one(`${name}, hits ${hits}`, 'hosts', undefined, get(`/${name}`, `x-hits: ${hits}`)),
      ),
    ),
    one('when the stream is done, over the limit', 'hosts', over, get('/ownboth')),
    says(
      'when the stream is done, with metadata',
      'hosts',
      { ...OK, dynamicMetadata: { a: 'x' } },
      get('/owndonemeta'),
    ),
    ...['route', 'own', 'direct', 'any'].map((name) =>
      one(`limits of the filter, ${name}`, 'own', undefined, get(`/${name}`)),
    ),
    ...[
      { a: { b: 'x' }, limit: { requests_per_unit: 42, unit: 'HOUR' } },
      { a: { b: 'x' }, limit: { requests_per_unit: 42 } },
      { a: { b: 'x' }, limit: { requests_per_unit: 4.7, unit: 'SOME' } },
      { a: { b: 'x' }, limit: { requests_per_unit: '4', unit: 'DAY' } },
      { a: { b: 'x' } },
    ].map((dynamicMetadata) =>
      says(`a limit of metadata, ${JSON.stringify(dynamicMetadata)}`, 'metadata', { ...OK, dynamicMetadata }),
    ),
  ],
}
