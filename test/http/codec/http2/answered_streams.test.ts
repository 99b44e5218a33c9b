/** What comes of a request that was answered before it was whole: taken, checked, and stopped where the client goes on. */
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode, FrameType } from '../../../../src/http/codec/http2/constants.ts'
import type { Http2Settings } from '../../../../src/http/codec/http2/settings.ts'
import { CodecServer, type Program, type ServerStream } from './codec_server.ts'
import { data, type Fields, headers, RawPeer, repeated, request, rstStream, windowUpdate } from './raw_peer.ts'

let server: CodecServer
let peer: RawPeer

afterEach(() => {
  peer?.close()
  server?.stop()
})

/** As the connection manager does: the answer is whole, so the stream is over. */
const answerAtOnce: Program = {
  onHead: (stream: ServerStream) => {
    stream.answer(200, 'answer')
    if (!stream.complete) stream.encoder.resetStream('localReset')
  },
}

async function start(configured: Partial<Http2Settings> = {}): Promise<void> {
  server = await CodecServer.start(answerAtOnce, configured)
  peer = await RawPeer.client(server.port)
}

const post = (streamId: number, extra: Fields = []): Buffer => headers(streamId, request(extra, 'POST'), false)
const resets = (): number[] =>
  peer.frames.filter(({ type }) => type === FrameType.rstStream).map(({ payload }) => payload.readUInt32BE())

describe('the client is told to stop', () => {
  test('when it sends nothing more', async () => {
    await start()
    peer.send(post(1))
    expect(await peer.resetError()).toBe(ErrorCode.noError)
    expect(peer.dataOf(1).toString()).toBe('answer')
    expect(server.stats.txReset.value()).toBe(1)
  })

  test('when it goes on, once', async () => {
    await start()
    peer.send(post(1), data(1, 'more'))
    expect(await peer.resetError()).toBe(ErrorCode.noError)
    peer.send(data(1, 'and more'), data(1, 'end', true))
    await peer.settle()
    expect(resets()).toEqual([ErrorCode.noError])
    expect(server.streams[0].chunks).toEqual([])
  })

  test('before the connection says goodbye', async () => {
    await start()
    peer.send(post(1))
    await peer.settle()
    server.codecs[0].goAway()
    await peer.goAwayError()
    expect(resets()).toEqual([ErrorCode.noError])
  })
})

test.each<[string, Buffer[]]>([
  ['data', [data(1, 'the rest', true)]],
  ['data in two frames', [data(1, 'the rest'), data(1, '', true)]],
  ['the data that content-length said', [data(1, 'four', true)]],
  ['trailers', [headers(1, [['a', 'b']])]],
])('a request that ends with %s needs no reset', async (name, rest) => {
  await start()
  peer.send(post(1, name.includes('content-length') ? [['content-length', '4']] : []), ...rest)
  peer.send(post(3))
  await peer.resetError()
  expect(peer.frames.filter(({ type }) => type === FrameType.rstStream).map(({ streamId }) => streamId)).toEqual([3])
})

describe('a mistake in the rest is a reset with its code', () => {
  test.each<[string, number, Buffer[]]>([
    ['a second head', ErrorCode.protocolError, [headers(1, request([], 'POST'), false)]],
    ['trailers that do not end', ErrorCode.protocolError, [headers(1, [['a', 'b']], false)]],
    ['a pseudo-header in trailers', ErrorCode.protocolError, [headers(1, [[':path', '/']])]],
    ['less data than content-length', ErrorCode.protocolError, [data(1, 'abc', true)]],
    ['more data than content-length', ErrorCode.protocolError, [data(1, 'abcde')]],
    ['trailers instead of data', ErrorCode.protocolError, [headers(1, [['a', 'b']])]],
    ['a window too large', ErrorCode.flowControlError, [windowUpdate(1, 2 ** 31 - 1)]],
  ])('%s', async (_, code, rest) => {
    await start()
    peer.send(post(1, [['content-length', '4']]), ...rest)
    expect(await peer.resetError()).toBe(code)
    // Nothing is looked at any more.
    peer.send(data(1, 'whatever'), headers(1, [['a', 'b']], false), windowUpdate(1, 2 ** 31 - 1))
    await peer.settle()
    expect(resets()).toEqual([code])
    expect(peer.ended).toBe(false)
  })
})

describe('behind the end of the request', () => {
  test.each<[string, Buffer]>([
    ['its reset', rstStream(1, ErrorCode.cancel)],
    ['its last data', data(1, '', true)],
  ])('DATA after %s is answered with STREAM_CLOSED', async (_, end) => {
    await start()
    peer.send(post(1), end, data(1, 'late'))
    expect(await peer.resetError()).toBe(ErrorCode.streamClosed)
    await peer.settle()
    expect(resets()).toEqual([ErrorCode.streamClosed])
  })

  test('HEADERS after its reset end the connection', async () => {
    await start()
    peer.send(post(1), rstStream(1, ErrorCode.cancel), headers(1, request()))
    expect(await peer.goAwayError()).toBe(ErrorCode.streamClosed)
  })
})

test('the client keeps to its window', async () => {
  await start({ initialStreamWindowBytes: 65535 })
  peer.send(
    post(1),
    repeated(4, () => data(1, Buffer.alloc(16384))),
  )
  expect(await peer.goAwayError()).toBe(ErrorCode.flowControlError)
})

test('data that nobody wants is given back to the window of the connection', async () => {
  await start({ initialStreamWindowBytes: 65535, initialConnectionWindowBytes: 65535 })
  for (let streamId = 1; streamId < 40; streamId += 2)
    peer.send(post(streamId), data(streamId, Buffer.alloc(16000), true))
  await peer.settle()
  expect(peer.ended).toBe(false)
  expect(server.streams.length).toBe(20)
})

test('only so many are remembered; the client is told to stop the older ones', async () => {
  await start()
  const streams = Array.from({ length: 400 }, (_, index) => 1 + 2 * index)
  peer.send(...streams.map((streamId) => post(streamId)))
  await peer.find(({ type, streamId }) => type === FrameType.rstStream && streamId === streams[399])
  expect(resets()).toEqual(streams.map(() => ErrorCode.noError))
  expect(server.stats.streamsActive.value()).toBe(0)
})
