/** The client side of the HTTP/2 codec against nghttp2 (as Node has it), and against servers that break the protocol. */
import { once } from 'node:events'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { HeaderMap } from '../../../../src/common/header_map.ts'
import {
  CodecProtocolError,
  type RequestEncoder,
  type ResponseDecoder,
  type StreamResetReason,
} from '../../../../src/http/codec/codec.ts'
import { Http2ClientCodec } from '../../../../src/http/codec/http2/client_codec.ts'
import { createHttp2CodecStats, type Http2CodecStats } from '../../../../src/http/codec/http2/codec_stats.ts'
import { ErrorCode, FrameFlag, FrameType, SettingId } from '../../../../src/http/codec/http2/constants.ts'
import type { Http2Settings } from '../../../../src/http/codec/http2/settings.ts'
import { Connection } from '../../../../src/network/connection.ts'
import { createLocalStore } from '../../../../src/stats/store.ts'
import { defaultSettings } from './codec_server.ts'
import {
  data,
  type Fields,
  frame,
  headers,
  RawPeer,
  repeated,
  rstStream,
  settings,
  windowUpdate,
  word,
} from './raw_peer.ts'

/** What came of one request. */
class Exchange implements ResponseDecoder {
  encoder!: RequestEncoder
  interim: number[] = []
  head: HeaderMap | undefined = undefined
  readonly chunks: Buffer[] = []
  trailers: HeaderMap | undefined = undefined
  watermarks: string[] = []
  readonly done = Promise.withResolvers<string>()
  readonly headCame = Promise.withResolvers<HeaderMap>()

  get body(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  decode1xxHeaders(interim: HeaderMap): void {
    this.interim.push(interim.status)
  }

  decodeHeaders(head: HeaderMap, endStream: boolean): void {
    this.head = head
    this.headCame.resolve(head)
    if (endStream) this.done.resolve('')
  }

  decodeData(chunk: Buffer, endStream: boolean): void {
    this.chunks.push(Buffer.from(chunk))
    if (endStream) this.done.resolve('')
  }

  decodeTrailers(trailers: HeaderMap): void {
    this.trailers = trailers
    this.done.resolve('')
  }

  retainsData(): boolean {
    return false
  }
}

class Client {
  readonly stats: Http2CodecStats = createHttp2CodecStats(createLocalStore())
  readonly connection: Connection
  readonly codec: Http2ClientCodec
  readonly goAways: number[] = []
  readonly maxima: number[] = []
  readonly resets: StreamResetReason[] = []
  closedStreams = 0
  error: CodecProtocolError | undefined = undefined

  constructor(port: number, configured: Partial<Http2Settings> = {}) {
    this.connection = new Connection(connect(port, '127.0.0.1'), undefined, 256 * 1024, false)
    const callbacks = {
      onGoAway: (code: number) => this.goAways.push(code),
      onMaxConcurrentStreams: (max: number) => this.maxima.push(max),
      onStreamClosed: () => this.closedStreams++,
      onStreamReset: (reason: StreamResetReason) => this.resets.push(reason),
    }
    this.codec = new Http2ClientCodec(this.connection, callbacks, { ...defaultSettings, ...configured }, this.stats)
    this.connection.reader = { onData: (bytes) => this.#dispatch(bytes) }
    this.connection.addConnectionCallbacks({
      onEvent: (event) => event !== 'connected' && this.codec.resetAllStreams('connectionTermination'),
      onAboveWriteBufferHighWatermark: () => this.codec.onUnderlyingConnectionAboveWriteBufferHighWatermark(),
      onBelowWriteBufferLowWatermark: () => this.codec.onUnderlyingConnectionBelowWriteBufferLowWatermark(),
    })
  }

  #dispatch(bytes: Buffer): void {
    try {
      this.codec.dispatch(bytes)
    } catch (error) {
      if (!(error instanceof CodecProtocolError)) throw error
      this.error = error
      this.connection.close('flushWrite', '')
    }
  }

  send(method: string, path: string, fields: Fields = [], endStream = true): Exchange {
    const head = new HeaderMap()
    Object.assign(head, { method, path, scheme: 'http', authority: 'a' })
    for (const [name, value] of fields) head.add(name, value)
    const exchange = new Exchange()
    exchange.encoder = this.codec.newStream(exchange)
    exchange.encoder.setCallbacks({
      onResetStream: (reason) => exchange.done.resolve(reason),
      onAboveWriteBufferHighWatermark: () => exchange.watermarks.push('above'),
      onBelowWriteBufferLowWatermark: () => exchange.watermarks.push('below'),
    })
    exchange.encoder.encodeHeaders(head, endStream)
    return exchange
  }
}

let backend: Http2Server | Server
let client: Client
let raw: Promise<RawPeer>

afterEach(() => {
  client?.connection.socket.destroy()
  backend?.close()
})

async function start(handler: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void, options = {}) {
  const server = createServer(options)
  server.on('stream', handler)
  backend = server
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  client = new Client((server.address() as AddressInfo).port)
}

/** A server that is played by the test. */
async function startRaw(configured: Partial<Http2Settings> = {}): Promise<RawPeer> {
  backend = createTcpServer()
  const accepted = Promise.withResolvers<RawPeer>()
  raw = accepted.promise
  backend.on('connection', (socket) => accepted.resolve(RawPeer.server(socket)))
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  client = new Client((backend.address() as AddressInfo).port, configured)
  return await raw
}

describe('exchanges', () => {
  test('many at a time, each with its own answer', async () => {
    await start((stream, head) => {
      stream.respond({ ':status': 200, path: String(head[':path']) })
      stream.pipe(stream)
    })
    const exchanges = Array.from({ length: 100 }, (_, i) => {
      const exchange = client.send('POST', `/${i}`, [], false)
      exchange.encoder.encodeData(Buffer.from(`body ${i}`), true)
      return exchange
    })
    expect(await Promise.all(exchanges.map(({ done }) => done.promise))).toEqual(exchanges.map(() => ''))
    expect(exchanges.map(({ head, body }) => `${head?.get('path')} ${body}`)).toEqual(
      exchanges.map((_, i) => `/${i} body ${i}`),
    )
    expect(client.closedStreams).toBe(100)
    expect(client.stats.streamsActive.value()).toBe(0)
    expect(client.maxima).toEqual([2 ** 31 - 1])
  })

  test('interim responses and trailers', async () => {
    await start((stream) => {
      stream.additionalHeaders({ ':status': 103 })
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end('x')
    })
    const exchange = client.send('GET', '/')
    await exchange.done.promise
    expect(exchange.interim).toEqual([103])
    expect(exchange.trailers?.get('grpc-status')).toBe('0')
  })

  test('request trailers, and none where there are no fields', async () => {
    await start((stream) => {
      let trailers = ''
      stream.on('trailers', (fields) => {
        trailers = JSON.stringify(fields)
      })
      stream.resume().on('end', () => {
        stream.respond({ ':status': 200 })
        stream.end(trailers)
      })
    })
    const some = new HeaderMap()
    some.add('checksum', '7')
    const bodies = [some, new HeaderMap()].map(async (trailers) => {
      const exchange = client.send('POST', '/', [], false)
      exchange.encoder.encodeData(Buffer.from('x'), false)
      exchange.encoder.encodeTrailers(trailers)
      await exchange.done.promise
      return exchange.body
    })
    expect(await Promise.all(bodies)).toEqual(['{"checksum":"7"}', ''])
  })

  test('a large request waits for the windows and asks its producer to wait', async () => {
    await start((stream) => {
      let length = 0
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      stream.on('end', () => {
        stream.respond({ ':status': 200 })
        stream.end(String(length))
      })
    })
    const exchange = client.send('PUT', '/', [], false)
    const chunk = Buffer.alloc(100_000)
    for (let i = 0; i < 20; i++) exchange.encoder.encodeData(chunk, i === 19)
    expect(exchange.watermarks).toEqual(['above'])
    await exchange.done.promise
    expect(exchange.body).toBe('2000000')
    expect(exchange.watermarks).toEqual(['above', 'below'])
    expect(client.stats.pendingSendBytes.value()).toBe(0)
  })
})

describe('requests as they go out', () => {
  async function headOf(method: string, fields: Fields): Promise<string[]> {
    const got = Promise.withResolvers<string[]>()
    await start(
      (stream, head) => {
        got.resolve(Object.entries(head).map(([name, value]) => `${name}: ${value}`))
        stream.respond({ ':status': 200 })
      },
      { settings: { enableConnectProtocol: true } },
    )
    const exchange = client.send(method, '/chat', fields, false)
    upgraded = await exchange.headCame.promise
    return await got.promise
  }
  let upgraded: HeaderMap

  test('without what belongs to HTTP/1', async () => {
    const fields: Fields = [
      ['host', 'a'],
      ['connection', 'x'],
      ['keep-alive', '1'],
      ['transfer-encoding', 'chunked'],
      ['te', 'trailers'],
      ['b', 'c'],
    ]
    expect(await headOf('GET', fields)).toEqual([
      ':method: GET',
      ':authority: a',
      ':scheme: http',
      ':path: /chat',
      'te: trailers',
      'b: c',
    ])
  })

  test('CONNECT has an authority alone', async () => {
    expect(await headOf('CONNECT', [])).toEqual([':method: CONNECT', ':authority: a'])
    expect(upgraded.status).toBe(200)
  })

  test('an upgrade is an extended CONNECT, and the 200 to it a 101', async () => {
    const fields: Fields = [
      ['connection', 'Upgrade'],
      ['upgrade', 'websocket'],
      ['content-length', '0'],
    ]
    expect(await headOf('GET', fields)).toEqual([
      ':method: CONNECT',
      ':authority: a',
      ':scheme: http',
      ':path: /chat',
      ':protocol: websocket',
    ])
    expect([upgraded.status, upgraded.get('upgrade'), upgraded.get('connection')]).toEqual([
      101,
      'websocket',
      'upgrade',
    ])
  })
})

const okHead: Fields = [[':status', '200']]

describe('the end of streams', () => {
  test.each([
    [ErrorCode.cancel, 'remoteReset'],
    [ErrorCode.refusedStream, 'remoteRefusedStreamReset'],
    [ErrorCode.connectError, 'connectError'],
  ])('RST_STREAM with error %i', async (errorCode, outcome) => {
    const peer = await startRaw()
    const exchange = client.send('GET', '/')
    peer.send(rstStream(1, errorCode))
    expect(await exchange.done.promise).toBe(outcome)
    expect([client.closedStreams, client.resets]).toEqual([1, [outcome]])
  })

  test('GOAWAY: streams that it does not name are refused, the others go on', async () => {
    const peer = await startRaw()
    const exchanges = [client.send('GET', '/1'), client.send('GET', '/2')]
    peer.send(frame(FrameType.goAway, 0, 0, Buffer.concat([word(1), word(0)])), headers(1, okHead))
    expect(await Promise.all(exchanges.map(({ done }) => done.promise))).toEqual(['', 'remoteRefusedStreamReset'])
    expect(client.goAways).toEqual([0])
  })

  test('the user resets: the server hears of it, and what it still sends is read over', async () => {
    const peer = await startRaw()
    const exchange = client.send('GET', '/')
    await peer.find(({ type }) => type === FrameType.headers)
    exchange.encoder.resetStream('localReset')
    expect(await peer.resetError()).toBe(ErrorCode.internalError)
    expect(client.resets).toEqual(['localReset'])
    peer.send(headers(1, okHead, false), data(1, 'late', true))
    const other = client.send('GET', '/')
    await peer.find(({ streamId }) => streamId === 3)
    peer.send(headers(3, okHead))
    expect(await other.done.promise).toBe('')
    expect([exchange.head, client.error]).toEqual([undefined, undefined])
  })

  test('the connection goes: every stream hears of it once', async () => {
    const peer = await startRaw()
    const exchanges = [client.send('GET', '/1'), client.send('GET', '/2')]
    await peer.find(({ streamId }) => streamId === 3)
    peer.close()
    for (const { done } of exchanges) expect(await done.promise).toBe('connectionTermination')
    expect([client.closedStreams, client.stats.streamsActive.value()]).toEqual([2, 0])
  })

  test.each<[string, Buffer[]]>([
    ['an odd stream of its own', [headers(7, okHead)]],
    ['a pushed stream', [frame(FrameType.pushPromise, FrameFlag.endHeaders, 1, word(2))]],
    ['SETTINGS_ENABLE_PUSH', [settings([SettingId.enablePush, 1])]],
    [
      'a request',
      [
        headers(1, [
          [':method', 'GET'],
          [':path', '/'],
        ]),
      ],
    ],
    ['no status', [headers(1, [['a', 'b']])]],
    ['a status of two digits', [headers(1, [[':status', '20']])]],
    ['101', [headers(1, [[':status', '101']], false)]],
    ['an interim response that ends', [headers(1, [[':status', '103']])]],
    ['DATA before the head', [data(1, 'x')]],
    ['a flood of PING', [repeated(1500, () => frame(FrameType.ping, 0, 0, 'abcdefgh'))]],
    ['a flood of WINDOW_UPDATE', [repeated(50, () => windowUpdate(0, 1))]],
  ])('a server that sends %s loses the connection', async (_, frames) => {
    const peer = await startRaw()
    const exchange = client.send('GET', '/')
    await peer.find(({ type }) => type === FrameType.headers)
    peer.send(...frames)
    expect(await exchange.done.promise).toBe('connectionTermination')
    expect(client.error?.details).toMatch(/^codec_error:/)
  })

  test.each<[string, Fields, string]>([
    [
      'a body longer than content-length',
      [
        [':status', '200'],
        ['content-length', '1'],
      ],
      'protocolError',
    ],
    [
      'a connection field',
      [
        [':status', '200'],
        ['connection', 'close'],
      ],
      'protocolError',
    ],
  ])('%s ends the stream alone where that is configured', async (_, fields, outcome) => {
    const peer = await startRaw({ streamErrorOnInvalidMessage: true })
    const exchange = client.send('GET', '/')
    await peer.find(({ type }) => type === FrameType.headers)
    peer.send(headers(1, fields, false), data(1, 'abc'))
    expect(await exchange.done.promise).toBe(outcome)
    expect(client.error).toBeUndefined()
  })

  test('content-length of a response to HEAD counts no body', async () => {
    const peer = await startRaw()
    const exchange = client.send('HEAD', '/')
    await peer.find(({ type }) => type === FrameType.headers)
    peer.send(
      headers(1, [
        [':status', '200'],
        ['content-length', '5'],
      ]),
    )
    expect(await exchange.done.promise).toBe('')
  })
})

test('a PING goes ahead of a stream on a connection that rested', async () => {
  const keepalive = { intervalMs: 0, timeoutMs: 5000, intervalJitter: 0, idleIntervalMs: 1 }
  const peer = await startRaw({ keepalive })
  await peer.find(({ type, flags }) => type === FrameType.settings && flags === FrameFlag.ack)
  const resting = performance.now()
  while (performance.now() - resting < 5);
  client.send('GET', '/')
  await peer.find(({ type }) => type === FrameType.headers)
  const order = peer.frames.map(({ type }) => type)
  expect(order.slice(-2)).toEqual([FrameType.ping, FrameType.headers])
})
