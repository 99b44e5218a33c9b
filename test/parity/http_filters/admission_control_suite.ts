/** envoy.filters.http.admission_control: what counts as a success, and when the next request is turned away. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpFilter, httpListener } from '../yaml.ts'
import { answer, downstreamTrailers, grpcAnswer, grpcCall, trailersOnly, upstreamTrailers } from './grpc_messages.ts'

/** So eager that one failure too many turns every request away, whatever is drawn; nothing is forgotten meanwhile. */
const eager = (successRate: number, more = '') =>
  'success_criteria: {}, sampling_window: 1000s, aggression: { default_value: 1000000, runtime_key: a.none }, ' +
  'max_rejection_probability: { default_value: { value: 100 }, runtime_key: a.none }, ' +
  `sr_threshold: { default_value: { value: ${successRate} }, runtime_key: a.none }${more}`
const never = 'max_rejection_probability: { default_value: { value: 0 }, runtime_key: a.none }, sampling_window: 1000s'
const criteria = (text: string) => `${never}, success_criteria: { ${text} }`

/** Each the filter of a listener of its own: what one case leaves behind is not another's. */
const filters: Readonly<Record<string, string>> = {
  main: criteria(''),
  http: criteria('http_criteria: { http_success_status: [ { start: 200, end: 300 }, { start: 404, end: 405 } ] }'),
  grpc: criteria('grpc_criteria: { grpc_success_status: [ 0, 14 ] }'),
  eager: eager(100),
  eagergrpc: eager(100),
  half: eager(50),
  most: eager(90),
  never: eager(100).replace('value: 100 }, runtime_key', 'value: 0 }, runtime_key'),
  disabled: eager(100, ', enabled: { default_value: false, runtime_key: a.none }'),
  disabledbyruntime: eager(100, ', enabled: { default_value: true, runtime_key: a.no }'),
  rps: eager(100, ', rps_threshold: { default_value: 1, runtime_key: a.none }'),
  rpsbyruntime: eager(100, ', rps_threshold: { default_value: 0, runtime_key: a.many }'),
  ratebyruntime: eager(50).replace('value: 50 }, runtime_key: a.none', 'value: 50 }, runtime_key: a.all'),
  ratebadbyruntime: eager(50).replace('value: 50 }, runtime_key: a.none', 'value: 50 }, runtime_key: a.many'),
  mostbyruntime: eager(100).replace('value: 100 }, runtime_key: a.none', 'value: 100 }, runtime_key: a.zero'),
  tame: eager(100),
}
const RUNTIME =
  'layered_runtime: { layers: [ { name: static, static_layer: { a: { "no": false, many: 100000, all: 100, zero: 0 } } } ] }'
const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% grpc=%GRPC_STATUS%'
const listeners = Object.entries(filters).map(([name, config]) =>
  httpListener({
    name,
    hcm: downstreamTrailers,
    filters: httpFilter('admission_control', 'AdmissionControl', config),
    logFormat: LOG,
  }),
)

const ok = response(200, 'ok')
const broken = response(500, 'broken')
const withLength = (status: number) => response(status, `status ${status}`)
const statusAlone = (status: string) => trailersOnly(`grpc-status: ${status}`)
const GRPC = ['content-type: application/grpc', 'te: trailers', 'content-length: 0']

const one = (name: string, listener: string, replies: readonly string[], requests: readonly string[]): ParityCase => ({
  name: `admission control: ${name}`,
  listener,
  steps: requests.flatMap((text, i) => [
    text,
    { waitCount: ['HTTP/1.1 ', i + 1] as [string, number] },
    { quietMs: 20 },
  ]),
  replies: replies.map((reply) => [reply]),
  stats: 'admission_control',
  logLines: requests.length,
})
const gets = (count: number) => Array.from({ length: count }, () => get('/'))
const counted = (name: string, listener: string, reply: string, text = get('/')) => one(name, listener, [reply], [text])
const call = grpcCall('/a.B/C', 'hello')

export const admissionControlSuite: ParitySuite = {
  name: 'admission control',
  yaml: bootstrap(listeners, [cluster('main', http1Options(upstreamTrailers))], RUNTIME),
  cases: [
    ...[200, 304, 404, 499, 500, 503, 599].map((status) =>
      counted(`status ${status}`, 'main', status === 304 ? 'HTTP/1.1 304 X\r\n\r\n' : withLength(status)),
    ),
    ...[200, 299, 300, 403, 404, 405, 500].map((status) =>
      counted(`status ${status} by ranges`, 'http', withLength(status)),
    ),
    ...Array.from({ length: 18 }, (_, status) =>
      counted(`gRPC status ${status}`, 'main', statusAlone(String(status)), call),
    ),
    ...[0, 1, 14].map((status) =>
      counted(`gRPC status ${status} of a list`, 'grpc', statusAlone(String(status)), call),
    ),
    counted('gRPC status is no number', 'main', statusAlone('zero'), call),
    counted('gRPC status in trailers', 'main', grpcAnswer(['hi']), call),
    counted('gRPC failure in trailers', 'main', grpcAnswer(['hi'], 14), call),
    counted('gRPC trailers without status', 'main', answer(['hi'], { trailers: ['x-t: 1'] }), call),
    counted('gRPC response without trailers', 'main', answer(['hi']), call),
    counted('gRPC call, HTTP error', 'main', withLength(503), call),
    one('a failure, and all others are turned away', 'eager', [broken, ok], gets(3)),
    one(
      'a failed gRPC call, and all others are turned away',
      'eagergrpc',
      [statusAlone('14'), statusAlone('0')],
      [call, request('POST', '/a.B/C', GRPC), call],
    ),
    one('as many failures as successes are enough', 'half', [ok, broken, ok, broken, broken, ok], gets(7)),
    one('nine of ten are not enough for a failure more', 'most', [ok, ok, ok, broken, ok], gets(5)),
    one('a probability of zero', 'never', [broken, broken, ok], gets(3)),
    one('disabled', 'disabled', [broken, ok], gets(3)),
    one('disabled by runtime', 'disabledbyruntime', [broken, ok], gets(3)),
    one('too few requests a second', 'rps', [broken, ok], gets(3)),
    one('too few requests a second by runtime', 'rpsbyruntime', [broken, ok], gets(3)),
    one('a success rate by runtime', 'ratebyruntime', [ok, broken, ok], gets(3)),
    one('a success rate by runtime that is none', 'ratebadbyruntime', [ok, broken, ok], gets(3)),
    one('a probability by runtime', 'mostbyruntime', [broken, ok], gets(3)),
    {
      ...one('a client that goes is neither success nor failure', 'tame', [], []),
      steps: [get('/'), { waitBackend: 'GET' }, { reset: true }],
      reply: [{ pauseMs: 300 }, ok],
      replies: undefined,
      logLines: 1,
    },
    {
      ...one('a backend that goes is a failure', 'tame', [], []),
      steps: [get('/'), { waitFor: 'HTTP/1.1 ' }, { quietMs: 20 }, get('/')],
      reply: [{ reset: true }],
      replies: undefined,
      logLines: 2,
    },
  ],
}
