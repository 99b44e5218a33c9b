/** Load shed points on the way of a request or connection: what is refused there, and what goes on. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post, request } from '../requests.ts'
import { accessLog, bootstrap, cluster, httpListener, indent, routes } from '../yaml.ts'
import { overloadManager, pressures, type Reaction } from './injected.ts'

const point: Reaction = { kind: 'load_shed_points', trigger: 'threshold: { value: 0.5 }' }
const names = [
  'http1_server_abort_dispatch',
  'http_downstream_filter_check',
  'connection_pool_new_connection',
  'tcp_proxy_on_data',
  'tcp_proxy_upstream_connect',
]
const reactions: Readonly<Record<string, Reaction>> = Object.fromEntries(names.map((name) => [name, point]))
const under = pressures(reactions)
const atRest = under('', '0', 0)
const [aborting, filtering, pooling, reading, connecting] = names.map((name) => under(name, '0.5', 100))

const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% grpc=%GRPC_STATUS% cluster=%UPSTREAM_CLUSTER% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% up=%UPSTREAM_TRANSPORT_FAILURE_REASON% local=%DOWNSTREAM_LOCAL_CLOSE_REASON%'
const toMain = routes(`
- { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: direct } } }
- { match: { prefix: "/none" }, route: { cluster_header: x-none } }
- { match: { prefix: "/empty" }, route: { cluster: empty } }
- { match: { prefix: "/retried" }, route: { cluster: main, retry_policy: { retry_on: "5xx,reset,connect-failure", num_retries: 2 } } }
- { match: { prefix: "/" }, route: { cluster: main } }
`)
const listener = (name: string, more = '', hcm = '') =>
  httpListener({ name, logFormat: LOG, hcm, listener: more, virtualHosts: toMain })
const TCP = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
const tcpListener = (name: string, more = '') => `
- name: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  stat_prefix: ${name}
  ${more}
  filter_chains:
  - filters:
    - name: tcp
      typed_config:
        "@type": ${TCP}
        stat_prefix: ${name}
        cluster: main
        max_connect_attempts: 2
        access_log:
${indent(accessLog(LOG), 8)}
`
const bypass = 'bypass_overload_manager: true'
const listeners = [
  listener('main'),
  listener('told', '', 'append_local_overload: true'),
  listener('bypassing', bypass),
  tcpListener('tcp'),
  tcpListener('tcp_bypassing', bypass),
]

const STATS =
  '(_overload_\\w+|downstream_rq_(total|completed|\\dxx|rx_reset|tx_reset)|shed_load_count|downstream_cx_(total|destroy|destroy_local|drain_close|protocol_error|no_route)|codec_error|upstream_(cx|rq)_\\w*(total|overflow|pending\\w*|connect_fail|retry\\w*|none_healthy|cancelled|local|\\dxx|completed|503))$'
const one = (
  name: string,
  prepare: ParityCase['prepare'],
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
) => ({
  name: `load shed: ${name}`,
  prepare,
  steps,
  stats: STATS,
  ...more,
})
const closed = { waitClosed: true } as const
const answered = { waitFor: '\r\n\r\nok' } as const
const answer = { waitFor: '\r\n\r\n' } as const
const none = { logLines: 0 }
const tcp = { listener: 'tcp', replyAt: 'connect' as const, reply: 'hello' }
const bypassing = { listener: 'bypassing' }
const begun = [post('/', 'half').slice(0, -2), { waitBackend: 'ha' }]

export const overloadPointsSuite: ParitySuite = {
  name: 'load shed points',
  yaml: bootstrap(listeners, [cluster('main'), '- { name: empty, connect_timeout: 1s }'], overloadManager(reactions)),
  cases: [
    one('HTTP/1', aborting, [get('/'), closed]),
    one('HTTP/1, told', aborting, [get('/'), closed], { listener: 'told' }),
    one('HTTP/1, part of a head', aborting, ['GET / HT', closed]),
    one('HTTP/1, the rest of a head', atRest, ['GET / HT', { quietMs: 50 }, ...aborting, 'TP/1.1\r\n', closed]),
    one('HTTP/1, the next request', atRest, [get('/'), answered, ...aborting, get('/'), closed], { logLines: 2 }),
    one('HTTP/1, a body', atRest, [...begun, ...aborting, 'lf', closed]),
    one(
      'HTTP/1, a body behind an answer that began',
      atRest,
      [...begun, { waitFor: '200' }, ...aborting, 'lf', closed],
      {
        replyAt: 'head',
        reply: ['HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok', { waitFor: 'never' }],
      },
    ),
    one('HTTP/1, no bytes', aborting, [{ quietMs: 50 }], none),
    one('HTTP/1, bypassed', aborting, [get('/'), answered], bypassing),
    one('router', filtering, [get('/'), answer]),
    one('router, told', filtering, [get('/'), answer], { listener: 'told' }),
    one('router, gRPC', filtering, [
      request('POST', '/a.B/C', ['content-type: application/grpc', 'te: trailers', 'content-length: 0']),
      answer,
    ]),
    one('router, HEAD', filtering, [request('HEAD', '/', []), answer]),
    one('router, POST', filtering, [post('/', 'body'), answer]),
    one('router, a direct response', filtering, [get('/direct'), answer]),
    one('router, no cluster', filtering, [get('/none'), answer]),
    one('router, no host', filtering, [get('/empty'), answer]),
    one('router, retried', filtering, [get('/retried'), answer]),
    one('router, the next request', atRest, [get('/'), answered, ...filtering, get('/'), { waitFor: '503' }], {
      logLines: 2,
    }),
    one('router, bypassed', filtering, [get('/'), answered], bypassing),
    one('pool', pooling, [get('/'), answer]),
    one('pool, retried', pooling, [get('/retried'), answer]),
    one(
      'pool, a connection that is there',
      atRest,
      [get('/'), answered, ...pooling, get('/'), { waitCount: ['\r\n\r\nok', 2] }],
      {
        logLines: 2,
      },
    ),
    one('pool, a direct response', pooling, [get('/direct'), answer]),
    one('pool, bypassed', pooling, [get('/'), answer], bypassing),
    one('pool, TCP', pooling, [closed], tcp),
    one('TCP, bytes', reading, [{ waitFor: 'hello' }, 'x', closed], tcp),
    one('TCP, bytes later', atRest, ['x', { waitBackend: 'x' }, ...reading, 'y', closed], tcp),
    one('TCP, no bytes', reading, [{ waitFor: 'hello' }], tcp),
    one('TCP, bytes, bypassed', reading, ['x', { waitBackend: 'x' }], { ...tcp, listener: 'tcp_bypassing' }),
    one('TCP, connections', connecting, [closed], tcp),
    one(
      'TCP, connections that are there',
      atRest,
      [{ waitFor: 'hello' }, ...connecting, 'x', { waitBackend: 'x' }],
      tcp,
    ),
    one('TCP, connections, bypassed', connecting, [{ waitFor: 'hello' }], { ...tcp, listener: 'tcp_bypassing' }),
  ],
}
