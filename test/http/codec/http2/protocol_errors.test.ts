/** Frames that no peer may send: each ends its stream or the connection with the right error, and no other. */
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode, FrameFlag, FrameType, SettingId } from '../../../../src/http/codec/http2/constants.ts'
import type { Http2Settings } from '../../../../src/http/codec/http2/settings.ts'
import { CodecServer, echo, type Program } from './codec_server.ts'
import {
  block,
  data,
  type Fields,
  frame,
  headers,
  RawPeer,
  repeated,
  request,
  rstStream,
  settings,
  windowUpdate,
  word,
} from './raw_peer.ts'

let server: CodecServer
let peer: RawPeer

afterEach(() => {
  peer?.close()
  server?.stop()
})

async function start(configured: Partial<Http2Settings> = {}, program: Program = echo): Promise<void> {
  server = await CodecServer.start(program, configured)
  peer = await RawPeer.client(server.port)
}

const post = (streamId: number): Buffer => headers(streamId, request([], 'POST'), false)
const priority = (streamId: number, on: number): Buffer =>
  frame(FrameType.priority, 0, streamId, Buffer.concat([word(on), Buffer.from([1])]))
const interrupted = frame(FrameType.headers, FrameFlag.endStream, 1, block(request()))

describe('the connection ends', () => {
  test.each<[string, number, Buffer[]]>([
    ['DATA on stream 0', ErrorCode.protocolError, [data(0, 'x')]],
    ['DATA on an idle stream', ErrorCode.protocolError, [data(1, 'x')]],
    ['DATA behind the end of a request', ErrorCode.streamClosed, [post(1), data(1, '', true), post(3), data(1, 'x')]],
    [
      'padding longer than DATA',
      ErrorCode.protocolError,
      [post(1), frame(0, FrameFlag.padded, 1, Buffer.from([9, 1]))],
    ],
    ['HEADERS on stream 0', ErrorCode.protocolError, [headers(0, request())]],
    ['a stream with an even number', ErrorCode.protocolError, [headers(2, request())]],
    ['a lower stream number', ErrorCode.protocolError, [post(5), headers(3, request())]],
    ['HEADERS behind the end of a request', ErrorCode.streamClosed, [headers(1, request()), headers(1, request())]],
    ['a stream that depends on itself', ErrorCode.protocolError, [priority(1, 1)]],
    ['PRIORITY on stream 0', ErrorCode.protocolError, [priority(0, 1)]],
    ['PRIORITY of a wrong length', ErrorCode.frameSizeError, [frame(FrameType.priority, 0, 1, 'abcd')]],
    ['RST_STREAM on an idle stream', ErrorCode.protocolError, [rstStream(1, 0)]],
    ['RST_STREAM of a wrong length', ErrorCode.frameSizeError, [post(1), frame(FrameType.rstStream, 0, 1, 'abc')]],
    ['SETTINGS on a stream', ErrorCode.protocolError, [frame(FrameType.settings, 0, 1)]],
    ['SETTINGS of an odd length', ErrorCode.frameSizeError, [frame(FrameType.settings, 0, 0, 'abc')]],
    ['an acknowledgement with content', ErrorCode.frameSizeError, [frame(FrameType.settings, 1, 0, 'abcdef')]],
    ['a bad ENABLE_PUSH', ErrorCode.protocolError, [settings([SettingId.enablePush, 2])]],
    ['a window too large', ErrorCode.flowControlError, [settings([SettingId.initialWindowSize, 2 ** 31])]],
    ['a frame size too small', ErrorCode.protocolError, [settings([SettingId.maxFrameSize, 16383])]],
    ['a frame size too large', ErrorCode.protocolError, [settings([SettingId.maxFrameSize, 2 ** 24])]],
    ['PUSH_PROMISE', ErrorCode.protocolError, [frame(FrameType.pushPromise, 4, 1, word(2))]],
    ['PING on a stream', ErrorCode.protocolError, [frame(FrameType.ping, 0, 1, 'abcdefgh')]],
    ['PING of a wrong length', ErrorCode.frameSizeError, [frame(FrameType.ping, 0, 0, 'abc')]],
    ['GOAWAY on a stream', ErrorCode.protocolError, [frame(FrameType.goAway, 0, 1, 'abcdefgh')]],
    ['WINDOW_UPDATE by nothing', ErrorCode.protocolError, [windowUpdate(0, 0)]],
    ['WINDOW_UPDATE on an idle stream', ErrorCode.protocolError, [windowUpdate(1, 1)]],
    ['a connection window too large', ErrorCode.flowControlError, [windowUpdate(0, 2 ** 31 - 1)]],
    ['CONTINUATION alone', ErrorCode.protocolError, [frame(FrameType.continuation, 4, 1)]],
    ['a header block interrupted', ErrorCode.protocolError, [interrupted, frame(FrameType.ping, 0, 0, 'abcdefgh')]],
    ['a header block of another stream', ErrorCode.protocolError, [interrupted, frame(FrameType.continuation, 4, 3)]],
    [
      'HPACK that cannot be read',
      ErrorCode.compressionError,
      [frame(FrameType.headers, 5, 1, '\xff\xff\xff\xff\xff\xff')],
    ],
    ['a frame too large', ErrorCode.frameSizeError, [frame(0x42, 0, 0, Buffer.alloc(16385))]],
    ['a header field too long', ErrorCode.compressionError, [interruptedBy([['y', 'x'.repeat(70_000)]])]],
  ])('%s', async (_, errorCode, frames) => {
    await start({}, {})
    peer.send(...frames)
    expect(await peer.goAwayError()).toBe(errorCode)
  })

  test('a preface of another protocol', async () => {
    await start()
    const other = await RawPeer.client(server.port, Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    expect(await other.goAwayError()).toBe(ErrorCode.protocolError)
    other.close()
  })

  test('another frame than SETTINGS first', async () => {
    await start()
    const other = await RawPeer.client(server.port, headers(1, request()))
    expect(await other.goAwayError()).toBe(ErrorCode.protocolError)
    expect(server.streams).toEqual([])
    other.close()
  })

  test('more DATA than the window has', async () => {
    await start(
      { initialStreamWindowBytes: 65535, initialConnectionWindowBytes: 65535 },
      { onHead: (s) => s.encoder.readDisable(true) },
    )
    peer.send(
      post(1),
      repeated(5, () => data(1, Buffer.alloc(16000))),
    )
    expect(await peer.goAwayError()).toBe(ErrorCode.flowControlError)
  })
})

function interruptedBy(fields: Fields): Buffer {
  const rest = block(fields)
  const frames = [interrupted]
  for (let p = 0; p < rest.length; p += 16384)
    frames.push(frame(FrameType.continuation, p + 16384 >= rest.length ? 4 : 0, 1, rest.subarray(p, p + 16384)))
  return Buffer.concat(frames)
}

const target: Fields = [
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
]
const badRequests: [string, Fields, string][] = [
  ['a name with upper case', request([['X-a', 'b']]), 'http2.invalid.header.field'],
  ['a name with a space', request([['x a', 'b']]), 'http2.invalid.header.field'],
  ['an empty name', request([['', 'b']]), 'http2.invalid.header.field'],
  ['NUL in a value', request([['x', 'a\0b']]), 'http2.invalid.header.field'],
  ['CR LF in a value', request([['x', 'a\r\nb: c']]), 'http2.invalid.header.field'],
  ['connection', request([['connection', 'close']]), 'http2.invalid.header.field'],
  ['keep-alive', request([['keep-alive', 'x']]), 'http2.invalid.header.field'],
  ['proxy-connection', request([['proxy-connection', 'x']]), 'http2.invalid.header.field'],
  ['transfer-encoding', request([['transfer-encoding', 'chunked']]), 'http2.invalid.header.field'],
  ['upgrade', request([['upgrade', 'websocket']]), 'http2.invalid.header.field'],
  ['te: gzip', request([['te', 'gzip']]), 'http2.invalid.header.field'],
  ['no :method', target, 'http2.violation.of.messaging.rule'],
  [
    'no :path',
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a'],
    ],
    'http2.violation.of.messaging.rule',
  ],
  [
    'no :scheme',
    [
      [':method', 'GET'],
      [':path', '/'],
      [':authority', 'a'],
    ],
    'http2.violation.of.messaging.rule',
  ],
  [
    'no authority',
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
    ],
    'http2.violation.of.messaging.rule',
  ],
  ['an empty path', request([], 'GET', ''), 'http2.invalid.header.field'],
  ['a path without a slash', request([], 'GET', 'a'), 'http2.violation.of.messaging.rule'],
  ['a path with a space', request([], 'GET', '/a b'), 'http2.invalid.header.field'],
  ['a path with a line end', request([], 'GET', '/a\r\nb'), 'http2.invalid.header.field'],
  ['a method with a space', request([], 'GET /x'), 'http2.invalid.header.field'],
  [
    'an authority with a slash',
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'a/b'],
    ],
    'http2.invalid.header.field',
  ],
  ['a host with a slash', request([['host', 'a/b']]), 'http2.invalid.header.field'],
  [':path twice', request([[':path', '/b']]), 'http2.invalid.header.field'],
  ['an unknown pseudo-header', [[':foo', 'x'], ...request()], 'http2.invalid.header.field'],
  [':status in a request', [[':status', '200'], ...request()], 'http2.invalid.header.field'],
  ['a pseudo-header behind a field', [[':method', 'GET'], ['x', 'y'], ...target], 'http2.invalid.header.field'],
  ['CONNECT with a path', request([], 'CONNECT'), 'http2.violation.of.messaging.rule'],
  [
    ':protocol where it is not offered',
    [[':method', 'CONNECT'], [':protocol', 'websocket'], ...target],
    'http2.invalid.header.field',
  ],
  [':protocol without CONNECT', [[':protocol', 'websocket'], ...request()], 'http2.invalid.header.field'],
  [
    'two hosts',
    request([
      ['host', 'a'],
      ['host', 'a'],
    ]),
    'http2.invalid.header.field',
  ],
  ['a content-length that is no number', request([['content-length', '+5']]), 'http2.invalid.header.field'],
  [
    'two content-lengths',
    request([
      ['content-length', '0'],
      ['content-length', '0'],
    ]),
    'http2.invalid.header.field',
  ],
  ['content-length without a body', request([['content-length', '5']]), 'http2.violation.of.messaging.rule'],
]

describe('a message that is no HTTP', () => {
  test.each(badRequests)('%s ends the connection', async (_, fields, details) => {
    await start()
    peer.send(headers(1, fields))
    expect(await peer.goAwayError()).toBe(ErrorCode.protocolError)
    expect(server.streams.map(({ headers: seen }) => seen)).toEqual([undefined])
    expect((server.streams[0].encoder as unknown as { details: string }).details).toBe(details)
    expect(server.stats.rxMessagingError.value()).toBe(1)
  })

  test.each(badRequests)('%s ends the stream alone where that is configured', async (_, fields, details) => {
    await start({ streamErrorOnInvalidMessage: true })
    peer.send(headers(1, fields), headers(3, request()))
    expect(await peer.resetError()).toBe(ErrorCode.protocolError)
    await peer.find(({ streamId, flags }) => streamId === 3 && (flags & FrameFlag.endStream) !== 0)
    expect(server.streams[0].reset).toEqual({ reason: 'localReset', details })
    expect(server.streams[1].complete).toBe(true)
  })

  test.each<[string, Buffer[]]>([
    ['a body shorter than content-length', [data(1, 'abc', true)]],
    ['a body longer than content-length', [data(1, 'abcdef')]],
  ])('%s ends the stream', async (_, frames) => {
    await start()
    peer.send(headers(1, request([['content-length', '5']], 'POST'), false), ...frames, headers(3, request()))
    expect(await peer.resetError()).toBe(ErrorCode.protocolError)
    await peer.find(({ streamId }) => streamId === 3)
    expect(server.streams.map(({ complete }) => complete)).toEqual([false, true])
  })

  test.each<[string, Fields, boolean]>([
    ['trailers without an end', [['x', 'y']], false],
    ['another length in trailers', [['content-length', '1']], true],
    ['a pseudo-header in trailers', [[':path', '/']], true],
    ['a connection field in trailers', [['connection', 'x']], true],
  ])('%s', async (_, fields, endStream) => {
    await start()
    peer.send(post(1), headers(1, fields, endStream))
    expect(await peer.goAwayError()).toBe(ErrorCode.protocolError)
    expect(server.streams[0].trailers).toBeUndefined()
  })
})

describe('what is forgiven', () => {
  test.each<[string, Fields]>([
    ['bytes above ASCII in a value', request([['x', 'a\xe9b']])],
    ['te: Trailers', request([['te', 'Trailers']])],
    [
      'host in place of :authority',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/'],
        ['host', 'b'],
      ],
    ],
    ['content-length: 0 without a body', request([['content-length', '0']])],
    ['a method that nobody knows', request([], 'FOO')],
    ['OPTIONS *', request([], 'OPTIONS', '*')],
  ])('%s', async (_, fields) => {
    await start()
    peer.send(headers(1, fields))
    await peer.find(({ streamId, flags }) => streamId === 1 && (flags & FrameFlag.endStream) !== 0)
    expect(server.streams[0].complete).toBe(true)
  })

  test('host beside :authority is dropped', async () => {
    await start()
    peer.send(headers(1, request([['host', 'b']])))
    await peer.find(({ streamId }) => streamId === 1)
    expect(server.streams[0].headers?.getAll('host')).toEqual(['a'])
    expect(server.streams[0].headers?.names).toEqual([])
  })

  test('frames of types that nobody knows, priorities, METADATA and a client that leaves', async () => {
    await start({ allowMetadata: true })
    peer.send(
      frame(0x42, 0xff, 7, 'whatever'),
      frame(FrameType.metadata, FrameFlag.endMetadata, 0),
      priority(3, 1),
      frame(FrameType.goAway, 0, 0, Buffer.concat([word(0), word(0)])),
      headers(1, request()),
    )
    await peer.find(({ streamId }) => streamId === 1)
    expect(server.streams[0].complete).toBe(true)
    expect(server.stats.metadataEmptyFrames.value()).toBe(1)
  })

  test('frames on the way to a stream that was reset here', async () => {
    await start(
      {},
      {
        onHead: (stream) => stream.headers?.path === '/no' && stream.encoder.resetStream('localReset'),
        onRequest: (stream) => stream.answer(200),
      },
    )
    peer.send(headers(1, request([], 'POST', '/no'), false))
    await peer.resetError()
    peer.send(data(1, 'late'), windowUpdate(1, 5), headers(1, [['x', 'y']]), rstStream(1, 8), headers(3, request()))
    await peer.find(({ streamId }) => streamId === 3)
    expect(peer.frames.filter(({ type }) => type === FrameType.goAway)).toEqual([])
  })

  test('padding, which counts for the window', async () => {
    await start()
    const padded = frame(
      FrameType.data,
      FrameFlag.padded,
      1,
      Buffer.concat([Buffer.from([3]), Buffer.from('abc\0\0\0')]),
    )
    peer.send(post(1), padded, data(1, 'd', true))
    await peer.find(({ type, flags }) => type === FrameType.data && (flags & FrameFlag.endStream) !== 0)
    expect(String(peer.dataOf(1))).toBe('abcd')
  })
})
