/** Overload of connections that speak HTTP/2: who is asked to leave, and when. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { data, headers, hello, post, request } from '../http2/frames.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'
import { overloadManager, pressures, type Reaction } from './injected.ts'

const point: Reaction = { kind: 'load_shed_points', trigger: 'threshold: { value: 0.5 }' }
const reactions: Readonly<Record<string, Reaction>> = {
  disable_http_keepalive: { kind: 'overload_actions', trigger: 'threshold: { value: 0.8 }' },
  http2_server_go_away_on_dispatch: point,
  http2_server_go_away_and_close_on_dispatch: point,
}
const under = pressures(reactions)
const atRest = under('', '0', 0)
const closing = under('disable_http_keepalive', '0.8', 100)
const leaving = under('http2_server_go_away_on_dispatch', '0.5', 100)
const cutting = under('http2_server_go_away_and_close_on_dispatch', '0.5', 100)

const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_LOCAL_CLOSE_REASON%'
const listener = (name: string, more = '', drain = '0.05s') =>
  httpListener({ name, logFormat: LOG, hcm: `drain_timeout: ${drain}`, listener: more })
const listeners = [
  listener('main'),
  listener('patient', '', '3600s'),
  listener('bypassing', 'bypass_overload_manager: true'),
]

const STATS =
  '(_overload_\\w+|downstream_rq_(total|completed|5xx|2xx|rx_reset|tx_reset)|shed_load_count|downstream_cx_(total|protocol_error|destroy\\w*|drain_close)|goaway_sent)$'
const one = (
  name: string,
  prepare: ParityCase['prepare'],
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
) => ({
  name: `overload, HTTP/2: ${name}`,
  prepare,
  steps,
  stats: STATS,
  frames: true as const,
  ...more,
})
const first = headers(1, request())
const second = headers(3, request())
const answered = { waitFor: ' end' }
const closed = { waitClosed: true } as const
const both = { waitCount: [' end', 2] as [string, number] }
const patient = { listener: 'patient' }
const bypassing = { listener: 'bypassing' }
const none = { logLines: 0 }
const open = [hello + headers(1, post(), 'goesOn'), { waitBackend: 'POST' }]

export const overloadHttp2Suite: ParitySuite = {
  name: 'overload, HTTP/2',
  yaml: bootstrap(listeners, [cluster('main')], overloadManager(reactions)),
  cases: [
    one('keepalive', closing, [hello + first, closed]),
    one('keepalive, two requests', closing, [hello + first + second, closed], { logLines: 2 }),
    one('keepalive, a request while the connection drains', closing, [hello + first, answered, second, both], {
      listener: 'patient',
      logLines: 2,
    }),
    one('keepalive, a request that goes on', atRest, [...open, ...closing, data(1, 'x'), closed]),
    one('keepalive, without a request', closing, [hello, { quietMs: 100 }], none),
    one('keepalive, bypassed', closing, [hello + first, answered], bypassing),
    one('leave', leaving, [hello + first, closed]),
    one('leave, two requests', leaving, [hello + first, answered, second, both], { ...patient, logLines: 2 }),
    one('leave, two requests at once', leaving, [hello + first + second, both], { ...patient, logLines: 2 }),
    one('leave, a request that goes on', atRest, [...open, ...leaving, data(1, 'x'), answered], patient),
    one('leave, another request', atRest, [...open, ...leaving, second, answered, data(1, 'x'), both], {
      ...patient,
      logLines: 2,
    }),
    one('leave, bypassed', leaving, [hello + first, answered], bypassing),
    one('cut', cutting, [hello + first, closed], none),
    one('cut, without a request', cutting, [hello, closed], none),
    one('cut, after a request', atRest, [hello + first, answered, ...cutting, second, closed]),
    one('cut, a request that goes on', atRest, [...open, ...cutting, data(1, 'x'), closed]),
    one('cut, bypassed', cutting, [hello + first, answered], bypassing),
  ],
}
