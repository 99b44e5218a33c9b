/** The overload action reduce_timeouts: timers that run, and timers that start, of each kind that it knows. */
import { SettingId } from '../../../src/http/codec/http2/constants.ts'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { headers, hello, request, settings, windowUpdate } from '../http2/frames.ts'
import { get, post, response } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'
import { overloadManager, pressures, type Reaction } from './injected.ts'

const TIMERS = 'type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig'
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const reactions: Readonly<Record<string, Reaction>> = {
  reduce_timeouts: {
    kind: 'overload_actions',
    trigger: 'scaled: { scaling_threshold: 0, saturation_threshold: 1 }',
    config: `{ "@type": ${TIMERS}, timer_scale_factors: [
      { timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_timeout: 0.05s },
      { timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_scale: { value: 0.01 } },
      { timer: HTTP_DOWNSTREAM_CONNECTION_MAX, min_scale: { value: 0.001 } },
      { timer: TRANSPORT_SOCKET_CONNECT, min_timeout: 0.05s },
      { timer: HTTP_DOWNSTREAM_STREAM_FLUSH, min_timeout: 0s } ] }`,
  },
}
const under = pressures(reactions)
const atRest = under('', '0', 0)
const half = under('reduce_timeouts', '0.5', 50)
const overloaded = under('reduce_timeouts', '1', 100)

const ca = new CertificateAuthority()
export const removeCertificates = (): void => ca.remove()
const certificate = ca.issue({ name: 'rsa', altNames: ['DNS:a.test'], keyType: 'rsa' })

const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%'
const short = 'drain_timeout: 0.05s'
const neverIdle = 'common_http_protocol_options: { idle_timeout: 0s }'
const listener = (name: string, hcm: string, more = '') =>
  httpListener({ name, logFormat: LOG, hcm: `stream_idle_timeout: 0s\n${short}\n${hcm}`, listener: more })
const idle = 'common_http_protocol_options: { idle_timeout: 3600s }'
const tlsListener = (name: string) =>
  listener(name, neverIdle).replace(
    '  filter_chains:\n  - filters:',
    `  filter_chains:
  - transport_socket_connect_timeout: 3600s
    transport_socket: { name: tls, typed_config: { "@type": ${TLS}, common_tls_context: { tls_certificates: [ { certificate_chain: { filename: ${certificate.certPath} }, private_key: { filename: ${certificate.keyPath} } } ] } } }
    filters:`,
  )
const listeners = [
  listener('idle', idle),
  listener('bypassing', idle, 'bypass_overload_manager: true'),
  listener('short', 'common_http_protocol_options: { idle_timeout: 0.02s }'),
  listener('max', 'common_http_protocol_options: { idle_timeout: 0s, max_connection_duration: 3600s }'),
  httpListener({ name: 'stream', logFormat: LOG, hcm: `stream_idle_timeout: 3600s\n${neverIdle}` }),
  listener('flush', `stream_flush_timeout: 3600s\n${neverIdle}`),
  tlsListener('tls'),
]

const STATS =
  'downstream_(cx_(transport_socket_connect_timeout|idle_timeout|max_duration_reached|destroy_local|drain_close)|rq_(idle_timeout|4xx|5xx|tx_reset))|tx_flush_timeout'
const one = (
  name: string,
  listener: string,
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `reduced timeouts: ${name}`,
  listener,
  prepare: atRest,
  steps,
  stats: STATS,
  ...more,
})
const never = { reply: [{ waitFor: 'never' }] }
const asked = [get('/'), { waitFor: '\r\n\r\nok' }]
const closed = { waitClosed: true } as const

export const overloadTimersSuite: ParitySuite = {
  name: 'reduced timeouts',
  yaml: bootstrap(listeners, [cluster('main')], overloadManager(reactions)),
  cases: [
    one('a connection that rests', 'idle', [...asked, ...overloaded, closed]),
    one('a connection that comes to rest', 'idle', [...overloaded, ...asked, closed]),
    one('a connection without a request', 'idle', [...overloaded, closed], { logLines: 0 }),
    one('a connection of a listener that bypasses the manager', 'bypassing', [...asked, ...overloaded, closed]),
    one('a handshake that stops', 'tls', [...overloaded, closed], { logLines: 0 }),
    one('half of an hour', 'idle', [...asked, ...half, { quietMs: 200 }]),
    one('over before anything was late', 'idle', [...asked, ...half, ...atRest, { quietMs: 100 }, get('/')], {
      logLines: 2,
    }),
    one('less than the least', 'short', [...asked, closed]),
    one('a connection that is old', 'max', [...asked, ...overloaded, closed]),
    one('a request that waits', 'stream', [get('/'), { waitBackend: 'GET' }, ...overloaded, { waitFor: '504' }], never),
    one(
      'a request that stops',
      'stream',
      [post('/', 'half').slice(0, -2), { waitBackend: 'POST' }, ...overloaded, { waitFor: '408' }],
      never,
    ),
    one('a request that comes', 'stream', [...overloaded, get('/'), { waitFor: '504' }], never),
    one(
      'a response that nobody reads',
      'flush',
      [
        hello + settings([SettingId.initialWindowSize, 10]),
        headers(1, request()),
        { waitFor: 'DATA' },
        ...overloaded,
        { waitFor: 'RST' },
      ],
      { frames: true, reply: response(200, 'x'.repeat(100)) },
    ),
    one(
      'a response that is read',
      'flush',
      [
        hello + settings([SettingId.initialWindowSize, 10]),
        headers(1, request()),
        { waitFor: 'DATA' },
        ...half,
        windowUpdate(1, 1000),
        { waitFor: ' end' },
      ],
      { frames: true, reply: response(200, 'x'.repeat(100)) },
    ),
  ],
}
