/** What the suites of clients' frames share: listeners, one for each limit, and the forms of a case. */
import type { ParityCase, Step } from '../case.ts'
import { bootstrap, cluster, HTTP_LOG, httpListener, routes } from '../yaml.ts'
import { type Fields, headers, hello, post, request } from './frames.ts'

const STATS = '^(http2\\.|http\\.\\w+\\.|cluster\\.main\\.upstream_rq)'
const LOG = `${HTTP_LOG} method=%REQ(:METHOD)% cookie=%REQ(COOKIE)% trailer=%TRAILER(X-T)%`

const toMain = routes(`
- { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "direct" } } }
- { match: { prefix: "/large" }, direct_response: { status: 200, body: { inline_string: "${'x'.repeat(100)}" } } }
- { match: { connect_matcher: {} }, route: { cluster: main, upgrade_configs: [ { upgrade_type: CONNECT, connect_config: {} } ] } }
- { match: { prefix: "/" }, route: { cluster: main } }
`)
const listener = (name: string, options = '', hcm = ''): string =>
  httpListener({
    name,
    logFormat: LOG,
    statPrefix: 'main',
    hcm: `http2_protocol_options: { ${options} }\ndelayed_close_timeout: 0.05s\n${hcm}`,
    virtualHosts: toMain,
  })

export const yaml = bootstrap(
  [
    listener('main'),
    listener('tolerant', 'override_stream_error_on_invalid_http_message: true'),
    listener('connects', 'allow_connect: true', 'upgrade_configs: [ { upgrade_type: websocket } ]'),
    listener('http2', '', 'codec_type: HTTP2'),
    listener('two_streams', 'max_concurrent_streams: 2'),
    listener('small_window', 'initial_stream_window_size: 65535, initial_connection_window_size: 65535'),
    listener('no_empty', 'max_consecutive_inbound_frames_with_empty_payload: 0'),
    listener('few_priorities', 'max_inbound_priority_frames_per_stream: 2'),
    listener('few_updates', 'max_inbound_window_update_frames_per_data_frame_sent: 1'),
    listener('few_control', 'max_outbound_control_frames: 5'),
    listener('few_frames', 'max_outbound_frames: 5'),
    listener('few_resets', 'stream_reset_burst: 3, stream_reset_rate: 1'),
    listener('small_table', 'hpack_table_size: 0'),
    listener('few_headers', '', 'common_http_protocol_options: { max_headers_count: 5 }'),
    listener('small_headers', '', 'max_request_headers_kb: 1'),
    listener('drop_underscores', '', 'common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }'),
    listener('no_underscores', '', 'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }'),
    listener('metadata', 'allow_metadata: true'),
    listener('short_idle', '', 'stream_idle_timeout: 0.1s'),
    listener('short_headers', '', 'request_headers_timeout: 0.1s'),
    listener('one_request', '', 'common_http_protocol_options: { max_requests_per_connection: 1 }'),
  ],
  [cluster('main')],
)

export type More = Partial<Omit<ParityCase, 'name' | 'steps'>>

/** What Envoy's own checks find ends the connection without a word; ours says GOAWAY in each case. */
export const silent: More = { normalize: [[/^GOAWAY .*\n?/gm, '']] }

/** How much Envoy answers behind a limit is another matter than whether it holds. */
export const overLimit: More = { normalize: [[/^(GOAWAY|PING|SETTINGS ack).*\n/gm, '']] }

/** A client that has begun as it should sends this. */
export function one(name: string, steps: readonly Step[], more: More = {}): ParityCase {
  const begin: Step[] = [hello, { waitFor: 'SETTINGS ack' }]
  return { name: `h2 frames: ${name}`, frames: true, stats: STATS, ...more, steps: [...begin, ...steps] }
}

/** What is wrong with one request, on a connection that then ends and on one that goes on. */
export function both(name: string, bytes: string, more: More = {}): ParityCase[] {
  return [
    one(name, [bytes], { ...silent, ...more }),
    one(`${name}, tolerated`, [bytes], { listener: 'tolerant', ...more }),
  ]
}

export function head(name: string, fields: Fields, more: More = {}): ParityCase[] {
  return both(`head: ${name}`, headers(1, fields), more)
}

export const none = { logLines: 0 }
export const two = { logLines: 2 }
/** Requests with a length: how a chunked body is cut is each proxy's own choice. */
export const sized = (length: number): string => headers(1, post(['content-length', String(length)]), 'goesOn')
export const get = headers(1, request())
export const open = headers(1, post(), 'goesOn')
/** How far a request got before its connection ends must not be chance. */
export const arrived: Step = { waitBackend: 'POST' }
export const without = (name: string): Fields => request().filter(([other]) => other !== name)
export const repeat = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join('')

/** See `silent`. */
export function silently(parityCase: ParityCase): ParityCase {
  return { ...silent, ...parityCase }
}
