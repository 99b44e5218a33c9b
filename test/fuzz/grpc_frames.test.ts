/** Bodies of gRPC frames cut anywhere give the same as whole ones: counted, in base64 and back. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Base64FrameEncoder, Base64GroupDecoder } from '../../src/extensions/filters/http/grpc_web/base64.ts'
import { GrpcFrameReader, grpcFrame } from '../../src/http/grpc_frames.ts'
import { check, propertyTimeoutMs } from './property.ts'

const message = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const frames = fc.array(message, { maxLength: 6 }).map((messages) => messages.map((each) => grpcFrame(each)))
const cuts = fc.array(fc.nat(200), { maxLength: 12 })

function cut(body: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...at.map((edge) => Math.min(edge, body.length)).sort((a, b) => a - b), body.length]
  return edges.slice(1).map((end, i) => body.subarray(edges[i], end))
}

test(
  'frames are counted where they begin',
  () =>
    check(fc.tuple(frames, cuts), ([parts, at]) => {
      const reader = new GrpcFrameReader()
      let count = 0
      for (const piece of cut(Buffer.concat(parts), at)) count += reader.countIn(piece)
      expect(count).toBe(parts.length)
      expect(reader.betweenFrames).toBe(true)
    }),
  propertyTimeoutMs,
)

test(
  'base64 of frames does not depend on how they come',
  () =>
    check(fc.tuple(frames, cuts), ([parts, at]) => {
      const encoder = new Base64FrameEncoder()
      const encoded = cut(Buffer.concat(parts), at).map((piece) => encoder.push(piece).toString('latin1'))
      expect(encoded.join('')).toBe(parts.map((part) => part.toString('base64')).join(''))
    }),
  propertyTimeoutMs,
)

test(
  'base64 is decoded however it comes',
  () =>
    check(fc.tuple(message, cuts), ([body, at]) => {
      const decoder = new Base64GroupDecoder()
      const decoded = cut(Buffer.from(body.toString('base64')), at).map((piece) => decoder.push(piece))
      expect(Buffer.concat(decoded.map((part) => part ?? Buffer.from('refused')))).toEqual(body)
      expect(decoder.isEmpty).toBe(true)
    }),
  propertyTimeoutMs,
)
