/** Clients that send messages as they like: heads that HTTP/2 forbids, bodies, trailers, extended CONNECT, and their answers. */
import { FrameFlag, FrameType } from '../../../src/http/codec/http2/constants.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import {
  arrived,
  both,
  get,
  head,
  none,
  one,
  open,
  silent,
  silently,
  sized,
  two,
  without,
  yaml,
} from './client_frames.ts'
import { data, type Fields, frame, headers, padded, post, pseudo, request, rst } from './frames.ts'

const { endStream, padded: isPadded } = FrameFlag

const heads: ParityCase[] = [
  ...head('plain', request()),
  ...head('upper case name', request(['X-Upper', '1'])),
  ...head('connection', request(['connection', 'close'])),
  ...head('connection: keep-alive', request(['connection', 'keep-alive'])),
  ...head('keep-alive', request(['keep-alive', '5'])),
  ...head('proxy-connection', request(['proxy-connection', 'close'])),
  ...head('transfer-encoding', request(['transfer-encoding', 'chunked'])),
  ...head('upgrade', request(['upgrade', 'websocket'])),
  ...head('te trailers', request(['te', 'trailers'])),
  ...head('te Trailers', request(['te', 'Trailers'])),
  ...head('te gzip', request(['te', 'gzip'])),
  ...head('te trailers twice', request(['te', 'trailers'], ['te', 'trailers'])),
  ...head('te empty', request(['te', ''])),
  ...head('pseudo-header after a field', [['x', '1'], ...request()]),
  ...head('no method', without(':method')),
  ...head('no scheme', without(':scheme')),
  ...head('no path', without(':path')),
  ...head('no authority', without(':authority')),
  ...head('host alone', [...without(':authority'), ['host', 'b.test']]),
  ...head('host before others', [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    ['host', 'b.test'],
    ['x', '1'],
  ]),
  ...head('host as authority', request(['host', 'a.test'])),
  ...head('host unlike authority', request(['host', 'b.test'])),
  ...head('host twice', request(['host', 'a.test'], ['host', 'a.test'])),
  ...head('host empty', request(['host', ''])),
  ...head('authority empty', [...without(':authority'), [':authority', '']]),
  ...head('authority empty and host', [...without(':authority'), [':authority', ''], ['host', 'b.test']]),
  ...head('authority with user', [...without(':authority'), [':authority', 'u:p@a.test']]),
  ...head('authority with a space', [...without(':authority'), [':authority', 'a test']]),
  ...head('authority with a port', [...without(':authority'), [':authority', 'a.test:8080']]),
  ...head('authority upper case', [...without(':authority'), [':authority', 'A.TEST']]),
  ...head('method twice', [...request(), [':method', 'GET']]),
  ...head('path twice', [[':path', '/'], ...request()]),
  ...head('unknown pseudo-header', [[':unknown', '1'], ...request()]),
  ...head('status in a request', [[':status', '200'], ...request()]),
  ...head('protocol without CONNECT', [[':protocol', 'websocket'], ...request()]),
  ...head('method empty', pseudo('', '/')),
  ...head('method with a space', pseudo('GE T', '/')),
  ...head('method lower case', pseudo('get', '/')),
  ...head('method unknown', pseudo('BREW', '/')),
  ...head('path empty', pseudo('GET', '')),
  ...head('path asterisk', pseudo('GET', '*')),
  ...head('path asterisk, OPTIONS', pseudo('OPTIONS', '*')),
  ...head('path without a slash', pseudo('GET', 'a')),
  ...head('path absolute', pseudo('GET', 'http://b.test/x')),
  ...head('path with a fragment', pseudo('GET', '/a#b')),
  ...head('path with a space', pseudo('GET', '/a b')),
  ...head('path above ASCII', pseudo('GET', '/\xc3\xa4')),
  ...head('path with a control character', pseudo('GET', '/\x01')),
  ...head('path with quotes and braces', pseudo('GET', '/"{}|^`<>\\')),
  ...head('scheme upper case', [...without(':scheme'), [':scheme', 'HTTP']]),
  ...head('scheme https', [...without(':scheme'), [':scheme', 'https']]),
  ...head('scheme ftp', [...without(':scheme'), [':scheme', 'ftp']]),
  ...head('scheme empty', [...without(':scheme'), [':scheme', '']]),
  ...head('scheme with a colon', [...without(':scheme'), [':scheme', 'ht:p']]),
  ...head('empty name', request(['', '1'])),
  ...head('name with a space', request(['a b', '1'])),
  ...head('name with a colon', request(['a:b', '1'])),
  ...head('name above ASCII', request(['\xe4', '1'])),
  ...head('value with LF', request(['x', 'a\nb'])),
  ...head('value with NUL', request(['x', 'a\0b'])),
  ...head('value with CR', request(['x', 'a\rb'])),
  ...head('value with DEL', request(['x', 'a\x7fb'])),
  ...head('value with a tab', request(['x', 'a\tb'])),
  ...head('value with spaces around', request(['x', ' a '])),
  ...head('value above ASCII', request(['x', '\xff'])),
  ...head('value empty', request(['x', ''])),
  ...head('cookies', request(['cookie', 'a=1'], ['x', '1'], ['cookie', 'b=2'], ['cookie', 'c=3'])),
  ...head('cookie empty', request(['cookie', ''], ['cookie', 'a=1'])),
  ...head('cookie ends in a semicolon', request(['cookie', 'a=1;'], ['cookie', 'b=2'])),
  ...head('field twice', request(['x', '1'], ['x', '2'])),
  ...head('accept twice', request(['accept', 'a'], ['accept', 'b'])),
  ...head('content-length of nothing', post(['content-length', '0'])),
  ...head('content-length without a body', post(['content-length', '5'])),
  ...head('content-length twice, equal', post(['content-length', '0'], ['content-length', '0'])),
  ...head('content-length twice, unlike', post(['content-length', '0'], ['content-length', '1'])),
  ...head('content-length no number', post(['content-length', 'x'])),
  ...head('content-length negative', post(['content-length', '-1'])),
  ...head('content-length with a plus', post(['content-length', '+0'])),
  ...head('content-length empty', post(['content-length', ''])),
  ...head('content-length too large', post(['content-length', '99999999999999999999'])),
  ...head('content-length a list', post(['content-length', '0, 0'])),
  ...head('expect', post(['expect', '100-continue'])),
  ...head('expect something else', post(['expect', 'x'])),
  ...head('underscores', request(['a_b', '1'])),
  one('underscores dropped', [headers(1, request(['a_b', '1']))], { listener: 'drop_underscores' }),
  one('underscores refused', [headers(1, request(['a_b', '1']))], { listener: 'no_underscores' }),
  one('too many headers', [headers(1, request(...many(6)))], { listener: 'few_headers' }),
  one('headers at the limit', [headers(1, request(['x', '1']))], { listener: 'few_headers' }),
  one('headers above the limit by cookies', [headers(1, request(...many(6, 'cookie')))], { listener: 'few_headers' }),
  one('too large headers', [headers(1, request(['x', 'a'.repeat(1100)]))], { listener: 'small_headers' }),
  one('too large headers in fields', [headers(1, request(...many(40, 'name')))], { listener: 'small_headers' }),
  one('many small fields within the limit', [headers(1, request(...many(30, 'n')))], { listener: 'small_headers' }),
  one('a field of 64 KiB', [headers(1, request(['x', 'a'.repeat(16000)]))]),
  one('a request after a bad one', [headers(1, request(['te', 'x'])), headers(3, request())], {
    listener: 'tolerant',
    ...two,
  }),
]

function many(count: number, name = 'x'): Fields {
  return Array.from({ length: count }, (_, i) => [name === 'cookie' ? name : `${name}${i}`, `value${i}`] as const)
}

const connects: ParityCase[] = [
  ...[
    ['websocket', pseudo('CONNECT', '/', [[':protocol', 'websocket']])],
    [
      'no path',
      [
        [':method', 'CONNECT'],
        [':scheme', 'http'],
        [':authority', 'a.test'],
        [':protocol', 'websocket'],
      ],
    ],
    [
      'no scheme',
      [
        [':method', 'CONNECT'],
        [':path', '/'],
        [':authority', 'a.test'],
        [':protocol', 'websocket'],
      ],
    ],
    ['protocol empty', pseudo('CONNECT', '/', [[':protocol', '']])],
    ['protocol that nobody configured', pseudo('CONNECT', '/', [[':protocol', 'other']])],
    ['protocol with GET', pseudo('GET', '/', [[':protocol', 'websocket']])],
    [
      'a plain CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', 'a.test:80'],
      ],
    ],
    ['a plain CONNECT with a path', pseudo('CONNECT', '/')],
    ['a plain CONNECT without authority', [[':method', 'CONNECT']]],
  ].map(([name, fields]) =>
    one(`connect: ${name}`, [headers(1, fields as Fields, 'goesOn')], { listener: 'connects' }),
  ),
  one(
    'connect: payload both ways',
    [
      headers(1, pseudo('CONNECT', '/', [[':protocol', 'websocket']]), 'goesOn'),
      { waitFor: 'HEADERS' },
      data(1, 'hello', 'goesOn'),
      { waitFor: 'echo(hello)' },
      data(1, ''),
    ],
    { listener: 'connects', reply: 'HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n' },
  ),
  one('connect: refused by the backend', [headers(1, pseudo('CONNECT', '/', [[':protocol', 'websocket']]), 'goesOn')], {
    listener: 'connects',
    reply: 'HTTP/1.1 403 F\r\ncontent-length: 2\r\n\r\nno',
  }),

  one('connect: where it is not allowed', [headers(1, pseudo('CONNECT', '/', [[':protocol', 'websocket']]))]),
  one('connect: plain, where it is not allowed', [
    headers(1, [
      [':method', 'CONNECT'],
      [':authority', 'a.test:80'],
    ]),
  ]),
]

const bodies: ParityCase[] = [
  ...both('body: of its length', headers(1, post(['content-length', '5']), 'goesOn') + data(1, 'hello')),
  ...both('body: longer than its length', headers(1, post(['content-length', '3']), 'goesOn') + data(1, 'hello')),
  ...both('body: shorter than its length', headers(1, post(['content-length', '9']), 'goesOn') + data(1, 'hello')),
  ...both(
    'body: shorter, with trailers',
    headers(1, post(['content-length', '9']), 'goesOn') + data(1, 'hello', 'goesOn') + headers(1, [['x-t', '1']]),
  ),
  one('body: empty last frame', [open, arrived, data(1, 'hello', 'goesOn'), data(1, '')]),
  one('body: padded', [open, arrived, padded(FrameType.data, endStream, 1, 'hello', 20)]),
  one('body: all padding', [open, arrived, padded(FrameType.data, endStream, 1, '', 20)]),
  one('body: padding longer than the frame', [open, arrived, frame(FrameType.data, isPadded, 1, '\x05abc')]),
  one('body: padding as long as the frame', [open, arrived, frame(FrameType.data, isPadded, 1, '\x04abc')]),
  one('body: padded without a length', [open, arrived, frame(FrameType.data, isPadded, 1)]),
  one('body: padding that is not zero', [
    open,
    arrived,
    frame(FrameType.data, isPadded | endStream, 1, '\x03hellojnk'),
  ]),
  one('body: behind its end', [get, data(1, 'x')]),
  one('body: behind its end and the answer', [get, { waitFor: ' end' }, data(1, 'x')]),
  one('body: on stream 0', [open, arrived, data(0, 'x')]),
  one('body: on an idle stream', [data(5, 'x')], none),
  one('body: on an even stream', [data(2, 'x')], none),
  one('body: frame too long', [open, arrived, frame(FrameType.data, 0, 1, 'x'.repeat(16385))]),
  one('body: frame of the longest', [open, arrived, data(1, 'x'.repeat(16384))]),
  one('body: of a GET', [headers(1, request(), 'goesOn'), data(1, 'hello')]),
  one('body: unknown flags', [open, arrived, frame(FrameType.data, 0xf6 & ~isPadded, 1, 'hello'), data(1, '')]),
]

const trailers: ParityCase[] = [
  ...both('trailers', open + data(1, 'hello', 'goesOn') + headers(1, [['x-t', '1']])),
  ...both('trailers without a body', open + headers(1, [['x-t', '1']])),
  ...both('trailers that do not end', open + headers(1, [['x-t', '1']], 'goesOn')),
  ...both(
    'trailers with a pseudo-header',
    open +
      headers(1, [
        [':path', '/'],
        ['x-t', '1'],
      ]),
  ),
  ...both('trailers with content-length', open + headers(1, [['content-length', '1']])),
  ...both(
    'trailers with the right content-length',
    open + data(1, 'x', 'goesOn') + headers(1, [['content-length', '1']]),
  ),
  ...both(
    'trailers with a second content-length',
    sized(1) + data(1, 'x', 'goesOn') + headers(1, [['content-length', '1']]),
  ),
  ...both('trailers with connection', open + headers(1, [['connection', 'close']])),
  ...both('trailers with te', open + headers(1, [['te', 'gzip']])),
  ...both('trailers with host', open + headers(1, [['host', 'b.test']])),
  ...both('trailers upper case', open + headers(1, [['X-T', '1']])),
  ...both('trailers empty', open + headers(1, [])),
  ...both('trailers behind the end', get + headers(1, [['x-t', '1']]), silent),
  one('trailers behind the answer', [get, { waitFor: ' end' }, headers(1, [['x-t', '1']])]),
]

const answers: ParityCase[] = [
  one('answer: early, and the body goes on', [open, arrived, { waitFor: ' end' }, data(1, 'hello')], {
    replyAt: 'head',
  }),
  one('answer: early, and the client resets', [open, arrived, { waitFor: ' end' }, rst(1, 8)], { replyAt: 'head' }),
  one('answer: direct, body goes on', [
    headers(1, pseudo('POST', '/direct'), 'goesOn'),
    { waitFor: ' end' },
    data(1, 'hello'),
  ]),
  one('answer: 100 and 103', [open, arrived, { waitFor: ':status: 103' }, data(1, 'x')], {
    replyAt: 'head',
    reply: [
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 103 Early\r\nlink: a\r\n\r\n',
      { waitFor: 'x' },
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    ],
  }),
  one('answer: of HTTP/1 with connection fields', [get], {
    reply:
      'HTTP/1.1 200 OK\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: 5\r\nproxy-connection: close\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\nok',
  }),
  one('answer: chunked', [get], { reply: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n' }),
  one('answer: until the end', [get], { reply: ['HTTP/1.1 200 OK\r\n\r\nok', { finish: true }] }),
  one('answer: upper case fields', [get], { reply: 'HTTP/1.1 200 OK\r\nX-Upper: A\r\nContent-Length: 2\r\n\r\nok' }),
  one('answer: cut off', [get], { reply: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok', { finish: true }] }),
  one('answer: nothing', [get], { reply: [{ finish: true }] }),
  one('answer: reset', [get], { reply: [{ reset: true }] }),
  one('answer: HEAD', [headers(1, pseudo('HEAD', '/'))], { reply: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n' }),
  one('answer: 204', [get], { reply: 'HTTP/1.1 204 No\r\n\r\n' }),
  one('answer: 304 with a length', [get], { reply: 'HTTP/1.1 304 No\r\ncontent-length: 5\r\n\r\n' }),
  one('answer: large head', [get], {
    reply: `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(30000)}\r\ncontent-length: 0\r\n\r\n`,
  }),
  one('answer: several set-cookie', [get], {
    reply: 'HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n',
  }),
  one('answer: half-closed client', [get, { waitBackend: 'GET' }, { halfClose: true }], { reply: [] }),
  one('answer: client is gone', [open, arrived, { reset: true }]),
]

export const messagesFramesSuite: ParitySuite = {
  name: 'HTTP/2 messages of clients',
  yaml,
  cases: [...heads, ...connects.map(silently), ...bodies, ...trailers, ...answers],
}
