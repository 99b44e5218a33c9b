/** HTTP/2 frames in any order, whole or broken: read the same however they are cut, and never a crash. */
import { Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CodecProtocolError, type ResponseEncoder } from '../../src/http/codec/codec.ts'
import { createHttp2CodecStats, type Http2CodecStats } from '../../src/http/codec/http2/codec_stats.ts'
import { clientPreface, FrameFlag, FrameType, SettingId } from '../../src/http/codec/http2/constants.ts'
import { Http2ServerCodec } from '../../src/http/codec/http2/server_codec.ts'
import { Connection } from '../../src/network/connection.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { defaultSettings, echo, type Program, ServerStream } from '../http/codec/http2/codec_server.ts'
import {
  block,
  data,
  type Fields,
  frame,
  headers,
  request,
  rstStream,
  settings,
  windowUpdate,
  word,
} from '../http/codec/http2/raw_peer.ts'
import { cut, cuts } from './message_arbitraries.ts'
import { check, propertyTimeoutMs } from './property.ts'

const stats: Http2CodecStats = createHttp2CodecStats(createLocalStore())

interface Outcome {
  readonly streams: readonly unknown[]
  /** What the connection ended by, '' for nothing. */
  readonly error: string
}

/** A connection to nothing: what is written stays in its batch. */
function read(pieces: readonly Buffer[], program: Program, streamErrors: boolean): Outcome {
  const connection = new Connection(new Socket(), undefined, 0, true)
  const streams: ServerStream[] = []
  const newStream = (encoder: ResponseEncoder): ServerStream => {
    const stream = new ServerStream(encoder, program)
    streams.push(stream)
    return stream
  }
  const configured = { ...defaultSettings, streamErrorOnInvalidMessage: streamErrors, maxHeadersBytes: 2048 }
  const codec = new Http2ServerCodec(connection, { newStream }, configured, stats)
  let error = ''
  try {
    for (const piece of pieces) {
      codec.dispatch(piece)
      codec.retainsData()
    }
  } catch (thrown) {
    if (!(thrown instanceof CodecProtocolError)) throw thrown
    error = thrown.message
  }
  connection.close('noFlush', '')
  return { error, streams: streams.map((stream) => decided(stream, error)) }
}

/** A body is delivered as far as it came before an error, which depends on the cuts. */
function decided(stream: ServerStream, error: string): unknown {
  const { complete, reset, headers: head, trailers } = stream
  const body = complete || (error === '' && reset === undefined) ? stream.body.toString('latin1') : ''
  return { complete, reset, head: head?.names, method: head?.method, trailers: trailers?.names, body }
}

const streamId = fc.integer({ min: 0, max: 9 })
const word32 = fc.constantFrom(0, 1, 8, 100, 65535, 2 ** 31 - 1, 2 ** 32 - 1)
const fields: fc.Arbitrary<Fields> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(request(), request([], 'POST'), request([['content-length', '3']], 'POST')) },
  fc.array(
    fc.tuple(
      fc.constantFrom(':path', 'a', 'B', 'te', 'cookie', 'content-length', 'host', ''),
      fc.constantFrom('x', '3', '', 'a\nb'),
    ),
  ),
)
const payload = fc.string({ maxLength: 40, unit: 'binary-ascii' }).map((text) => Buffer.from(text, 'latin1'))

const wholeFrame: fc.Arbitrary<Buffer> = fc.oneof(
  fc.tuple(streamId, fields, fc.boolean()).map(([id, list, end]) => headers(id, list, end)),
  fc.tuple(streamId, payload, fc.boolean()).map(([id, bytes, end]) => data(id, bytes, end)),
  fc
    .tuple(streamId, payload, fc.nat(30))
    .map(([id, bytes, pad]) => frame(FrameType.data, FrameFlag.padded, id, Buffer.concat([Buffer.from([pad]), bytes]))),
  fc.tuple(streamId, fields, fc.nat(60)).map(([id, list, at]) => {
    const bytes = block(list)
    return Buffer.concat([
      frame(FrameType.headers, FrameFlag.endStream, id, bytes.subarray(0, at)),
      frame(FrameType.continuation, FrameFlag.endHeaders, id, bytes.subarray(at)),
    ])
  }),
  fc.tuple(streamId, word32).map(([id, code]) => rstStream(id, code)),
  fc.tuple(streamId, word32).map(([id, increment]) => windowUpdate(id, increment)),
  fc.tuple(fc.constantFrom(...Object.values(SettingId), 99), word32).map(([id, value]) => settings([id, value])),
  fc.constant(frame(FrameType.ping, 0, 0, 'abcdefgh')),
  streamId.map((id) => frame(FrameType.priority, 0, id, Buffer.concat([word(3), Buffer.from([1])]))),
  fc.constant(frame(FrameType.goAway, 0, 0, Buffer.alloc(8))),
  fc.tuple(fc.nat(12), fc.nat(255), streamId, payload).map(([type, flags, id, bytes]) => frame(type, flags, id, bytes)),
)

const conversation = fc
  .tuple(fc.array(wholeFrame, { maxLength: 25 }), fc.option(payload, { nil: Buffer.alloc(0), freq: 5 }))
  .map(([frames, rest]) => Buffer.concat([Buffer.from(clientPreface, 'latin1'), settings(), ...frames, rest]))

/** Answers at the head, which is before the request is whole, and gives the stream up. */
const hasty: Program = {
  onHead: (stream) => {
    stream.answer(200, 'early')
    stream.encoder.resetStream('localReset')
  },
}
const slow: Program = { onHead: (stream) => stream.encoder.readDisable(true) }
const programs = fc.constantFrom(echo, hasty, slow)

describe('the HTTP/2 server codec', () => {
  test(
    'reads the same however the bytes are cut',
    () => {
      check(fc.tuple(conversation, cuts, programs, fc.boolean()), ([bytes, at, program, streamErrors]) => {
        const whole = read([bytes], program, streamErrors)
        expect(read(cut(bytes, at), program, streamErrors)).toEqual(whole)
        expect(
          read(
            Array.from(bytes, (byte) => Buffer.from([byte])),
            program,
            streamErrors,
          ),
        ).toEqual(whole)
      })
    },
    propertyTimeoutMs,
  )

  test(
    'leaves nothing behind, whatever came',
    () => {
      check(fc.tuple(fc.uint8Array({ maxLength: 200 }), conversation, programs), ([noise, bytes, program]) => {
        const at = noise.length === 0 ? 0 : noise[0] % bytes.length
        read([Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])], program, true)
        expect(stats.streamsActive.value()).toBe(0)
        expect(stats.pendingSendBytes.value()).toBe(0)
      })
    },
    propertyTimeoutMs,
  )
})
