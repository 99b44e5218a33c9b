/** Clients that use a connection as they like: the order of frames, header blocks, SETTINGS, windows, and floods. */
import { clientPreface, FrameFlag, FrameType, SettingId } from '../../../src/http/codec/http2/constants.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import {
  arrived,
  get,
  none,
  one,
  open,
  overLimit,
  repeat,
  silent,
  silently,
  sized,
  two,
  yaml,
} from './client_frames.ts'
import {
  block,
  continuation,
  data,
  frame,
  goAway,
  headers,
  hello,
  padded,
  ping,
  post,
  priority,
  pseudo,
  request,
  rst,
  settings,
  settingsAck,
  windowUpdate,
  word,
} from './frames.ts'

const { endStream, endHeaders, padded: isPadded, priority: hasPriority } = FrameFlag

const order: ParityCase[] = [
  { ...one('no SETTINGS', []), steps: [clientPreface + get], ...none },
  { ...one('SETTINGS ack first', []), steps: [clientPreface + settingsAck + get], ...none },
  { ...one('PING first', []), steps: [clientPreface + ping()], ...none },
  { ...one('a bad preface', []), steps: [clientPreface.replace('SM', 'XX') + get], listener: 'http2', ...none },
  {
    ...one('HTTP/1 where only HTTP/2 is', []),
    steps: ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    listener: 'http2',
    ...none,
  },
  { ...one('a preface in pieces', []), steps: [clientPreface.slice(0, 9), { quietMs: 20 }, hello.slice(9) + get] },
  one('SETTINGS in pieces with a request', [
    get.slice(0, 4),
    { quietMs: 20 },
    get.slice(4, 12),
    { quietMs: 20 },
    get.slice(12),
  ]),
  one('streams that go back', [headers(3, request()), headers(1, request())]),
  one('a stream again', [get, { waitFor: ' end' }, get]),
  one('a stream again at once', [get + get]),
  one('an even stream', [headers(2, request())], none),
  one('stream 0', [headers(0, request())], none),
  one('streams with gaps', [headers(7, request()), { waitFor: ' end' }, headers(101, request())], two),
  one('the last stream', [headers(0x7fffffff, request())]),
  one('a reserved bit', [frame(FrameType.headers, endHeaders | endStream, 0x80000001 >>> 0, block(request()))]),
  one('an unknown frame', [frame(0x20, 0xff, 0, 'x'), frame(0x20, 0xff, 1, 'x'), get]),
  one('an unknown frame on an open stream', [open, arrived, frame(0x20, 0xff, 1, 'x'), data(1, 'hello')]),
  one('ALTSVC and ORIGIN', [frame(10, 0, 0, '\0\x01aclear'), frame(12, 0, 0, ''), get]),
  one('PRIORITY_UPDATE', [frame(16, 0, 0, `${word(1)}u=1`), get]),
  one('PUSH_PROMISE', [
    get,
    { waitFor: ' end' },
    frame(FrameType.pushPromise, endHeaders, 1, word(2) + block(request())),
  ]),
  one('PUSH_PROMISE on an open stream', [
    open,
    arrived,
    frame(FrameType.pushPromise, endHeaders, 1, word(2) + block(request())),
  ]),
  { ...one('a request while SETTINGS are not acknowledged', []), steps: [clientPreface + settings() + get] },
]

const blocks: ParityCase[] = [
  one('continuation', [
    frame(FrameType.headers, endStream, 1, block(request())),
    continuation(1, block([['x', '1']]), endHeaders),
  ]),
  one('continuation in three', [
    frame(FrameType.headers, endStream, 1, block(request())),
    continuation(1, block([['x', '1']])),
    continuation(1, block([['y', '1']]), endHeaders),
  ]),
  one('continuation in the middle of a field', [
    frame(FrameType.headers, endStream, 1, block(request()).slice(0, 20)),
    continuation(1, block(request()).slice(20), endHeaders),
  ]),
  one('continuation that is interrupted', [frame(FrameType.headers, endStream, 1, block(request())), ping()]),
  one('continuation interrupted by DATA', [frame(FrameType.headers, 0, 1, block(post())), data(1, 'x')]),
  one('continuation interrupted by an unknown frame', [
    frame(FrameType.headers, endStream, 1, block(request())),
    frame(0x20, 0, 1),
  ]),
  one('continuation of another stream', [
    frame(FrameType.headers, endStream, 1, block(request())),
    continuation(3, '', endHeaders),
  ]),
  one('continuation of nothing', [continuation(1, block(request()), endHeaders)], none),
  one('continuation after an end', [get, { waitBackend: 'GET' }, continuation(1, '', endHeaders)]),
  one('continuation on stream 0', [frame(FrameType.headers, 0, 1, block(request())), continuation(0, '', endHeaders)]),
  one('continuation: a few empty ones', [
    frame(FrameType.headers, endStream, 1, block(request())),
    continuation(1, ''),
    continuation(1, '', endHeaders),
  ]),
  one('continuation: many', [
    frame(FrameType.headers, endStream, 1, block(request())),
    repeat(20, () => continuation(1, block([['x', '1']]))),
  ]),
  one('HEADERS padded', [padded(FrameType.headers, endHeaders | endStream, 1, block(request()), 7)]),
  one(
    'HEADERS padded too much',
    [frame(FrameType.headers, endHeaders | endStream | isPadded, 1, `\xff${block(request())}`)],
    none,
  ),
  one('HEADERS padded without a length', [frame(FrameType.headers, endHeaders | isPadded, 1, '')], none),
  one('HEADERS with a priority', [
    frame(FrameType.headers, endHeaders | endStream | hasPriority, 1, `${word(0)}\x10${block(request())}`),
  ]),
  one(
    'HEADERS that depend on themselves',
    [frame(FrameType.headers, endHeaders | endStream | hasPriority, 1, `${word(1)}\x10${block(request())}`)],
    none,
  ),
  one('HEADERS too short for a priority', [frame(FrameType.headers, endHeaders | hasPriority, 1, 'abc')], none),
  one('HEADERS empty', [frame(FrameType.headers, endHeaders | endStream, 1, '')]),
  one('HEADERS too long', [frame(FrameType.headers, endHeaders, 1, 'x'.repeat(16385))], none),
  one('HPACK: an index that is not there', [frame(FrameType.headers, endHeaders | endStream, 1, '\xff\x7f')]),
  one('HPACK: index 0', [frame(FrameType.headers, endHeaders | endStream, 1, '\x80')]),
  one('HPACK: a field cut off', [frame(FrameType.headers, endHeaders | endStream, 1, block(request()).slice(0, -3))]),
  one('HPACK: a table too large', [
    frame(FrameType.headers, endHeaders | endStream, 1, `\x3f\xff\xff\x7f${block(request())}`),
  ]),
  one('HPACK: a table size at the end', [
    frame(FrameType.headers, endHeaders | endStream, 1, `${block(request())}\x20`),
  ]),
  one('HPACK: a table size at the beginning', [
    frame(FrameType.headers, endHeaders | endStream, 1, `\x20${block(request())}`),
  ]),
  one('HPACK: bad Huffman', [
    frame(FrameType.headers, endHeaders | endStream, 1, `${block(request())}\0\x01x\x84\xff\xff\xff\xff`),
  ]),
  one('HPACK: an integer too large', [
    frame(FrameType.headers, endHeaders | endStream, 1, '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f'),
  ]),
  one(
    'HPACK: indexed fields',
    [
      frame(FrameType.headers, endHeaders | endStream, 1, '\x82\x86\x84\x41\x06a.test'),
      frame(FrameType.headers, endHeaders | endStream, 3, '\x82\x86\x84\xbe'),
    ],
    two,
  ),
  one(
    'HPACK: indexed where the table is none',
    [
      frame(FrameType.headers, endHeaders | endStream, 1, '\x20\x82\x86\x84\x41\x06a.test'),
      { waitFor: ' end' },
      frame(FrameType.headers, endHeaders | endStream, 3, '\x82\x86\x84\xbe'),
    ],
    { listener: 'small_table', ...two },
  ),
]

const connection: ParityCase[] = [
  one('SETTINGS: all', [settings([1, 100], [2, 0], [3, 10], [4, 100000], [5, 20000], [6, 30000]), get]),
  one('SETTINGS: unknown', [settings([99, 7]), get]),
  one('SETTINGS: the same twice', [settings([4, 1], [4, 70000]), get]),
  one('SETTINGS: of odd length', [frame(FrameType.settings, 0, 0, 'abc')], none),
  one('SETTINGS: on a stream', [frame(FrameType.settings, 0, 1)], none),
  one('SETTINGS: ack with a payload', [frame(FrameType.settings, FrameFlag.ack, 0, '\0\x04\0\0\0\x01')], none),
  one('SETTINGS: ack that nobody asked for', [settingsAck + settingsAck + get], none),
  one('SETTINGS: enable push 1', [settings([SettingId.enablePush, 1]), get]),
  one('SETTINGS: enable push 2', [settings([SettingId.enablePush, 2])], none),
  one('SETTINGS: window 2^31', [settings([SettingId.initialWindowSize, 0x80000000])], none),
  one('SETTINGS: window 2^31-1', [settings([SettingId.initialWindowSize, 0x7fffffff]), get]),
  one('SETTINGS: frame 16383', [settings([SettingId.maxFrameSize, 16383])], none),
  one('SETTINGS: frame 2^24', [settings([SettingId.maxFrameSize, 1 << 24])], none),
  one('SETTINGS: frame 2^24-1', [settings([SettingId.maxFrameSize, (1 << 24) - 1]), get]),
  one('SETTINGS: connect protocol 1', [settings([SettingId.enableConnectProtocol, 1]), get]),
  one('SETTINGS: connect protocol 2', [settings([SettingId.enableConnectProtocol, 2])], none),
  one('SETTINGS: connect protocol taken back', [settings([8, 1]), settings([8, 0]), get]),
  one('SETTINGS: header list 10', [settings([SettingId.maxHeaderListSize, 10]), get]),
  one(
    'SETTINGS: header table 0',
    [settings([SettingId.headerTableSize, 0]), get, { waitFor: ' end' }, headers(3, request())],
    two,
  ),
  one(
    'SETTINGS: header table large',
    [settings([SettingId.headerTableSize, 1 << 20]), get, { waitFor: ' end' }, headers(3, request())],
    two,
  ),
  one('SETTINGS: no streams', [settings([SettingId.maxConcurrentStreams, 0]), get]),
  one('SETTINGS: 33 entries', [settings(...repeated(33, [99, 1])) + get], none),
  one('SETTINGS: 32 entries', [settings(...repeated(32, [99, 1])), get]),
  one('PING', [ping(), get]),
  one('PING: ack that nobody asked for', [ping('abcdefgh', FrameFlag.ack), get]),
  one('PING: too short', [frame(FrameType.ping, 0, 0, 'abc')], none),
  one('PING: too long', [frame(FrameType.ping, 0, 0, 'abcdefghi')], none),
  one('PING: on a stream', [frame(FrameType.ping, 0, 1, 'abcdefgh')], none),
  one('PRIORITY', [priority(3, 0), priority(1, 3), get]),
  one('PRIORITY: on stream 0', [priority(0, 1)], none),
  one('PRIORITY: on itself', [priority(1, 1)], none),
  one('PRIORITY: of a wrong length', [frame(FrameType.priority, 0, 1, 'abc')], none),
  one('PRIORITY: of an open stream', [open, arrived, priority(1, 0), data(1, 'hello')]),
  one('PRIORITY: of a closed stream', [get, { waitFor: ' end' }, priority(1, 0), headers(3, request())], two),
  one('RST_STREAM: open stream', [open, arrived, rst(1, 8)]),
  one(
    'RST_STREAM: with each code',
    // In one write: else some of the requests reach the backend.
    [
      [0, 1, 2, 3, 5, 7, 9, 10, 11, 13, 99]
        .map((code, i) => headers(1 + 2 * i, post(), 'goesOn') + rst(1 + 2 * i, code))
        .join(''),
    ],
    { logLines: 11, stats: '^http' },
  ),
  one('RST_STREAM: at once', [open + rst(1, 8)], { stats: '^http' }),
  one('RST_STREAM: whole request', [get + rst(1, 8)], { stats: '^http' }),
  one('RST_STREAM: after the answer', [get, { waitFor: ' end' }, rst(1, 8), headers(3, request())], two),
  one('RST_STREAM: twice', [open, arrived, rst(1, 8) + rst(1, 8), headers(3, request())], two),
  one('RST_STREAM: DATA behind it', [open, arrived, rst(1, 8) + data(1, 'x'), headers(3, request())], two),
  one('RST_STREAM: HEADERS behind it', [open, arrived, rst(1, 8) + headers(1, [['x-t', '1']])]),
  one('RST_STREAM: idle stream', [rst(1, 8)], none),
  one('RST_STREAM: stream 0', [rst(0, 8)], none),
  one('RST_STREAM: of a wrong length', [open, arrived, frame(FrameType.rstStream, 0, 1, 'abc')]),
  one('GOAWAY', [goAway(0, 0), get]),
  one('GOAWAY: with an error', [open, arrived, goAway(0, 2, 'debug'), data(1, 'hello')]),
  one('GOAWAY: on a stream', [frame(FrameType.goAway, 0, 1, word(0) + word(0))], none),
  one('GOAWAY: too short', [frame(FrameType.goAway, 0, 0, word(0))], none),
  one('GOAWAY: twice, upwards', [goAway(1, 0), goAway(5, 0), get]),
  one("GOAWAY: a stream that is the client's", [goAway(1, 0), get]),
  one('METADATA', [
    open,
    arrived,
    frame(FrameType.metadata, FrameFlag.endMetadata, 1, block([['a', 'b']])),
    data(1, 'hello'),
  ]),
  one(
    'METADATA: allowed',
    [open, arrived, frame(FrameType.metadata, FrameFlag.endMetadata, 1, block([['a', 'b']])), data(1, 'hello')],
    { listener: 'metadata' },
  ),
  one(
    'METADATA: allowed and empty',
    [open, arrived, frame(FrameType.metadata, FrameFlag.endMetadata, 1, ''), data(1, 'hello')],
    { listener: 'metadata' },
  ),
  one('one request each connection', [get, { waitFor: ' end' }, headers(3, request())], { listener: 'one_request' }),
]

function repeated(count: number, entry: readonly [number, number]): (readonly [number, number])[] {
  return Array.from({ length: count }, () => entry)
}

const body = `HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n${'y'.repeat(100)}`
const windows: ParityCase[] = [
  one('window: by nothing', [windowUpdate(0, 0)], none),
  one('window: of a stream by nothing', [open, arrived, windowUpdate(1, 0)]),
  one('window: of an idle stream', [windowUpdate(1, 1)], none),
  one('window: of a closed stream', [get, { waitFor: ' end' }, windowUpdate(1, 1), headers(3, request())], two),
  one('window: of a wrong length', [frame(FrameType.windowUpdate, 0, 0, 'abc')], none),
  one('window: over 2^31', [windowUpdate(0, 0x7fffffff)], none),
  one('window: of a stream over 2^31', [open, arrived, windowUpdate(1, 0x7fffffff), headers(3, request())], two),
  one('window: at 2^31-1', [windowUpdate(0, 0x7fffffff - 65535), get]),
  one('window: over by SETTINGS', [open, arrived, windowUpdate(1, 0x7fffffff - 65535), settings([4, 65536])]),
  one(
    'window: of nothing',
    [settings([4, 0]), get, { quietMs: 50 }, windowUpdate(1, 50), { quietMs: 50 }, windowUpdate(1, 50)],
    { reply: body },
  ),
  one('window: opened by SETTINGS', [settings([4, 10]), get, { quietMs: 50 }, settings([4, 200])], { reply: body }),
  one(
    'window: below zero',
    [
      settings([4, 60]),
      get,
      { quietMs: 50 },
      settings([4, 10]),
      windowUpdate(1, 50),
      { quietMs: 50 },
      windowUpdate(1, 50),
    ],
    { reply: body },
  ),
  one('window: no body needs none', [settings([4, 0]), get], { reply: 'HTTP/1.1 204 No\r\n\r\n' }),
  one(
    'window: shared by streams',
    [
      settings([4, 40]),
      get + headers(3, request()),
      { quietMs: 50 },
      windowUpdate(3, 60),
      { quietMs: 50 },
      windowUpdate(1, 60),
    ],
    { reply: body, ...two },
  ),
  one(
    'window: of the connection used up',
    [get, { waitFor: 'HEADERS' }, { quietMs: 100 }, windowUpdate(0, 100000), windowUpdate(1, 100000)],
    { reply: `HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n${'y'.repeat(100000)}` },
  ),
  one('window: more than there is', [sized(90000), arrived, repeat(5, () => data(1, 'x'.repeat(16384), 'goesOn'))], {
    listener: 'small_window',
    reply: 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    // How much is given back at a time depends on the sizes of reads.
    normalize: [[/^WINDOW_UPDATE .*/gm, '']],
  }),
  one(
    'window: given back',
    [
      // One octet more than is sent before: the backend answers when it has the length, and may not do so before the end.
      sized(3 * 16384 + 1),
      repeat(3, () => data(1, 'x'.repeat(16384), 'goesOn')),
      { waitFor: 'WINDOW_UPDATE' },
      data(1, 'x'),
    ],
    { listener: 'small_window' },
  ),
]

const floods: ParityCase[] = [
  one('flood: three streams of two', [repeat(3, (i) => headers(1 + 2 * i, post(), 'goesOn'))], {
    listener: 'two_streams',
    ...two,
  }),
  {
    ...one('flood: three streams of two, SETTINGS unknown', [], { listener: 'two_streams', ...two }),
    steps: [clientPreface + settings() + repeat(3, (i) => headers(1 + 2 * i, post(), 'goesOn'))],
  },
  one('flood: an empty frame where none may be', [open, arrived, data(1, '', 'goesOn')], {
    listener: 'no_empty',
    ...silent,
  }),
  one('flood: empty frames, one', [open, arrived, data(1, '', 'goesOn'), data(1, 'x')]),
  one('flood: empty frames, two', [open, arrived, data(1, '', 'goesOn') + data(1, '', 'goesOn')], silent),
  one('flood: frames of padding', [open, arrived, repeat(2, () => padded(FrameType.data, 0, 1, '', 3))]),
  one('flood: empty frames with data between', [
    sized(4),
    repeat(3, () => data(1, '', 'goesOn') + data(1, 'x', 'goesOn')),
    data(1, 'x'),
  ]),
  one('flood: empty HEADERS', [repeat(2, (i) => frame(FrameType.headers, endHeaders, 1 + 2 * i, ''))], none),
  one('flood: PRIORITY, at the limit', [repeat(2, () => priority(3, 0)), get], { listener: 'few_priorities' }),
  one('flood: PRIORITY', [repeat(3, () => priority(3, 0))], { listener: 'few_priorities', ...none }),
  one(
    'flood: PRIORITY with a stream, at the limit',
    [get, { waitFor: ' end' }, repeat(2, () => priority(3, 0)), headers(3, request())],
    { listener: 'few_priorities', ...two },
  ),
  one('flood: PRIORITY with a stream', [get, { waitFor: ' end' }, repeat(3, () => priority(3, 0))], {
    listener: 'few_priorities',
  }),
  one('flood: WINDOW_UPDATE, at the limit', [repeat(5, () => windowUpdate(0, 1)), get], { listener: 'few_updates' }),
  one('flood: WINDOW_UPDATE', [repeat(6, () => windowUpdate(0, 1))], { listener: 'few_updates', ...none }),
  one(
    'flood: WINDOW_UPDATE with a stream, at the limit',
    [get, { waitFor: ' end' }, repeat(9, () => windowUpdate(0, 1)), headers(3, request())],
    { listener: 'few_updates', ...two },
  ),
  one('flood: WINDOW_UPDATE with a stream', [get, { waitFor: ' end' }, repeat(10, () => windowUpdate(0, 1))], {
    listener: 'few_updates',
  }),
  one('flood: PING', [repeat(50, () => ping())], { listener: 'few_control', ...none, ...overLimit }),
  one('flood: SETTINGS', [repeat(50, () => settings())], { listener: 'few_control', ...none, ...overLimit }),
  one(
    'flood: PING in turn',
    [
      ping(),
      { waitCount: ['PING ack', 1] },
      ping(),
      { waitCount: ['PING ack', 2] },
      ping(),
      { waitCount: ['PING ack', 3] },
      ping(),
      { waitCount: ['PING ack', 4] },
      ping(),
      { waitCount: ['PING ack', 5] },
      ping(),
      { waitCount: ['PING ack', 6] },
      get,
    ],
    { listener: 'few_control' },
  ),
  one('flood: answers', [repeat(20, (i) => headers(1 + 2 * i, pseudo('GET', '/direct')))], {
    listener: 'few_frames',
    logLines: 3,
  }),
  one(
    'flood: RST_STREAM, at the limit',
    [repeat(3, (i) => headers(1 + 2 * i, post(), 'goesOn') + rst(1 + 2 * i, 8)), headers(7, request())],
    { listener: 'few_resets', logLines: 4, stats: '^(http2|http)\\.' },
  ),
  one('flood: RST_STREAM', [repeat(4, (i) => headers(1 + 2 * i, post(), 'goesOn') + rst(1 + 2 * i, 8))], {
    listener: 'few_resets',
    logLines: 4,
    stats: '^http',
  }),
  one(
    'flood: resets that we send',
    [repeat(4, (i) => headers(1 + 2 * i, post(['content-length', '1']), 'goesOn') + data(1 + 2 * i, 'ab', 'goesOn'))],
    { logLines: 4 },
  ),
  one('slow: a stream that rests', [open, arrived, { quietMs: 250 }], { listener: 'short_idle' }),
  one('slow: a window that stays shut', [settings([4, 0]), get, { quietMs: 250 }], {
    listener: 'short_idle',
    reply: body,
  }),
  one('slow: a head that does not end', [frame(FrameType.headers, endStream, 1, block(request())), { quietMs: 250 }], {
    listener: 'short_headers',
  }),
]

const silentCases = new Set(
  [
    'a stream again at once',
    'an even stream',
    'stream 0',
    'PUSH_PROMISE',
    'PUSH_PROMISE on an open stream',
    'continuation: a few empty ones',
    'HEADERS that depend on themselves',
    'HEADERS empty',
    'SETTINGS: on a stream',
    'SETTINGS: ack that nobody asked for',
    'SETTINGS: enable push 2',
    'SETTINGS: window 2^31',
    'SETTINGS: frame 16383',
    'SETTINGS: frame 2^24',
    'SETTINGS: connect protocol 2',
    'PING: on a stream',
    'RST_STREAM: idle stream',
    'RST_STREAM: stream 0',
    'GOAWAY: on a stream',
    'window: by nothing',
    'window: of a stream by nothing',
    'window: of an idle stream',
    'window: over 2^31',
  ].map((name) => `h2 frames: ${name}`),
)

export const connectionFramesSuite: ParitySuite = {
  name: 'HTTP/2 connections of clients',
  yaml,
  cases: [
    ...[...order, ...blocks, ...connection, ...windows].map((one) => (silentCases.has(one.name) ? silently(one) : one)),
    ...floods.map(silently),
  ],
}
