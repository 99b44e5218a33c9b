/** envoy.filters.http.bandwidth_limit: bodies that pass at once, bodies that wait, trailers that tell of it. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { chunkedResponse, get, head, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpFilter, httpListener, routes } from '../yaml.ts'
import { downstreamTrailers, upstreamTrailers } from './grpc_messages.ts'

const TYPE = '"@type": type.googleapis.com/envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit'
const BOTH = 'enable_mode: REQUEST_AND_RESPONSE'
const TOLD = 'enable_response_trailers: true'
/** A second's worth of data is in the bucket at first; the next comes slowly. */
const slowly = (kbps: number) => `limit_kbps: ${kbps}, fill_interval: 0.02s`

/** Each a route of its own: `/<name>`. */
const limits: Readonly<Record<string, string>> = {
  unset: 'limit_kbps: 1000',
  disabled: 'limit_kbps: 1000, enable_mode: DISABLED',
  request: 'limit_kbps: 1000, enable_mode: REQUEST',
  response: 'limit_kbps: 1000, enable_mode: RESPONSE',
  both: `limit_kbps: 1000, ${BOTH}`,
  never: `limit_kbps: 1000, ${BOTH}, runtime_enabled: { default_value: false, runtime_key: b.none }`,
  neverbyruntime: `limit_kbps: 1000, ${BOTH}, runtime_enabled: { default_value: true, runtime_key: b.off }`,
  alwaysbyruntime: `limit_kbps: 1000, ${BOTH}, runtime_enabled: { default_value: false, runtime_key: b.on }`,
  slowrequest: `${slowly(20)}, enable_mode: REQUEST, ${TOLD}`,
  slowresponse: `${slowly(21)}, enable_mode: RESPONSE, ${TOLD}`,
  slowboth: `${slowly(22)}, ${BOTH}, ${TOLD}`,
  slowprefixed: `${slowly(23)}, ${BOTH}, ${TOLD}, response_trailer_prefix: X-Test`,
  slowuntold: `${slowly(24)}, ${BOTH}`,
  told: `limit_kbps: 1000, enable_mode: RESPONSE, ${TOLD}`,
  tolduntouched: `limit_kbps: 1000, enable_mode: REQUEST, ${TOLD}`,
  reset: `limit_kbps: 1, ${BOTH}`,
}
const entry = (name: string) =>
  `- { match: { path: "/${name}" }, route: { cluster: main }, typed_per_filter_config: { envoy.filters.http.bandwidth_limit: { ${TYPE}, stat_prefix: ${name}, ${limits[name]} } } }`
const table = routes(
  [
    ...Object.keys(limits).map(entry),
    `- { match: { path: "/direct" }, direct_response: { status: 200, body: { inline_string: direct } } }`,
    '- { match: { prefix: "/" }, route: { cluster: main } }',
  ].join('\n'),
)

const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% tx=%BYTES_SENT% rx=%BYTES_RECEIVED%'
const hcm = `${downstreamTrailers}\nstream_idle_timeout: 60s`
const listener = (name: string, config: string, more: Partial<Parameters<typeof httpListener>[0]> = {}) =>
  httpListener({
    name,
    hcm,
    filters: httpFilter('bandwidth_limit', 'BandwidthLimit', config),
    logFormat: LOG,
    virtualHosts: table,
    ...more,
  })
const listeners = [
  listener('main', `stat_prefix: whole, limit_kbps: 1000, ${BOTH}`),
  listener('unlimited', 'stat_prefix: unlimited'),
  listener('stuck', `stat_prefix: stuck, ${BOTH}`),
  listener('small', `stat_prefix: small, limit_kbps: 1000, ${BOTH}`, {
    listener: 'per_connection_buffer_limit_bytes: 1024',
  }),
]
const RUNTIME = 'layered_runtime: { layers: [ { name: static, static_layer: { b: { "on": true, "off": false } } } ] }'

/** Sizes of single pieces depend on how TCP delivers, and how often the bucket was asked on the machine. */
const STATS = '_(enabled|pending|incoming_total_size|allowed_total_size|transfer_duration)$'
/** How long something took is a number of milliseconds, or nothing where it took less than one. */
const DURATIONS: readonly [RegExp, string][] = [
  [/\n *(x-test-)?bandwidth-\w+-delay-ms: \d+\r?(?=\n|$)/g, ''],
  // Trailers of nothing else, in HTTP/2.
  [/\nHEADERS end(?=\n(?! )|$)/g, ' end'],
  [/\nHEADERS\n((?: +.*\n)* +.*) end(?=\n|$)/g, '\nHEADERS end\n$1'],
  [/(bandwidth-\w+-filter-delay-ms): \d+/g, '$1: N'],
  [/\r\n[0-9a-f]+\r\n(x+)/g, '$1'],
  [/x+\r\n(?=x)/g, ''],
  [/x{200,}/g, 'x...'],
]
const one = (name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `bandwidth limit: ${name}`,
  steps: [step],
  stats: STATS,
  normalize: DURATIONS,
  ...more,
})
const bytes = (count: number) => 'x'.repeat(count)
const over = (kbps: number) => kbps * 1024 + 2000
const quick = Object.keys(limits).filter((name) => !name.startsWith('slow') && name !== 'reset')
const trailed = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n'
const trailersAlone = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n'
const chunkedPost = (path: string) =>
  `${request('POST', path, ['transfer-encoding: chunked'])}3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n`

export const bandwidthLimitSuite: ParitySuite = {
  name: 'bandwidth limit',
  yaml: bootstrap(listeners, [cluster('main', http1Options(upstreamTrailers))], RUNTIME),
  cases: [
    ...quick.map((name) => one(`/${name}, GET`, get(`/${name}`))),
    ...quick.map((name) => one(`/${name}, POST`, post(`/${name}`, 'some body'))),
    ...quick.map((name) =>
      one(`/${name}, HEAD`, head(`/${name}`), { reply: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n' }),
    ),
    one('the filter', post('/', 'some body')),
    one('the filter, without a limit', post('/', 'some body'), { listener: 'unlimited' }),
    one('direct response', get('/direct')),
    one('no limit, and nothing passes', post('/', 'some body'), { listener: 'stuck', quietMs: 200 }),
    one('no limit, and no body', get('/'), { listener: 'stuck', reply: response(200, '') }),
    one('empty response', get('/both'), { reply: response(200, '') }),
    one('empty chunked response', get('/both'), { reply: chunkedResponse() }),
    one('request with trailers', chunkedPost('/both')),
    one('response with trailers', get('/both'), { reply: trailed }),
    one('response with trailers alone', get('/both'), { reply: trailersAlone }),
    one('response with trailers, told', get('/told'), { reply: trailed }),
    one('response with trailers alone, told', get('/told'), { reply: trailersAlone }),
    one('empty response, told', get('/told'), { reply: response(200, '') }),
    one('empty chunked response, told', get('/told'), { reply: chunkedResponse() }),
    one('chunked response, told', get('/told'), { reply: chunkedResponse('abc', 'def') }),
    one('slow request', post('/slowrequest', bytes(over(20))), { quietMs: 300 }),
    one('slow response', get('/slowresponse'), { reply: chunkedResponse(bytes(over(21))), quietMs: 300 }),
    one('slow response of a known length', get('/slowresponse'), {
      reply: response(200, bytes(over(21))),
      quietMs: 300,
    }),
    one('both slow', post('/slowboth', bytes(over(22))), { reply: chunkedResponse(bytes(over(5))), quietMs: 300 }),
    one('both slow, with a prefix', post('/slowprefixed', bytes(over(23))), {
      reply: chunkedResponse(bytes(over(5))),
      quietMs: 300,
    }),
    one('both slow, and nothing told', post('/slowuntold', bytes(over(24))), {
      reply: chunkedResponse(bytes(over(5))),
      quietMs: 300,
    }),
    {
      ...one('the client goes while data waits', ''),
      stats: '^reset.*_(enabled|pending|incoming_total_size)$',
      normalize: [[/x+/g, 'x']],
      steps: [post('/reset', bytes(3000)), { quietMs: 100 }, { reset: true }],
    },
    one('more than the buffer', post('/', bytes(30_000)), {
      listener: 'small',
      reply: response(200, bytes(30_000)),
      quietMs: 100,
    }),
  ],
}
