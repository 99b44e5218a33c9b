/** Overload of connections that speak HTTP/2: who is asked to leave, and when. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { data, headers, hello, post, request } from '../http2/frames.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'
import { overloadManager, pressures, type Reaction } from './injected.ts'

const reactions: Readonly<Record<string, Reaction>> = {
  disable_http_keepalive: { kind: 'overload_actions', trigger: 'threshold: { value: 0.8 }' },
}
const under = pressures(reactions)
const atRest = under('', '0', 0)
const closing = under('disable_http_keepalive', '0.8', 100)

const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%'
const listener = (name: string, more = '', drain = '0.05s') =>
  httpListener({ name, logFormat: LOG, hcm: `drain_timeout: ${drain}`, listener: more })
const listeners = [
  listener('main'),
  listener('patient', '', '3600s'),
  listener('bypassing', 'bypass_overload_manager: true'),
]

const STATS =
  '(_overload_\\w+|downstream_rq_(total|completed|5xx|2xx|rx_reset|tx_reset)|shed_load_count|downstream_cx_(total|protocol_error|destroy|destroy_local|drain_close)|goaway_sent)$'
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
const bypassing = { listener: 'bypassing' }
const none = { logLines: 0 }
const open = [hello + headers(1, post(), 'goesOn'), { waitBackend: 'POST' }]

export const overloadHttp2Suite: ParitySuite = {
  name: 'overload, HTTP/2',
  yaml: bootstrap(listeners, [cluster('main')], overloadManager(reactions)),
  cases: [
    one('keepalive', closing, [hello + first, closed]),
    one('keepalive, two requests', closing, [hello + first + second, closed], { logLines: 2 }),
    one(
      'keepalive, a request while the connection drains',
      closing,
      [hello + first, answered, second, { waitCount: [' end', 2] }],
      { listener: 'patient', logLines: 2 },
    ),
    one('keepalive, a request that goes on', atRest, [...open, ...closing, data(1, 'x'), closed]),
    one('keepalive, without a request', closing, [hello, { quietMs: 100 }], none),
    one('keepalive, bypassed', closing, [hello + first, answered], bypassing),
  ],
}
