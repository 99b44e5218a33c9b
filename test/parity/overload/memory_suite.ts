/** The overload action reset_high_memory_stream: which streams are reset, by what they have buffered. */
import { SettingId } from '../../../src/http/codec/http2/constants.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { headers, hello, pseudo, settings } from '../http2/frames.ts'
import { response } from '../requests.ts'
import { bootstrap, cluster, httpListener, routes } from '../yaml.ts'
import { overloadManager, pressures, type Reaction } from './injected.ts'

const reactions: Readonly<Record<string, Reaction>> = {
  reset_high_memory_stream: {
    kind: 'overload_actions',
    trigger: 'scaled: { scaling_threshold: 0, saturation_threshold: 1 }',
  },
  close_idle_http_connections: { kind: 'overload_actions', trigger: 'threshold: { value: 0.5 }' },
}
const under = pressures(reactions)
const atRest = under('', '0', 0)
const scaled = (percent: number) => under('reset_high_memory_stream', String(percent / 100), percent)

const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %REQ(:PATH)%'
const virtualHosts = routes(`
- { match: { prefix: "/small" }, direct_response: { status: 200, body: { inline_string: small } } }
- { match: { prefix: "/" }, route: { cluster: main } }
`)
const listener = (name: string, more = '') => httpListener({ name, logFormat: LOG, virtualHosts, listener: more })

/** A client that takes no bytes of bodies. */
const start = hello + settings([SettingId.initialWindowSize, 0])
const ask = (stream: number, path: string) => headers(stream, pseudo('GET', path))
const one = (name: string, steps: ParityCase['steps'], more: Partial<ParityCase> = {}): ParityCase => ({
  name: `memory of streams: ${name}`,
  prepare: atRest,
  steps,
  frames: true,
  stats:
    '(reset_high_memory_stream.count|downstream_rq_(tx_reset|rx_reset|completed|2xx)|http2\\.\\w*reset|upstream_rq_(rx|tx)_reset)$',
  ...more,
})
/** A response that goes on; the rest never comes. Envoy counts the memory that bytes are in, which is 16 KiB or more for one. */
const part = (bytes: number) => [
  `HTTP/1.1 200 OK\r\ncontent-length: 400000\r\n\r\n${'x'.repeat(bytes)}`,
  { waitFor: 'never' },
]
const large = { reply: part(200_000) }
const small = { reply: part(5) }
const waits = (bytes: number) => ({ waitStat: 'http2.pending_send_bytes', value: bytes })
const begun = [{ waitFor: ':status: 200' }, waits(200_000)]
const reset = { waitFor: 'RST' }

export const overloadMemorySuite: ParitySuite = {
  name: 'memory of streams',
  yaml: bootstrap(
    [listener('main'), listener('bypassing', 'bypass_overload_manager: true')],
    [cluster('main')],
    overloadManager(reactions, 'buffer_factory_config: { minimum_account_to_track_power_of_two: 12 }'),
  ),
  cases: [
    one('all classes', [start, ask(1, '/big'), ...begun, ...scaled(100), reset], large),
    one('half of the classes', [start, ask(1, '/big'), ...begun, ...scaled(50), reset], large),
    one('the highest class alone', [start, ask(1, '/big'), ...begun, ...scaled(10), { quietMs: 100 }], large),
    one(
      'a small one',
      [start, ask(1, '/'), { waitFor: ':status: 200' }, waits(5), ...scaled(25), { quietMs: 100 }],
      small,
    ),
    one(
      'a large one beside a small one',
      [
        start,
        ask(1, '/first'),
        { waitFor: ':status: 200' },
        ask(3, '/big'),
        { waitCount: [':status: 200', 2] },
        waits(200_005),
        ...scaled(25),
        reset,
      ],
      { replies: [part(5), part(200_000)], logLines: 2 },
    ),
    one('a whole response that is not taken', [start, ask(1, '/big'), ...begun, ...scaled(100), reset], {
      reply: response(200, 'x'.repeat(200_000)),
    }),
    one('bypassed', [start, ask(1, '/big'), ...begun, ...scaled(50), reset], { ...large, listener: 'bypassing' }),
    one(
      'an idle connection',
      [
        hello + ask(1, '/small'),
        { waitFor: ' end' },
        ...under('close_idle_http_connections', '1', 100),
        { quietMs: 100 },
        ask(3, '/small'),
        { waitCount: [' end', 2] },
      ],
      { logLines: 2 },
    ),
  ],
}
