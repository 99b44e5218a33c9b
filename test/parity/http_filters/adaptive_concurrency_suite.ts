/** envoy.filters.http.adaptive_concurrency: what is turned away, and how the limit begins and follows. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, OK, post, request } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener } from '../yaml.ts'

/** With updates so seldom that none comes meanwhile. */
const gradient = (minRtt: string, limit = '', updateInterval = '1000s') =>
  `gradient_controller_config: { concurrency_limit_params: { concurrency_update_interval: ${updateInterval}${limit} }, ` +
  `min_rtt_calc_params: { ${minRtt} } }`
const measuring = 'interval: 1000s, min_concurrency: 1'
const oneAtATime = gradient(measuring)
/** Any answer comes sooner than that: the limit doubles. */
const slowRoundTrip = 'fixed_value: 100s'

/** Each the filter of a listener of its own. */
const filters: Readonly<Record<string, string>> = {
  main: oneAtATime,
  status429: `${oneAtATime}, concurrency_limit_exceeded_status: { code: TooManyRequests }`,
  status200: `${oneAtATime}, concurrency_limit_exceeded_status: { code: OK }`,
  disabled: `${oneAtATime}, enabled: { default_value: false, runtime_key: c.none }`,
  disabledbyruntime: `${oneAtATime}, enabled: { default_value: true, runtime_key: c.no }`,
  fixed: gradient('fixed_value: 0.1s', ', min_concurrency_limit: 1'),
  fixeddefault: gradient('fixed_value: 0.25s'),
  measured: gradient(`${measuring}, request_count: 2`),
  growing: gradient(slowRoundTrip, ', min_concurrency_limit: 4', '0.05s'),
  bounded: gradient(slowRoundTrip, ', min_concurrency_limit: 4, max_concurrency_limit: 5', '0.05s'),
}
const RUNTIME = 'layered_runtime: { layers: [ { name: static, static_layer: { c: { "no": false } } } ] }'
const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% grpc=%GRPC_STATUS%'
const listeners = Object.entries(filters).map(([name, config]) =>
  httpListener({
    name,
    filters: httpFilter('adaptive_concurrency', 'AdaptiveConcurrency', config),
    logFormat: LOG,
  }),
)

const one = (
  name: string,
  listener: string,
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `adaptive concurrency: ${name}`,
  listener,
  steps,
  stats: '(rq_blocked|concurrency_limit|gradient|burst_queue_size|calculation_active)$',
  ...more,
})
/** While a request is under way on another connection. */
const second = (name: string, listener: string, text = get('/')): ParityCase =>
  one(`a second request, ${name}`, listener, [text], {
    holdConnections: 1,
    holdBytes: get('/held'),
    reply: [{ pauseMs: 300 }, OK],
    quietMs: 400,
  })
const GRPC = ['content-type: application/grpc', 'te: trailers', 'content-length: 0']

export const adaptiveConcurrencySuite: ParitySuite = {
  name: 'adaptive concurrency',
  yaml: bootstrap(listeners, [cluster('main')], RUNTIME),
  cases: [
    one('gauges at first', 'main', [{ admin: '/stats?filter=gradient_controller' }], { logLines: 0 }),
    one('one after the other', 'main', [get('/'), { waitFor: 'ok' }, get('/'), { waitCount: ['ok', 2] }], {
      logLines: 2,
    }),
    second('too many', 'main'),
    second('too many, POST', 'main', post('/', 'body')),
    second('too many, gRPC', 'main', request('POST', '/a.B/C', GRPC)),
    second('another status', 'status429'),
    second('a status that is no error', 'status200'),
    second('disabled', 'disabled'),
    second('disabled by runtime', 'disabledbyruntime'),
    second('over a limit without measurement', 'fixed'),
    second('below a limit without measurement', 'fixeddefault'),
    one(
      'one measurement',
      'measured',
      [get('/'), { waitFor: 'ok' }, { quietMs: 20 }, get('/'), { waitCount: ['ok', 2] }],
      {
        logLines: 2,
      },
    ),
    one('a limit that grows', 'growing', [get('/'), { waitFor: 'ok' }, { quietMs: 200 }]),
    one('a limit that has grown', 'growing', [get('/'), { waitFor: 'ok' }, { quietMs: 200 }]),
    one('a limit that grows as far as it may', 'bounded', [get('/'), { waitFor: 'ok' }, { quietMs: 200 }]),
  ],
}
