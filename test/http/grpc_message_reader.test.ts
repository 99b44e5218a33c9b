/** Messages out of data that arrives in pieces of any size. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grpcFrame } from '../../src/http/grpc_frames.ts'
import { GrpcMessageReader } from '../../src/http/grpc_message_reader.ts'

function readAll(reader: GrpcMessageReader): string[] {
  const messages: string[] = []
  for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next.toString('latin1'))
  return messages
}

describe('gRPC messages', () => {
  it('come out as they went in, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 20 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        (texts, step) => {
          const all = Buffer.concat(texts.map((text) => grpcFrame(Buffer.from(text, 'latin1'))))
          const reader = new GrpcMessageReader()
          const seen: string[] = []
          for (let at = 0; at < all.length; at += step) {
            reader.push(all.subarray(at, at + step))
            seen.push(...readAll(reader))
          }
          reader.finish()
          expect(seen).toEqual(texts.map((text) => Buffer.from(text, 'latin1').toString('latin1')))
          expect(reader.buffered).toBe(0)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('that are cut off, compressed or too large are named', () => {
    const header = new GrpcMessageReader()
    header.push(Buffer.from([0, 0]))
    expect(() => header.finish()).toThrow('Incomplete gRPC frame header received')
    const body = new GrpcMessageReader()
    body.push(grpcFrame(Buffer.from('abc')).subarray(0, 6))
    expect(() => body.finish()).toThrow('Incomplete gRPC frame expected size: 3 actual size: 1')
    const compressed = new GrpcMessageReader()
    compressed.push(Buffer.from([1, 0, 0, 0, 0]))
    expect(() => compressed.next()).toThrow('Unsupported gRPC frame flag: 1')
    const limited = new GrpcMessageReader(3)
    limited.push(Buffer.concat([grpcFrame(Buffer.from('abc')), Buffer.from([0, 0, 0, 0, 4])]))
    expect(limited.next()?.toString()).toBe('abc')
    expect(() => limited.next()).toThrow('gRPC message of 4 bytes')
  })
})
