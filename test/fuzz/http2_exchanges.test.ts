/** Any exchanges between the two sides of the HTTP/2 codec arrive as they were sent, whatever the windows. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeaderMap } from '../../src/common/header_map.ts'
import type { RequestEncoder, ResponseDecoder, ResponseEncoder } from '../../src/http/codec/codec.ts'
import { Http2ClientCodec } from '../../src/http/codec/http2/client_codec.ts'
import { createHttp2CodecStats } from '../../src/http/codec/http2/codec_stats.ts'
import { Http2ServerCodec } from '../../src/http/codec/http2/server_codec.ts'
import type { Http2Settings } from '../../src/http/codec/http2/settings.ts'
import { Connection } from '../../src/network/connection.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { defaultSettings, headerMap, type Program, ServerStream } from '../http/codec/http2/codec_server.ts'
import { checkAsync, propertyTimeoutMs } from './property.ts'

interface Exchange {
  readonly fields: readonly (readonly [string, string])[]
  readonly chunks: readonly number[]
  readonly trailers: readonly (readonly [string, string])[]
}

const name = fc.stringMatching(/^[a-z0-9!#$%&'*+.^`|~-]{1,30}$/).map((text) => `x${text}`)
const value = fc.string({
  maxLength: 60,
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((c) => c !== 0x7f)
    .map((c) => String.fromCharCode(c)),
})
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 })
const exchange: fc.Arbitrary<Exchange> = fc.record({
  fields,
  chunks: fc.array(fc.constantFrom(0, 1, 100, 5000, 16384, 70_000), { maxLength: 5 }),
  trailers: fields,
})
const windows = fc.constantFrom(65535, 65536, 1024 * 1024)
const configured: fc.Arbitrary<Partial<Http2Settings>> = fc.record({
  hpackTableBytes: fc.constantFrom(0, 64, 4096, 65536),
  initialStreamWindowBytes: windows,
  initialConnectionWindowBytes: windows,
})

/** The fields, and what the lengths and bytes of the body are. */
type Message = readonly [readonly string[], readonly string[], string, readonly string[] | undefined]

function message(headers: HeaderMap | undefined, body: Buffer, trailers: HeaderMap | undefined): Message {
  return [
    headers?.names ?? [],
    headers?.values ?? [],
    body.toString('latin1'),
    trailers && [...trailers.names, ...trailers.values],
  ]
}

class Response implements ResponseDecoder {
  readonly done = Promise.withResolvers<Message>()
  #head: HeaderMap | undefined = undefined
  readonly #chunks: Buffer[] = []

  decode1xxHeaders(): void {}

  decodeHeaders(head: HeaderMap, endStream: boolean): void {
    this.#head = head
    if (endStream) this.#end(undefined)
  }

  decodeData(data: Buffer, endStream: boolean): void {
    this.#chunks.push(Buffer.from(data))
    if (endStream) this.#end(undefined)
  }

  decodeTrailers(trailers: HeaderMap): void {
    this.#end(trailers)
  }

  #end(trailers: HeaderMap | undefined): void {
    this.done.resolve(message(this.#head, Buffer.concat(this.#chunks), trailers))
  }

  retainsData(): boolean {
    return false
  }
}

function list(pairs: Exchange['fields']): HeaderMap {
  const headers = new HeaderMap()
  for (const [field, text] of pairs) headers.add(field, text)
  return headers
}

function send(encoder: RequestEncoder, sent: Exchange): Message {
  const head = list(sent.fields)
  Object.assign(head, { method: 'POST', path: '/', scheme: 'http', authority: 'a' })
  const trailers = sent.trailers.length > 0 ? list(sent.trailers) : undefined
  const chunks = sent.chunks.map((length, i) => Buffer.alloc(length, i + 1))
  encoder.encodeHeaders(head, chunks.length === 0 && trailers === undefined)
  for (const [i, chunk] of chunks.entries())
    encoder.encodeData(chunk, i === chunks.length - 1 && trailers === undefined)
  if (trailers !== undefined) encoder.encodeTrailers(trailers)
  return message(head, Buffer.concat(chunks), trailers)
}

/** Sends back all that came. */
const mirror: Program = {
  onRequest: ({ encoder, headers, body, trailers }) => {
    const head = headerMap(200)
    head.names = headers?.names ?? []
    head.values = headers?.values ?? []
    encoder.encodeHeaders(head, body.length === 0 && trailers === undefined)
    if (body.length > 0) encoder.encodeData(body, trailers === undefined)
    if (trailers !== undefined) encoder.encodeTrailers(trailers)
  },
}

test(
  'what is sent comes back',
  async () => {
    const listening = createServer().listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const stats = createHttp2CodecStats(createLocalStore())
    const ignored = { onGoAway() {}, onMaxConcurrentStreams() {}, onStreamClosed() {}, onStreamReset() {} }
    await checkAsync(
      fc.tuple(fc.array(exchange, { maxLength: 8 }), configured, configured),
      async ([exchanges, there, here]) => {
        const near = connect((listening.address() as AddressInfo).port, '127.0.0.1')
        const [far] = (await once(listening, 'connection')) as [Socket]
        const downstream = new Connection(far, undefined, 100_000, true)
        const newStream = (encoder: ResponseEncoder): ServerStream => new ServerStream(encoder, mirror)
        const server = new Http2ServerCodec(downstream, { newStream }, { ...defaultSettings, ...there }, stats)
        downstream.reader = { onData: (bytes) => server.dispatch(bytes) }
        const upstream = new Connection(near, undefined, 100_000, false)
        const client = new Http2ClientCodec(upstream, ignored, { ...defaultSettings, ...here }, stats)
        upstream.reader = { onData: (bytes) => client.dispatch(bytes) }
        const responses = exchanges.map((sent) => {
          const response = new Response()
          return { expected: send(client.newStream(response), sent), response }
        })
        for (const { expected, response } of responses) expect(await response.done.promise).toEqual(expected)
        expect([stats.streamsActive.value(), stats.pendingSendBytes.value()]).toEqual([0, 0])
        near.destroy()
        far.destroy()
      },
    )
    listening.close()
  },
  propertyTimeoutMs,
)
