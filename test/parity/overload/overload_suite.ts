/** The overload manager: what each action and load shed point does, by pressures that stand in files. */
import type { ParityCase, ParitySuite, Preparation } from '../case.ts'
import { get, OK, post, request } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'

const MONITORS = 'type.googleapis.com/envoy.extensions.resource_monitors'

/** What is done at which pressure; each with a resource of its own, whose file has its name. */
const reactions: Readonly<Record<string, string>> = {
  stop_accepting_requests: 'threshold: { value: 0.9 }',
  disable_http_keepalive: 'scaled: { scaling_threshold: 0.5, saturation_threshold: 0.8 }',
  stop_accepting_connections: 'threshold: { value: 0.95 }',
  reject_incoming_connections: 'threshold: { value: 1 }',
  tcp_listener_accept: 'threshold: { value: 0.5 }',
  hcm_ondata_creating_codec: 'threshold: { value: 0.5 }',
  http_connection_manager_decode_headers: 'scaled: { scaling_threshold: 0.5, saturation_threshold: 0.8 }',
}
const names = Object.keys(reactions)
const points = names.slice(4)
const listed = (chosen: readonly string[], prefix: string) =>
  chosen
    .map((name) => `  - { name: ${prefix}.${name}, triggers: [ { name: r.${name}, ${reactions[name]} } ] }`)
    .join('\n')
const OVERLOAD = `overload_manager:
  refresh_interval: 0.03s
  resource_monitors:
${names.map((name) => `  - { name: r.${name}, typed_config: { "@type": ${MONITORS}.injected_resource.v3.InjectedResourceConfig, filename: "{{dir}}/${name}" } }`).join('\n')}
  actions:
${listed(names.slice(0, 4), 'envoy.overload_actions')}
  loadshed_points:
${listed(points, 'envoy.load_shed_points')}`

const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% grpc=%GRPC_STATUS%'
const listener = (name: string, more: Partial<Parameters<typeof httpListener>[0]> = {}) =>
  httpListener({ name, logFormat: LOG, ...more })
const listeners = [
  listener('main'),
  listener('told', { hcm: 'append_local_overload: true' }),
  listener('bypassing', { listener: 'bypass_overload_manager: true' }),
]

const statOf = (name: string) =>
  `overload.${points.includes(name) ? 'envoy.load_shed_points' : 'envoy.overload_actions'}.${name}.scale_percent`
/** All resources at rest but one. */
const under = (name: string, pressure: string, percent: number): Preparation[] => [
  ...names.map((each) => ({ replaceFile: each, text: each === name ? pressure : '0' })),
  ...names.map((each) => ({ waitStat: statOf(each), value: each === name ? percent : 0 })),
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
  yaml: bootstrap(listeners, [cluster('main')], OVERLOAD),
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
