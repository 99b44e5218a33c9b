/** The overload manager: what each action and load shed point does, by pressures that stand in files. */
import type { ParityCase, ParitySuite, Preparation } from '../case.ts'
import { get, OK, post, request } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'
import { overloadManager, pressures, type Reaction } from './injected.ts'

/** What is done at which pressure. */
const reactions: Readonly<Record<string, Reaction>> = {
  stop_accepting_requests: { kind: 'overload_actions', trigger: 'threshold: { value: 0.9 }' },
  disable_http_keepalive: {
    kind: 'overload_actions',
    trigger: 'scaled: { scaling_threshold: 0.5, saturation_threshold: 0.8 }',
  },
  stop_accepting_connections: { kind: 'overload_actions', trigger: 'threshold: { value: 0.95 }' },
  reject_incoming_connections: { kind: 'overload_actions', trigger: 'threshold: { value: 1 }' },
  tcp_listener_accept: { kind: 'load_shed_points', trigger: 'threshold: { value: 0.5 }' },
  hcm_ondata_creating_codec: { kind: 'load_shed_points', trigger: 'threshold: { value: 0.5 }' },
  http_connection_manager_decode_headers: {
    kind: 'load_shed_points',
    trigger: 'scaled: { scaling_threshold: 0.5, saturation_threshold: 0.8 }',
  },
}
const under = pressures(reactions)

const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% grpc=%GRPC_STATUS%'
const listener = (name: string, more: Partial<Parameters<typeof httpListener>[0]> = {}) =>
  httpListener({ name, logFormat: LOG, ...more })
const listeners = [
  listener('main'),
  listener('told', { hcm: 'append_local_overload: true' }),
  listener('bypassing', { listener: 'bypass_overload_manager: true' }),
]

const STATS =
  '(_overload_\\w+|downstream_rq_(total|completed|5xx|2xx)|shed_load_count|downstream_cx_(total|destroy|destroy_local|drain_close))$'
const one = (name: string, prepare: Preparation[], steps: ParityCase['steps'], more: Partial<ParityCase> = {}) => ({
  name: `overload: ${name}`,
  prepare,
  steps,
  stats: STATS,
  ...more,
})
const GRPC = ['content-type: application/grpc', 'te: trailers', 'content-length: 0']
const refusing = under('stop_accepting_requests', '0.9', 100)
const closing = under('disable_http_keepalive', '0.8', 100)
const shedding = under('http_connection_manager_decode_headers', '0.85', 100)
const atRest = under('', '0', 0)
const twice = [get('/'), { waitFor: '\r\n\r\n' }, { quietMs: 20 }, get('/')]
const SCALES =
  '/stats?filter=(overload_actions.*(active|scale_percent)|load_shed_points.*scale_percent|r\\..*pressure)$'

export const overloadSuite: ParitySuite = {
  name: 'overload',
  yaml: bootstrap(listeners, [cluster('main')], overloadManager(reactions)),
  cases: [
    one('at rest', atRest, [get('/')]),
    one('requests, below the threshold', under('stop_accepting_requests', '0.89', 0), [get('/')]),
    one('requests', refusing, [get('/')]),
    one('requests, POST', refusing, [post('/', 'body')]),
    one('requests, HEAD', refusing, [request('HEAD', '/', [])]),
    one('requests, gRPC', refusing, [request('POST', '/a.B/C', GRPC)]),
    one('requests, one after the other', refusing, twice, { logLines: 2 }),
    one('requests, with expect', refusing, [
      `${request('POST', '/', ['expect: 100-continue', 'content-length: 4'])}`,
      { quietMs: 50 },
      'body',
    ]),
    one('requests, connection: close', refusing, [get('/', 'connection: close')]),
    one('requests, HTTP/1.0', refusing, ['GET / HTTP/1.0\r\n\r\n']),
    one('requests, without a host', refusing, ['GET / HTTP/1.1\r\n\r\n']),
    one('requests, told', refusing, [get('/')], { listener: 'told' }),
    one('requests, bypassed', refusing, [get('/')], { listener: 'bypassing' }),
    one(
      'requests, and then no more',
      refusing,
      [get('/'), { waitFor: 'overloaded' }, ...atRest, get('/'), { waitFor: 'ok' }],
      { logLines: 2 },
    ),
    one('keepalive', closing, [get('/')]),
    one('keepalive, connection: close', closing, [get('/', 'connection: close')]),
    one('keepalive, HTTP/1.0', closing, ['GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n']),
    one('keepalive, bypassed', closing, [get('/')], { listener: 'bypassing' }),
    one('keepalive, below the scale', under('disable_http_keepalive', '0.5', 0), [get('/')]),
    one('scales', under('disable_http_keepalive', '0.65', 50), [{ admin: SCALES }], { logLines: 0, stats: '^none$' }),
    one('saturated', refusing, [{ admin: SCALES }], { logLines: 0, stats: '^none$' }),
    one('a pressure that is none', refusing, [
      { replaceFile: 'stop_accepting_requests', text: 'much' },
      { quietMs: 100 },
      get('/'),
    ]),
    one('a pressure out of range', refusing, [
      { replaceFile: 'stop_accepting_requests', text: '1.5' },
      { quietMs: 100 },
      get('/'),
    ]),
    one('connections wait', under('stop_accepting_connections', '1', 100), [
      get('/'),
      { quietMs: 150 },
      ...atRest,
      { waitFor: 'ok' },
    ]),
    one('connections do not wait where it is bypassed', under('stop_accepting_connections', '1', 100), [get('/')], {
      listener: 'bypassing',
    }),
    one('connections are rejected', under('reject_incoming_connections', '1', 100), [{ waitClosed: true }], {
      logLines: 0,
    }),
    one(
      'connections are not rejected where it is bypassed',
      under('reject_incoming_connections', '1', 100),
      [get('/')],
      {
        listener: 'bypassing',
      },
    ),
    one('shed: connections', under('tcp_listener_accept', '0.5', 100), [{ waitClosed: true }], { logLines: 0 }),
    one('shed: a codec', under('hcm_ondata_creating_codec', '0.6', 100), [get('/'), { waitClosed: true }], {
      logLines: 0,
    }),
    one('shed: a codec, bypassed', under('hcm_ondata_creating_codec', '0.6', 100), [get('/')], {
      listener: 'bypassing',
    }),
    one('shed: a request', shedding, [get('/')]),
    one('shed: requests, told', shedding, twice, { listener: 'told', logLines: 2 }),
    one('at rest again', atRest, [get('/'), { waitFor: 'ok' }, { quietMs: 20 }, get('/')], { reply: OK, logLines: 2 }),
  ],
}
