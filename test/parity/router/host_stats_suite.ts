/** What requests count in at their hosts (`per_endpoint_stats`): answers, failures, and those that had no connection. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post, request, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, routes } from '../yaml.ts'

const HOST_STATS = 'track_cluster_stats: { per_endpoint_stats: true }'
const FAST = 'retry_back_off: { base_interval: 0.001s, max_interval: 0.002s }'
const limited = (fields: string) => `${HOST_STATS}\ncircuit_breakers: { thresholds: [ { ${fields} } ] }`
const route = (path: string, action: string) => `- { match: { prefix: "/${path}" }, route: { ${action} } }\n`
const retry = (on: string, more = '') => `retry_policy: { retry_on: "${on}", num_retries: 2, ${FAST}${more} }`

const table = routes(
  [
    route('plain', 'cluster: main'),
    route('refused', 'cluster: refused'),
    route('retriedrefused', `cluster: refused, ${retry('connect-failure')}`),
    route('nopending', 'cluster: nopending'),
    route('norequests', 'cluster: norequests'),
    route('retriednopending', `cluster: nopending, ${retry('5xx,reset')}`),
    route('norefused', 'cluster: norefused'),
    route('timed', 'cluster: main, timeout: 0.1s'),
    route('waits', 'cluster: unanswered, timeout: 0.1s'),
    route('triedwaits', `cluster: unanswered, ${retry('5xx', ', per_try_timeout: 0.1s')}`),
    route('tried', `cluster: main, ${retry('5xx', ', per_try_timeout: 0.1s')}`),
    route('triedonce', 'cluster: main, retry_policy: { per_try_timeout: 0.1s }'),
    route('tryidle', 'cluster: main, retry_policy: { per_try_idle_timeout: 0.1s }'),
    route('retried', `cluster: main, ${retry('5xx,reset')}`),
    route('lasting', 'cluster: lasting'),
    route('redirected', 'cluster: main, internal_redirect_policy: {}'),
  ].join(''),
)

const HOSTS = '^cluster\\..*endpoint\\..*'
const one = (name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `host stats: ${name}`,
  steps: [step, { waitFor: '\r\n\r\n' }],
  stats: HOSTS,
  ...more,
})
const sick = response(503, 'sick')
/** Times out, or is tried again. */
const silent = { reply: [{ waitFor: 'never' }] } as const
const grpc = (path: string) =>
  request('POST', path, ['content-type: application/grpc', 'te: trailers', 'content-length: 0'])

export const hostStatsSuite: ParitySuite = {
  name: 'host stats',
  yaml: bootstrap(
    [httpListener({ name: 'main', virtualHosts: table })],
    [
      cluster('main', HOST_STATS),
      cluster('refused', HOST_STATS, '1'),
      cluster('nopending', limited('max_pending_requests: 0'), '{{backend:main}}'),
      cluster('norequests', limited('max_requests: 0'), '{{backend:main}}'),
      cluster('norefused', limited('max_pending_requests: 0'), '1'),
      // Nobody is to accept its connections, whose handshake with TLS waits for ever.
      cluster(
        'unanswered',
        `${HOST_STATS}\ntransport_socket: { name: tls, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext } }`,
        '{{backend:mute}}',
      ),
      cluster(
        'lasting',
        `${HOST_STATS}\ntyped_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, common_http_protocol_options: { max_stream_duration: 0.1s }, explicit_http_config: { http_protocol_options: {} } } }`,
        '{{backend:main}}',
      ),
    ],
  ),
  backends: ['main', 'mute'],
  scripts: { mute: { raw: true, onConnection: ({ socket }) => socket.pause() } },
  cases: [
    one('an answer', get('/plain')),
    one('a bad answer', get('/plain'), { reply: sick }),
    one('a client error', get('/plain'), { reply: response(404, 'no') }),
    one('a body', post('/plain', 'body')),
    one('no connection', get('/refused')),
    one('no connection, tried again', get('/retriedrefused')),
    one('nobody may wait', get('/nopending')),
    one('nobody may ask', get('/norequests')),
    one('nobody may wait, tried again', get('/retriednopending')),
    one('nobody may wait for a connection that would be refused', get('/norefused')),
    one('timeout', get('/timed'), silent),
    one('timeout without a connection', get('/waits')),
    one('timeouts of tries', get('/tried'), silent),
    one('timeout of the only try', get('/triedonce'), silent),
    one('timeouts of tries without a connection', get('/triedwaits')),
    one('idle timeout of a try', get('/tryidle'), silent),
    one('bad answers, tried again', get('/retried'), { reply: sick }),
    one('a bad answer, then a good one', get('/retried'), { replies: [[sick], [response(200, 'ok')]] }),
    one('reset', get('/plain'), { reply: [{ reset: true }] }),
    one('closed', get('/plain'), { reply: [{ finish: true }] }),
    one('resets, tried again', get('/retried'), { reply: [{ reset: true }] }),
    one('reset in the answer', get('/plain'), {
      reply: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok', { pauseMs: 50 }, { reset: true }],
    }),
    one('nonsense', get('/plain'), { reply: ['nonsense\r\n\r\n'] }),
    one('lasts too long', get('/lasting'), silent),
    one('an answer that lasts too long', get('/lasting'), {
      reply: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok', { waitFor: 'never' }],
    }),
    one('redirect', get('/redirected'), {
      logLines: 2,
      replies: [[response(302, 'moved', 'location: http://a.test/plain')], [response(200, 'ok')]],
    }),
    one('gRPC, good', grpc('/plain'), { reply: response(200, '', 'grpc-status: 0') }),
    one('gRPC, bad', grpc('/plain'), { reply: response(200, '', 'grpc-status: 14') }),
    one('gRPC, without a status', grpc('/plain'), { reply: response(200, '') }),
    one('gRPC, no connection', grpc('/refused')),
    one('the client leaves', '', { steps: [get('/plain'), { waitBackend: '/plain' }, { reset: true }], ...silent }),
  ],
}
