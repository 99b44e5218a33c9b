/** Backends that send frames as they like: what HTTP/2 forbids a server, its edges, and what the client gets of it. */
import { FrameFlag, FrameType, SettingId } from '../../../src/http/codec/http2/constants.ts'
import type { ParityCase, ParitySuite, ReplyStep } from '../case.ts'
import { get, head, post } from '../requests.ts'
import { bootstrap, cluster, HTTP_LOG, http1Options, httpListener, routes } from '../yaml.ts'
import {
  block,
  continuation,
  data,
  type Fields,
  frame,
  goAway,
  headers,
  padded,
  ping,
  priority,
  pseudo,
  rst,
  settings,
  settingsAck,
  windowUpdate,
  word,
} from './frames.ts'

const STATS =
  '^(cluster\\.\\w+\\.(upstream_rq|http2|upstream_cx_(total|http2|protocol|close|destroy|connect))|http\\.main\\.downstream_rq)'
const LOG = `${HTTP_LOG} upstream=%UPSTREAM_PROTOCOL% trailer=%TRAILER(X-T)%`
const { endStream, endHeaders, padded: isPadded } = FrameFlag

const http2 = (options: string, more = ''): string =>
  http1Options(`explicit_http_config: { http2_protocol_options: { ${options} } }\n${more}`)
const toMain = (name: string, options = '', more = '', clusterMore = ''): string =>
  cluster(name, `${http2(options, more)}\n${clusterMore}`, '{{backend:main}}')

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      logFormat: LOG,
      hcm: 'http_protocol_options: { enable_trailers: true }\nproxy_100_continue: true',
      virtualHosts: routes(`
- { match: { prefix: "/tolerant" }, route: { cluster: tolerant } }
- { match: { prefix: "/few_headers" }, route: { cluster: few_headers } }
- { match: { prefix: "/small_headers" }, route: { cluster: small_headers } }
- { match: { prefix: "/small_window" }, route: { cluster: small_window } }
- { match: { prefix: "/no_empty" }, route: { cluster: no_empty } }
- { match: { prefix: "/few_priorities" }, route: { cluster: few_priorities } }
- { match: { prefix: "/few_updates" }, route: { cluster: few_updates } }
- { match: { prefix: "/few_control" }, route: { cluster: few_control } }
- { match: { prefix: "/keepalive" }, route: { cluster: keepalive } }
- { match: { prefix: "/underscores" }, route: { cluster: underscores } }
- { match: { prefix: "/retry" }, route: { cluster: main, retry_policy: { retry_on: "reset,refused-stream,5xx", num_retries: 1, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } }
- { match: { prefix: "/timeout" }, route: { cluster: main, timeout: 0.2s } }
- { match: { prefix: "/" }, route: { cluster: main } }
`),
    }),
  ],
  [
    toMain('main'),
    toMain('tolerant', 'override_stream_error_on_invalid_http_message: true'),
    toMain('few_headers', '', 'common_http_protocol_options: { max_headers_count: 3 }'),
    toMain('small_headers', '', 'common_http_protocol_options: { max_response_headers_kb: 1 }'),
    toMain('small_window', 'initial_stream_window_size: 65535, initial_connection_window_size: 65535'),
    toMain('no_empty', 'max_consecutive_inbound_frames_with_empty_payload: 0'),
    toMain('few_priorities', 'max_inbound_priority_frames_per_stream: 2'),
    toMain('few_updates', 'max_inbound_window_update_frames_per_data_frame_sent: 1'),
    toMain('few_control', 'max_outbound_control_frames: 5'),
    toMain('keepalive', 'connection_keepalive: { interval: 0.05s, timeout: 0.1s, interval_jitter: { value: 0 } }'),
    toMain('underscores', '', 'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }'),
  ],
)

type More = Partial<Omit<ParityCase, 'name'>> & { request?: string; path?: string }

/** What Envoy's own checks find ends the connection without a word; ours says GOAWAY in each case. How much window is given when is free. */
const NORMALIZE: readonly [RegExp, string][] = [
  [/^GOAWAY .*\n?/gm, ''],
  [/(rq-timeout-ms: )(15000|<remaining>)/g, '$1<ms>'],
]

const status = (code: number | string, ...more: (readonly [string, string])[]): Fields => [
  [':status', String(code)],
  ...more,
]
const ok = headers(1, status(200), 'goesOn')
const whole = ok + data(1, 'ok')
const waitRequest: ReplyStep = { waitFor: 'HEADERS' }
const begin: readonly ReplyStep[] = [settings() + settingsAck, waitRequest, { waitFor: 'SETTINGS ack' }]

/** A request comes, and the backend sends this. */
function one(name: string, frames: readonly ReplyStep[], more: More = {}): ParityCase {
  const { path = '/', request = get(path), ...rest } = more
  return {
    name: `h2 backend frames: ${name}`,
    stats: STATS,
    normalize: NORMALIZE,
    backendFrames: [[...begin, ...frames]],
    steps: [request, { waitFor: '\r\n\r\n' }],
    ...rest,
  }
}

/** What is wrong with one response, where that ends the connection and where it ends the stream. */
function both(name: string, ...frames: readonly ReplyStep[]): ParityCase[] {
  return [one(name, frames), one(`${name}, tolerated`, frames, { path: '/tolerant' })]
}

const answer = (name: string, fields: Fields): ParityCase[] => both(`head: ${name}`, headers(1, fields))
const two: More = { steps: [get(), { waitFor: 'ok' }, get(), { waitCount: ['ok', 2] }], logLines: 2 }
const repeat = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join('')

const heads: ParityCase[] = [
  ...answer('plain', status(200)),
  ...answer('no status', [['x', '1']]),
  ...answer('status twice', [[':status', '200'], ...status(200)]),
  ...answer('status after a field', [['x', '1'], ...status(200)]),
  ...answer('status empty', status('')),
  ...answer('status of two digits', status('20')),
  ...answer('status of four digits', status('2000')),
  ...answer('status no number', status('abc')),
  ...answer('status 099', status('099')),
  ...answer('status 600', status(600)),
  ...answer('status 999', status(999)),
  ...answer('status 101', status(101)),
  ...answer('status with a space', status('200 ')),
  ...answer('a request pseudo-header', [...status(200), [':path', '/']]),
  ...answer('an unknown pseudo-header', [[':x', '1'], ...status(200)]),
  ...answer('upper case name', status(200, ['X-A', '1'])),
  ...answer('connection', status(200, ['connection', 'close'])),
  ...answer('transfer-encoding', status(200, ['transfer-encoding', 'chunked'])),
  ...answer('keep-alive', status(200, ['keep-alive', '5'])),
  ...answer('proxy-connection', status(200, ['proxy-connection', 'close'])),
  ...answer('upgrade', status(200, ['upgrade', 'h2c'])),
  ...answer('te', status(200, ['te', 'gzip'])),
  ...answer('host', status(200, ['host', 'a'])),
  ...answer('content-length twice', status(200, ['content-length', '0'], ['content-length', '0'])),
  ...answer('content-length no number', status(200, ['content-length', 'x'])),
  ...answer('content-length empty', status(200, ['content-length', ''])),
  ...answer('content-length without a body', status(200, ['content-length', '5'])),
  ...answer('204 with a length', status(204, ['content-length', '5'])),
  ...answer('204 with a length of nothing', status(204, ['content-length', '0'])),
  ...answer('304 with a length', status(304, ['content-length', '5'])),
  ...answer('value with LF', status(200, ['x', 'a\nb'])),
  ...answer('value with NUL', status(200, ['x', 'a\0b'])),
  ...answer('value with CR', status(200, ['x', 'a\rb'])),
  ...answer('value above ASCII', status(200, ['x', '\xff'])),
  ...answer('value with spaces around', status(200, ['x', ' a '])),
  ...answer('empty name', status(200, ['', 'a'])),
  ...answer('fields twice', status(200, ['x', '1'], ['x', '2'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2'])),
  ...answer('cookie twice', status(200, ['cookie', 'a=1'], ['cookie', 'b=2'])),
  ...answer('underscores', status(200, ['a_b', '1'])),
  one('head: underscores refused', [headers(1, status(200, ['a_b', '1']))], { path: '/underscores' }),
  one('head: too many fields', [headers(1, status(200, ['a', '1'], ['b', '2'], ['c', '3']))], { path: '/few_headers' }),
  one('head: fields at the limit', [headers(1, status(200, ['a', '1'], ['b', '2']))], { path: '/few_headers' }),
  one('head: too large', [headers(1, status(200, ['a', 'x'.repeat(1100)]))], { path: '/small_headers' }),
  one('head: empty', [frame(FrameType.headers, endHeaders | endStream, 1)]),
]

const informational: ParityCase[] = [
  one('1xx: 100', [headers(1, status(100), 'goesOn') + whole]),
  one('1xx: 100 for a client that asks for it', [headers(1, status(100), 'goesOn') + whole], {
    request: 'POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
    steps: [
      'POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
      { waitFor: 'ok' },
    ],
  }),
  one('1xx: 102', [headers(1, status(102), 'goesOn') + whole]),
  one('1xx: 103', [headers(1, status(103, ['link', 'a']), 'goesOn') + whole]),
  one('1xx: 104', [headers(1, status(104), 'goesOn') + whole]),
  one('1xx: 199', [headers(1, status(199), 'goesOn') + whole]),
  one('1xx: a row', [repeat(5, () => headers(1, status(103), 'goesOn')) + whole]),
  one('1xx: a long row', [repeat(100, () => headers(1, status(103), 'goesOn')) + whole]),
  ...both('1xx: with an end', headers(1, status(103))),
  ...both('1xx: with DATA', headers(1, status(103), 'goesOn') + data(1, 'x', 'goesOn') + whole),
  ...both('1xx: with a length', headers(1, status(103, ['content-length', '3']), 'goesOn') + whole),
  ...both('1xx: after the head', ok + headers(1, status(103), 'goesOn') + data(1, 'ok')),
  one('1xx: and no more', [headers(1, status(103), 'goesOn')], { path: '/timeout' }),
]

const bodies: ParityCase[] = [
  one('body: of its length', [headers(1, status(200, ['content-length', '2']), 'goesOn') + data(1, 'ok')]),
  ...both('body: longer than its length', headers(1, status(200, ['content-length', '1']), 'goesOn') + data(1, 'ok')),
  ...both('body: shorter than its length', headers(1, status(200, ['content-length', '5']), 'goesOn') + data(1, 'ok')),
  ...both('body: before the head', data(1, 'ok')),
  one('body: of HEAD', [headers(1, status(200, ['content-length', '5']))], { request: head('/') }),
  ...both('body: where HEAD has none', ok + data(1, 'ok')).map((one) => ({
    ...one,
    steps: [head('/tolerant'), { waitFor: '\r\n\r\n' }],
  })),
  ...both('body: where 204 has none', headers(1, status(204), 'goesOn') + data(1, 'ok')),
  ...both('body: where 304 has none', headers(1, status(304), 'goesOn') + data(1, 'ok')),
  ...both(
    'body: with a length where 204 has none',
    headers(1, status(204, ['content-length', '2']), 'goesOn') + data(1, 'ok'),
  ),
  one('body: empty last frame', [ok + data(1, 'ok', 'goesOn') + data(1, '')]),
  one('body: padded', [ok + padded(FrameType.data, endStream, 1, 'ok', 30)]),
  one('body: padding longer than the frame', [ok + frame(FrameType.data, isPadded, 1, '\x05abc')]),
  one('body: behind its end', [whole + data(1, 'x')]),
  one('body: on stream 0', [ok + data(0, 'x')]),
  one('body: on an idle stream', [ok + data(3, 'x')]),
  one('body: on an even stream', [ok + data(2, 'x')]),
  one('body: frame too long', [ok + frame(FrameType.data, 0, 1, 'x'.repeat(16385))]),
  one(
    'body: of as much as the window',
    [
      headers(1, status(200, ['content-length', '65535']), 'goesOn') +
        repeat(3, () => data(1, 'x'.repeat(16384), 'goesOn')) +
        data(1, 'x'.repeat(16383)),
    ],
    { path: '/small_window', normalize: [...NORMALIZE, [/\n*^WINDOW_UPDATE .*/gm, '']] },
  ),
]

const trailers: ParityCase[] = [
  one('trailers', [ok + data(1, 'ok', 'goesOn') + headers(1, [['x-t', '1']])]),
  one('trailers without a body', [ok + headers(1, [['x-t', '1']])]),
  ...both('trailers without an end', ok + data(1, 'ok', 'goesOn') + headers(1, [['x-t', '1']], 'goesOn')),
  ...both(
    'trailers with a status',
    ok +
      data(1, 'ok', 'goesOn') +
      headers(1, [
        [':status', '200'],
        ['x-t', '1'],
      ]),
  ),
  ...both('trailers with connection', ok + data(1, 'ok', 'goesOn') + headers(1, [['connection', 'close']])),
  ...both('trailers with the length', ok + data(1, 'ok', 'goesOn') + headers(1, [['content-length', '2']])),
  ...both('trailers with another length', ok + data(1, 'ok', 'goesOn') + headers(1, [['content-length', '3']])),
  ...both(
    'trailers before all of the body',
    headers(1, status(200, ['content-length', '5']), 'goesOn') + data(1, 'ok', 'goesOn') + headers(1, [['x-t', '1']]),
  ),
  ...both('trailers upper case', ok + data(1, 'ok', 'goesOn') + headers(1, [['X-T', '1']])),
  one('trailers empty', [ok + data(1, 'ok', 'goesOn') + headers(1, [])]),
  one('trailers twice', [ok + headers(1, [['x-t', '1']]) + headers(1, [['x-t', '2']])]),
]

const resets: ParityCase[] = [
  ...[0, 1, 2, 3, 5, 7, 8, 10, 11, 13, 99].map((code) => one(`RST_STREAM: ${code} before the head`, [rst(1, code)])),
  ...[0, 1, 2, 7, 8, 10, 11].map((code) =>
    one(`RST_STREAM: ${code} after the head`, [ok + data(1, 'x', 'goesOn') + rst(1, code)]),
  ),
  one('RST_STREAM: behind the answer', [whole + rst(1, 0)]),
  one('RST_STREAM: NO_ERROR behind the answer to a request that goes on', [whole + rst(1, 0)], {
    // Whether the stream still is there to be counted depends on the sizes of reads.
    stats: '^http\\.main\\.downstream_rq',
    steps: ['POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhi', { waitFor: 'ok' }],
  }),
  one('RST_STREAM: an answer to a request that goes on', [whole], {
    steps: ['POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhi', { waitFor: 'ok' }],
  }),
  one('RST_STREAM: of an idle stream', [rst(3, 8)]),
  one('RST_STREAM: of stream 0', [rst(0, 8)]),
  one('RST_STREAM: of a wrong length', [frame(FrameType.rstStream, 0, 1, 'abc')]),
  one('RST_STREAM: and tried again', [], {
    path: '/retry',
    backendFrames: [[...begin, rst(1, 7), { waitFor: 'stream 3' }, headers(3, status(200))]],
  }),
  one('RST_STREAM: twice', [rst(1, 8) + rst(1, 8)]),
  one('RST_STREAM: DATA behind it', [ok + rst(1, 8) + data(1, 'x')]),
]

const goAways: ParityCase[] = [
  one('GOAWAY: 0, the stream is served', [goAway(1, 0) + whole]),
  one('GOAWAY: 0, nothing is served', [goAway(0, 0)]),
  one('GOAWAY: 0, nothing is served, tried again', [], {
    path: '/retry',
    backendFrames: [
      [...begin, goAway(0, 0)],
      [...begin, whole],
    ],
  }),
  one('GOAWAY: with an error, the stream is served', [goAway(1, 2) + whole]),
  one('GOAWAY: with an error, nothing is served', [goAway(0, 2)]),
  one('GOAWAY: with debug data', [goAway(1, 11, 'too_many_pings') + whole]),
  one('GOAWAY: in two steps', [goAway(0x7fffffff, 0) + goAway(1, 0) + whole]),
  one('GOAWAY: upwards', [goAway(1, 0) + goAway(3, 0) + whole]),
  one('GOAWAY: a stream of the server', [goAway(2, 0) + whole]),
  one('GOAWAY: on a stream', [frame(FrameType.goAway, 0, 1, word(0) + word(0))]),
  one('GOAWAY: too short', [frame(FrameType.goAway, 0, 0, word(0))]),
  one('GOAWAY: between two requests', [whole + goAway(1, 0)], {
    ...two,
    backendFrames: [
      [...begin, whole + goAway(1, 0)],
      [...begin, whole],
    ],
  }),
  one('GOAWAY: and closed', [goAway(1, 0) + whole, { finish: true }]),
  one('GOAWAY: before the request', [], {
    backendFrames: [
      [settings() + settingsAck + goAway(0, 0), { pauseMs: 50 }, { finish: true }],
      [...begin, whole],
    ],
  }),
  one('closed before an answer', [{ finish: true }]),
  one('closed after the head', [ok, { finish: true }]),
  one('reset before an answer', [{ reset: true }]),
  one('closed before SETTINGS', [], { backendFrames: [[waitRequest, { finish: true }]] }),
]

const connection: ParityCase[] = [
  one('SETTINGS: none', [], { backendFrames: [[waitRequest, whole]] }),
  one('SETTINGS: HEADERS first', [], { backendFrames: [[waitRequest, whole + settings()]] }),
  one('SETTINGS: a request is answered in HTTP/1', [], {
    backendFrames: [[{ waitFor: 'SETTINGS' }, 'HTTP/1.1 400 Bad Request\r\n\r\n']],
  }),
  one('SETTINGS: all', [], {
    backendFrames: [
      [settings([1, 100], [3, 10], [4, 100000], [5, 20000], [6, 30000], [8, 1]) + settingsAck, waitRequest, whole],
    ],
  }),
  one('SETTINGS: enable push 0', [], { backendFrames: [[settings([2, 0]) + settingsAck, waitRequest, whole]] }),
  one('SETTINGS: enable push 1', [settings([SettingId.enablePush, 1])]),
  one('SETTINGS: connect protocol 2', [settings([8, 2])]),
  one('SETTINGS: connect protocol taken back', [settings([8, 1]) + settings([8, 0]) + whole], {
    // Whether what was right is acknowledged before the end.
    normalize: [...NORMALIZE, [/^SETTINGS ack\n/gm, '']],
  }),
  one('SETTINGS: window 2^31', [settings([4, 0x80000000])]),
  one('SETTINGS: frame 16383', [settings([5, 16383])]),
  one('SETTINGS: frame 2^24', [settings([5, 1 << 24])]),
  one('SETTINGS: of odd length', [frame(FrameType.settings, 0, 0, 'abc')]),
  one('SETTINGS: on a stream', [frame(FrameType.settings, 0, 1)]),
  one('SETTINGS: ack with a payload', [frame(FrameType.settings, FrameFlag.ack, 0, '\0\x04\0\0\0\x01')]),
  one('SETTINGS: ack that nobody asked for', [settingsAck + settingsAck + whole]),
  one('SETTINGS: unknown', [settings([99, 7]) + whole]),
  one('SETTINGS: 33 entries', [settings(...Array.from({ length: 33 }, () => [99, 1] as const)) + whole]),
  one('SETTINGS: no streams', [], {
    path: '/timeout',
    backendFrames: [[settings([3, 0]) + settingsAck, waitRequest, whole]],
  }),
  one('SETTINGS: no window, then some', [], {
    steps: [post('/', 'hello'), { waitFor: 'ok' }],
    backendFrames: [
      [settings([4, 0]) + settingsAck, waitRequest, { pauseMs: 30 }, windowUpdate(1, 5), { waitFor: 'hello' }, whole],
    ],
  }),
  one('PUSH_PROMISE', [frame(FrameType.pushPromise, endHeaders, 1, word(2) + block(pseudo('GET', '/'))) + whole]),
  one('HEADERS on an even stream', [headers(2, status(200))]),
  one('HEADERS on an idle stream', [headers(3, status(200))]),
  one('HEADERS on stream 0', [headers(0, status(200))]),
  one('HEADERS behind the end', [whole + headers(1, status(200))]),
  one('HEADERS padded and with a priority', [
    padded(FrameType.headers, endHeaders | endStream | FrameFlag.priority, 1, `${word(0)}\x10${block(status(200))}`, 9),
  ]),
  one('continuation', [
    frame(FrameType.headers, endStream, 1, block(status(200))) + continuation(1, block([['x', '1']]), endHeaders),
  ]),
  one('continuation interrupted', [frame(FrameType.headers, 0, 1, block(status(200))) + ping()]),
  one('continuation of nothing', [continuation(1, '', endHeaders)]),
  one(
    'continuation on and on',
    [frame(FrameType.headers, 0, 1, block(status(200))) + repeat(100, () => continuation(1, block([['x', '1']])))],
    { path: '/timeout' },
  ),
  one('HPACK: an index that is not there', [frame(FrameType.headers, endHeaders | endStream, 1, '\xff\x7f')]),
  one('HPACK: a table too large', [
    frame(FrameType.headers, endHeaders | endStream, 1, `\x3f\xff\xff\x7f${block(status(200))}`),
  ]),
  one('PING', [ping() + whole]),
  one('PING: ack that nobody asked for', [ping('abcdefgh', FrameFlag.ack) + whole]),
  one('PING: too short', [frame(FrameType.ping, 0, 0, 'abc')]),
  one('PING: on a stream', [frame(FrameType.ping, 0, 1, 'abcdefgh')]),
  one('PRIORITY', [priority(1, 0) + whole]),
  one('an unknown frame', [frame(0x20, 0xff, 0, 'x') + frame(0x20, 0xff, 1, 'x') + whole]),
  one('ALTSVC and ORIGIN', [frame(10, 0, 0, '\0\x01aclear') + frame(12, 0, 0, '') + whole]),
  one('WINDOW_UPDATE: by nothing', [windowUpdate(0, 0)]),
  one('WINDOW_UPDATE: of a stream by nothing', [windowUpdate(1, 0)]),
  one('WINDOW_UPDATE: over 2^31', [windowUpdate(0, 0x7fffffff)]),
  one('WINDOW_UPDATE: of an idle stream', [windowUpdate(3, 1)]),
  one('WINDOW_UPDATE: of a stream that is over', [whole + windowUpdate(1, 1)]),
  one('WINDOW_UPDATE: of a wrong length', [frame(FrameType.windowUpdate, 0, 0, 'abc')]),
]

const floods: ParityCase[] = [
  one('flood: an empty frame where none may be', [ok + data(1, '', 'goesOn')], { path: '/no_empty' }),
  one('flood: two empty frames', [ok + data(1, '', 'goesOn') + data(1, '', 'goesOn')]),
  one('flood: PRIORITY, at the limit', [repeat(4, () => priority(1, 0)) + whole], { path: '/few_priorities' }),
  one('flood: PRIORITY', [repeat(5, () => priority(1, 0)) + whole], { path: '/few_priorities' }),
  one('flood: WINDOW_UPDATE, at the limit', [repeat(7, () => windowUpdate(0, 1)) + whole], { path: '/few_updates' }),
  one('flood: WINDOW_UPDATE', [repeat(8, () => windowUpdate(0, 1)) + whole], { path: '/few_updates' }),
  one('flood: PING', [repeat(10, () => ping())], { path: '/few_control', normalize: [[/^(PING|GOAWAY).*\n?/gm, '']] }),
  one('flood: SETTINGS', [repeat(10, () => settings())], {
    path: '/few_control',
    normalize: [[/^(SETTINGS ack|GOAWAY).*\n?/gm, '']],
  }),
  one('keep-alive: answered', [{ waitFor: 'PING' }, whole], {
    path: '/keepalive',
    normalize: [[/^(PING|GOAWAY).*\n?/gm, '']],
  }),
  one('keep-alive: not answered', [], { path: '/keepalive', normalize: [[/^(PING|GOAWAY).*\n?/gm, '']] }),
]

export const backendFramesSuite: ParitySuite = {
  name: 'HTTP/2 frames of backends',
  yaml,
  backends: [],
  frameBackends: ['main'],
  cases: [...heads, ...informational, ...bodies, ...trailers, ...resets, ...goAways, ...connection, ...floods],
}
