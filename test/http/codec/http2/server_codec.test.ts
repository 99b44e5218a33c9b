/** The server side of the HTTP/2 codec against nghttp2 (as Node has it): what honest clients send and get. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { HeaderMap } from '../../../../src/common/header_map.ts'
import type { Http2Settings } from '../../../../src/http/codec/http2/settings.ts'
import { CodecServer, echo, headerMap, type Program } from './codec_server.ts'

let server: CodecServer
let session: ClientHttp2Session

afterEach(() => {
  session?.destroy()
  server?.stop()
})

async function start(
  program: Program,
  settings: Partial<Http2Settings> = {},
  bufferLimitBytes?: number,
): Promise<void> {
  server = await CodecServer.start(program, settings, bufferLimitBytes)
  session = connect(`http://127.0.0.1:${server.port}`)
  session.on('error', () => undefined)
}

async function bodyOf(stream: ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

describe('exchanges', () => {
  test('many at a time, each with its own answer', async () => {
    await start(echo)
    const bodies = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const stream = session.request({ ':method': 'POST', ':path': `/${i}` })
        stream.end(`body ${i}`)
        const [head] = await once(stream, 'response')
        return `${head['path']} ${await bodyOf(stream)}`
      }),
    )
    expect(bodies).toEqual(bodies.map((_, i) => `/${i} body ${i}`))
    expect(server.stats.streamsActive.value()).toBe(0)
  })

  test('request fields in order, with crumbs of a cookie as one and a second value joined', async () => {
    await start(echo)
    const stream = session.request({ ':path': '/x?y', cookie: ['a=1', 'b=2'], accept: ['p', 'q'], 'x-a': ['1', '2'] })
    await bodyOf(stream)
    const { method, scheme, authority, path, names, values } = server.streams[0].headers as HeaderMap
    expect([method, scheme, authority, path]).toEqual(['GET', 'http', `127.0.0.1:${server.port}`, '/x?y'])
    expect(names.map((name, i) => `${name}: ${values[i]}`)).toEqual([
      'accept: p,q',
      'x-a: 1',
      'x-a: 2',
      'cookie: a=1; b=2',
    ])
  })

  test('a large body both ways passes through small windows', async () => {
    await start(echo, { initialStreamWindowBytes: 65535, initialConnectionWindowBytes: 65535 })
    const body = Buffer.alloc(3 * 1024 * 1024, 'abcdefg')
    const stream = session.request({ ':method': 'POST' })
    stream.end(body)
    expect((await bodyOf(stream)).equals(body)).toBe(true)
    expect(server.stats.pendingSendBytes.value()).toBe(0)
  })

  test('trailers both ways', async () => {
    await start({
      onRequest: (stream) => {
        stream.encoder.encodeHeaders(headerMap(200), false)
        stream.encoder.encodeData(Buffer.from('x'), false)
        const trailers = new HeaderMap()
        trailers.add('grpc-status', stream.trailers?.get('checksum') ?? '')
        stream.encoder.encodeTrailers(trailers)
      },
    })
    const stream = session.request({ ':method': 'POST' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ checksum: '7' }))
    stream.end('body')
    const trailers = once(stream, 'trailers')
    expect(String(await bodyOf(stream))).toBe('x')
    expect((await trailers)[0]['grpc-status']).toBe('7')
    expect(server.stats.trailers.value()).toBe(1)
  })

  test('interim responses before the final one', async () => {
    await start({
      onRequest: (stream) => {
        stream.encoder.encode1xxHeaders(headerMap(103, { link: '</a>' }))
        stream.answer(204)
      },
    })
    const stream = session.request({})
    const [early] = await once(stream, 'headers')
    expect(early).toMatchObject({ ':status': 103, link: '</a>' })
    expect((await once(stream, 'response'))[0][':status']).toBe(204)
  })

  test('fields of HTTP/1 do not go out', async () => {
    await start({
      onRequest: (stream) => {
        const fields = { connection: 'close', 'keep-alive': 'x', 'transfer-encoding': 'chunked', 'x-a': 'b' }
        stream.answer(200, 'x', fields)
      },
    })
    const [head] = await once(session.request({}), 'response')
    expect(Object.keys(head)).toEqual([':status', 'x-a'])
  })

  test('headers longer than a frame come in pieces, both ways', async () => {
    const long = 'v'.repeat(40_000)
    await start({ onRequest: (stream) => stream.answer(200, '', { long: stream.headers?.get('long') ?? '' }) })
    const [head] = await once(session.request({ long }), 'response')
    expect(head['long']).toBe(long)
  })

  test('without Huffman code where that is configured', async () => {
    await start(
      { onRequest: (stream) => stream.answer(200, '', { 'x-word': 'wwwwwwww'.repeat(20) }) },
      { huffman: false },
    )
    const [head] = await once(session.request({}), 'response')
    expect(head['x-word']).toBe('wwwwwwww'.repeat(20))
    expect(server.streams[0].encoder.headerBytesSent).toBeGreaterThan(160)
  })

  test('curl', async () => {
    await start(echo)
    const url = `http://127.0.0.1:${server.port}/c`
    const { stdout } = await promisify(execFile)('curl', ['-s', '--http2-prior-knowledge', '-d', 'hello', url])
    expect(stdout).toBe('hello')
  })
})

describe('extended CONNECT', () => {
  test('is an upgrade as HTTP/1 has it, and its 101 a 200', async () => {
    await start(
      {
        onHead: (stream) =>
          stream.encoder.encodeHeaders(headerMap(101, { upgrade: 'websocket', connection: 'upgrade', a: 'b' }), false),
      },
      { allowConnect: true },
    )
    await once(session, 'remoteSettings')
    expect(session.remoteSettings.enableConnectProtocol).toBe(true)
    const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' })
    const [head] = await once(stream, 'response')
    expect(Object.entries(head)).toEqual([
      [':status', 200],
      ['a', 'b'],
    ])
    const headers = server.streams[0].headers
    expect([headers?.method, headers?.get('upgrade'), headers?.get('connection')]).toEqual([
      'GET',
      'websocket',
      'upgrade',
    ])
  })
})

describe('the end of streams and connections', () => {
  test('the client resets: the stream hears of it, the others go on', async () => {
    const heads = Promise.withResolvers<void>()
    await start({
      onHead: () => heads.resolve(),
      onRequest: (stream) => stream.headers?.path === '/other' && stream.answer(200, 'fine'),
    })
    const stream = session.request({ ':method': 'POST' })
    stream.on('error', () => undefined)
    await heads.promise
    stream.close(constants.NGHTTP2_CANCEL)
    expect(String(await bodyOf(session.request({ ':path': '/other' })))).toBe('fine')
    await new Promise((resolve) => session.ping(resolve))
    expect(server.streams[0].reset).toEqual({ reason: 'remoteReset', details: 'http2.remote_reset' })
    expect(server.stats.rxReset.value()).toBe(1)
  })

  test('a response before the request is whole ends it without an error', async () => {
    await start({
      onHead: (stream) => {
        stream.answer(413, 'no')
        stream.encoder.resetStream('localReset')
      },
    })
    const stream = session.request({ ':method': 'POST' })
    stream.write('begin')
    expect(String(await bodyOf(stream))).toBe('no')
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
    expect(server.stats.txReset.value()).toBe(1)
  })

  test('a drain asks the client to leave, then names the last stream that is served', async () => {
    const begun = Promise.withResolvers<void>()
    await start({ onRequest: () => begun.resolve() })
    const seen: [number, number][] = []
    session.on('goaway', (code, last) => seen.push([code, last]))
    const stream = session.request({})
    await begun.promise
    const twice = Promise.withResolvers<void>()
    session.on('goaway', () => seen.length === 2 && twice.resolve())
    server.codecs[0].shutdownNotice()
    server.codecs[0].goAway()
    await twice.promise
    expect(seen).toEqual([
      [0, 2 ** 31 - 1],
      [0, 1],
    ])
    server.streams[0].answer(200, 'served')
    expect(String(await bodyOf(stream))).toBe('served')
    expect(server.stats.goAwaySent.value()).toBe(1)
  })
})

describe('backpressure', () => {
  test('a stream that waits for its window asks its producer to stop, and to go on', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'z')
    let left = 64
    await start(
      {
        onRequest: (stream) => {
          stream.encoder.encodeHeaders(headerMap(200), false)
          while (stream.watermarks.at(-1) !== 'above') stream.encoder.encodeData(chunk, --left === 0)
        },
        onRoom: (stream) => {
          while (left > 0 && stream.watermarks.at(-1) === 'below') stream.encoder.encodeData(chunk, --left === 0)
        },
      },
      {},
      256 * 1024,
    )
    const stream = session.request({})
    await once(stream, 'response')
    expect(left).toBeGreaterThan(50)
    expect((await bodyOf(stream)).length).toBe(64 * chunk.length)
    expect(server.streams[0].watermarks.at(-1)).toBe('below')
  })

  test('reading is disabled: the client gets no more window until it is enabled', async () => {
    const window = 65535
    await start(
      { onHead: (stream) => stream.encoder.readDisable(true), onRequest: (stream) => stream.answer(200, 'done') },
      { initialStreamWindowBytes: window, initialConnectionWindowBytes: 4 * window },
    )
    await once(session, 'remoteSettings')
    const stream = session.request({ ':method': 'POST' })
    stream.end(Buffer.alloc(3 * window))
    // Two round trips: whatever the client may send has come.
    for (let i = 0; i < 2; i++) await new Promise((resolve) => session.ping(resolve))
    expect(server.streams[0].body.length).toBe(window)
    server.streams[0].encoder.readDisable(false)
    expect(String(await bodyOf(stream))).toBe('done')
    expect(server.streams[0].body.length).toBe(3 * window)
  })
})
