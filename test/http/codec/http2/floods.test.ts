/** Attacks: what costs the attacker little and us much is counted, and ends the connection in time. */
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode, FrameFlag, FrameType, SettingId } from '../../../../src/http/codec/http2/constants.ts'
import type { Http2Settings } from '../../../../src/http/codec/http2/settings.ts'
import { CodecServer, echo, headerMap, type Program } from './codec_server.ts'
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

const post = headers(1, request([], 'POST'), false)
const ping = frame(FrameType.ping, 0, 0, 'abcdefgh')
const priority = frame(FrameType.priority, 0, 3, Buffer.concat([word(0), Buffer.from([1])]))
const open = frame(FrameType.headers, FrameFlag.endStream, 1, block(request()))
const more = (flags: number, fields: Fields): Buffer => frame(FrameType.continuation, flags, 1, block(fields))

function many(count: number, name: string): Fields {
  return Array.from({ length: count }, (_, i) => [name === 'cookie' ? name : `${name}${i}`, 'a'] as const)
}

describe('floods', () => {
  test.each<[string, keyof CodecServer['stats'], Buffer[]]>([
    ['PING', 'outboundControlFlood', [repeated(1500, () => ping)]],
    ['SETTINGS', 'outboundControlFlood', [repeated(1500, () => settings())]],
    [
      'resets that we answer',
      'outboundControlFlood',
      [
        repeated(1500, (i) =>
          Buffer.concat([headers(1 + 2 * i, request([['content-length', '1']], 'POST'), false), data(1 + 2 * i, 'ab')]),
        ),
      ],
    ],
    ['PRIORITY', 'inboundPriorityFramesFlood', [repeated(101, () => priority)]],
    [
      'PRIORITY when streams are over',
      'inboundPriorityFramesFlood',
      [headers(1, request()), rstStream(1, 8), repeated(101, () => priority)],
    ],
    ['WINDOW_UPDATE', 'inboundWindowUpdateFramesFlood', [repeated(6, () => windowUpdate(0, 1))]],
    ['WINDOW_UPDATE of a stream', 'inboundWindowUpdateFramesFlood', [post, repeated(8, () => windowUpdate(1, 1))]],
    ['DATA without data', 'inboundEmptyFramesFlood', [post, data(1, ''), data(1, '')]],
    [
      'DATA of padding',
      'inboundEmptyFramesFlood',
      [post, repeated(2, () => frame(0, FrameFlag.padded, 1, Buffer.alloc(4, 3)))],
    ],
    ['CONTINUATION without fields', 'inboundEmptyFramesFlood', [open, more(0, []), more(0, [])]],
    ['CONTINUATION without an end', 'headerOverflow', [open, repeated(400, () => more(0, [['x', 'y']]))]],
    ['a header block that grows', 'headerOverflow', [open, repeated(20, () => more(0, [['x', 'y'.repeat(16_000)]]))]],
  ])('%s', async (_, counter, frames) => {
    await start()
    peer.send(...frames)
    expect(await peer.goAwayError()).toBe(ErrorCode.enhanceYourCalm)
    expect(server.stats[counter].value()).toBe(1)
  })

  test('a client that asks on and does not read', async () => {
    await start({ maxOutboundFrames: 100 }, { onRequest: (stream) => stream.answer(200, Buffer.alloc(64 * 1024)) })
    peer.socket.pause()
    const closed = once(server.connections[0]?.socket ?? peer.socket, 'close')
    peer.send(settings([SettingId.initialWindowSize, 2 ** 30]), windowUpdate(0, 2 ** 30))
    peer.send(repeated(400, (i) => headers(1 + 2 * i, request())))
    peer.socket.resume()
    await closed
    expect(server.stats.outboundFlood.value()).toBe(1)
    expect(server.streams.length).toBeLessThan(100)
  })

  test('resets faster than stream_reset_rate', async () => {
    await start({ streamResets: { burst: 10, perSecond: 1 } }, {})
    peer.send(
      repeated(60, (i) => Buffer.concat([headers(1 + 2 * i, request([], 'POST'), false), rstStream(1 + 2 * i, 8)])),
    )
    expect(await peer.goAwayError()).toBe(ErrorCode.internalError)
    expect(server.stats.rxReset.value()).toBe(11)
  })

  test('SETTINGS with more entries than there are settings', async () => {
    await start()
    peer.send(settings(...Array.from({ length: 2400 }, () => [SettingId.maxConcurrentStreams, 1] as const)))
    expect(await peer.goAwayError()).toBe(ErrorCode.enhanceYourCalm)
  })

  test('more streams than allowed: refused while our SETTINGS may be on the way, then an error', async () => {
    server = await CodecServer.start({}, { maxConcurrentStreams: 2 })
    peer = await RawPeer.client(
      server.port,
      Buffer.concat([settings(), repeated(3, (i) => headers(1 + 2 * i, request()))]),
    )
    expect(await peer.resetError()).toBe(ErrorCode.refusedStream)
    expect(server.stats.streamRefusedErrors.value()).toBe(1)
    expect(server.streams).toHaveLength(2)
    await peer.settle()
    peer.send(headers(7, request()))
    expect(await peer.goAwayError()).toBe(ErrorCode.protocolError)
  })
})

describe('header limits', () => {
  test.each<[string, Fields, keyof CodecServer['stats'], string]>([
    ['fields', many(97, 'x'), 'headerOverflow', 'http2.too_many_headers'],
    ['crumbs of a cookie', many(97, 'cookie'), 'headerOverflow', 'http2.too_many_headers'],
    [
      'bytes',
      Array.from({ length: 5 }, (_, i) => [`x${i}`, 'v'.repeat(15_000)] as const),
      'headerListSizeTooLarge',
      'http2.header_list_size_too_large',
    ],
    [
      'bytes of a cookie',
      Array.from({ length: 5 }, () => ['cookie', 'v'.repeat(15_000)] as const),
      'headerListSizeTooLarge',
      'http2.header_list_size_too_large',
    ],
  ])('too many %s end the stream alone', async (_, fields, counter, details) => {
    await start()
    const rest = fields.map((field, i) => more(i === fields.length - 1 ? FrameFlag.endHeaders : 0, [field]))
    peer.send(open, ...rest, headers(3, request()))
    expect(await peer.resetError()).toBe(ErrorCode.internalError)
    await peer.find(({ streamId }) => streamId === 3)
    expect(server.streams.map(({ complete }) => complete)).toEqual([false, true])
    expect(server.streams[0].reset).toEqual({ reason: 'remoteReset', details })
    expect(server.stats[counter].value()).toBe(1)
  })

  test('an HPACK bomb: fields of the table, again and again, are not kept', async () => {
    await start()
    const bomb = Buffer.concat([
      block(request()),
      Buffer.from([0x40, 1, 0x78, 0x7f, 0x81, 0x1e]),
      Buffer.alloc(3968, 'y'),
      Buffer.alloc(12_000, 0xbe),
    ])
    peer.send(frame(FrameType.headers, 5, 1, bomb), headers(3, request()))
    expect(await peer.resetError()).toBe(ErrorCode.internalError)
    await peer.find(({ streamId }) => streamId === 3)
    expect(server.streams[1].complete).toBe(true)
  })

  test('underscores: dropped or refused where that is configured', async () => {
    await start({ headersWithUnderscores: 'DROP_HEADER' })
    peer.send(
      headers(
        1,
        request([
          ['a_b', 'c'],
          ['d', 'e'],
        ]),
      ),
    )
    await peer.find(({ streamId }) => streamId === 1)
    expect(server.streams[0].headers?.names).toEqual(['d'])
    expect(server.stats.droppedHeadersWithUnderscores.value()).toBe(1)
    server.stop()
    await start({ headersWithUnderscores: 'REJECT_REQUEST' })
    peer.send(headers(1, request([['a_b', 'c']])))
    await peer.resetError()
    expect(server.streams[0].reset?.details).toBe('http2.unexpected_underscore')
    expect(server.stats.requestsRejectedWithUnderscores.value()).toBe(1)
  })
})

describe('slow peers', () => {
  test('a window that never opens keeps a response for a time only', async () => {
    await start(
      {},
      {
        onRequest: (stream) => {
          Reflect.apply(Reflect.get(stream.encoder, 'setFlushTimeout'), stream.encoder, [20])
          stream.answer(200, Buffer.alloc(100_000))
        },
      },
    )
    peer.send(settings([SettingId.initialWindowSize, 0]), headers(1, request()))
    expect(await peer.resetError()).toBe(ErrorCode.internalError)
    expect(server.stats.txFlushTimeout.value()).toBe(1)
    expect(server.stats.pendingSendBytes.value()).toBe(0)
  })

  test('a window that opens a byte at a time is served so', async () => {
    await start({}, { onRequest: (stream) => stream.answer(200, 'abc') })
    peer.send(settings([SettingId.initialWindowSize, 0]), headers(1, request()))
    await peer.find(({ type }) => type === FrameType.headers)
    for (let i = 1; i <= 3; i++) {
      peer.send(windowUpdate(1, 1))
      await peer.find(({ type }) => type === FrameType.data && peer.dataOf(1).length === i)
    }
    expect(String(peer.dataOf(1))).toBe('abc')
  })

  test('a change of SETTINGS_INITIAL_WINDOW_SIZE moves open streams, below zero too', async () => {
    await start({}, { onRequest: (stream) => stream.answer(200, 'abcdefgh') })
    peer.send(settings([SettingId.initialWindowSize, 4]), headers(1, request()))
    await peer.find(({ type }) => type === FrameType.data)
    peer.send(settings([SettingId.initialWindowSize, 1]), windowUpdate(1, 3))
    await peer.settle()
    expect(String(peer.dataOf(1))).toBe('abcd')
    peer.send(windowUpdate(1, 4))
    await peer.find(({ flags, type }) => type === FrameType.data && flags === FrameFlag.endStream)
    expect(String(peer.dataOf(1))).toBe('abcdefgh')
  })

  test('a PING that is not answered ends the connection', async () => {
    await start({ keepalive: { intervalMs: 5, timeoutMs: 20, intervalJitter: 0, idleIntervalMs: 0 } })
    await peer.find(() => false)
    expect(countOf(FrameType.ping)).toBe(1)
    expect(server.stats.keepaliveTimeout.value()).toBe(1)
  })

  test('one that is answered keeps it', async () => {
    await start({ keepalive: { intervalMs: 5, timeoutMs: 20_000, intervalJitter: 0, idleIntervalMs: 0 } })
    for (let i = 1; i <= 3; i++) {
      const got = await peer.find(({ type }) => type === FrameType.ping && countOf(FrameType.ping) >= i)
      peer.send(frame(FrameType.ping, FrameFlag.ack, 0, got?.payload))
    }
    expect(peer.ended).toBe(false)
  })
})

function countOf(type: number): number {
  return peer.frames.filter((frame) => frame.type === type).length
}

test('an honest client that aborts many streams is served on', async () => {
  await start(
    {},
    { onHead: (stream) => stream.headers?.method === 'GET' && stream.encoder.encodeHeaders(headerMap(200), true) },
  )
  for (let i = 0; i < 3000; i += 100) {
    peer.send(
      repeated(100, (j) =>
        Buffer.concat([headers(1 + 2 * (i + j), request([], 'POST'), false), rstStream(1 + 2 * (i + j), 8)]),
      ),
    )
    await peer.settle()
  }
  peer.send(headers(9001, request()))
  const answer = await peer.find(({ streamId }) => streamId === 9001)
  expect(answer?.type).toBe(FrameType.headers)
  expect(server.stats.rxReset.value()).toBe(3000)
  expect(server.stats.streamsActive.value()).toBe(0)
})
