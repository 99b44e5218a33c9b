/** Header compression: whatever is encoded comes back, and whatever bytes come make no more than an HpackError. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HpackDecoder } from '../../src/http/codec/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../src/http/codec/http2/hpack/encoder.ts'
import { HpackError } from '../../src/http/codec/http2/hpack/hpack_error.ts'
import { decodedLimit, decodeHuffman } from '../../src/http/codec/http2/hpack/huffman_decoder.ts'
import { encodeHuffman, huffmanLength } from '../../src/http/codec/http2/hpack/huffman_encoder.ts'
import { decodeFields, encodeFields } from '../http/codec/http2/hpack/blocks.ts'
import { check, propertyTimeoutMs } from './property.ts'

const byte = fc.nat(255).map((code) => String.fromCharCode(code))
const anyText = fc.string({ unit: byte, maxLength: 200 })
const visible = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-/=; '), maxLength: 80 })
const longText = fc.tuple(visible, fc.nat(400)).map(([text, times]) => text.repeat(times).slice(0, 5000))
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('', 'a', 'GET', '200', 'gzip, deflate', 'the same text as ever') },
  { weight: 4, arbitrary: visible },
  { weight: 2, arbitrary: anyText },
  { weight: 1, arbitrary: longText },
)
const name = fc.oneof(
  fc.constantFrom(
    ':method',
    ':path',
    ':status',
    'cookie',
    'authorization',
    'accept-encoding',
    'date',
    'via',
    'x-a',
    'x-b',
  ),
  visible,
)
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 })

/** What happens on one connection: a block, or a new size for the table. */
const step = fc.oneof({ weight: 6, arbitrary: fields }, { weight: 1, arbitrary: fc.nat(6000) })
const steps = fc.array(step, { maxLength: 20 })

describe('the encoder and the decoder', () => {
  test(
    'agree on every field and on the size of the table, whatever the limits do',
    () => {
      check(fc.tuple(steps, fc.constantFrom(0, 100, 4096, 8192)), ([connection, limit]) => {
        const encoder = new HpackEncoder(limit)
        const decoder = new HpackDecoder()
        for (const what of connection) {
          if (typeof what === 'number') {
            decoder.setMaxTableSize(what)
            encoder.setMaxTableSize(what)
            continue
          }
          expect(decodeFields(decoder, encodeFields(encoder, what))).toEqual(what)
          expect(decoder.tableBytes).toBe(encoder.tableBytes)
        }
      })
    },
    propertyTimeoutMs,
  )
})

describe('the decoder', () => {
  test(
    'refuses with its own error or reads, whatever the bytes, and keeps to the size of its table',
    () => {
      const opcodes = fc.constantFrom(
        0x82,
        0xbe,
        0xbf,
        0xff,
        0x40,
        0x7e,
        0x41,
        0x20,
        0x3f,
        0x00,
        0x0f,
        0x10,
        0x01,
        0x84,
        0x81,
      )
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.oneof(opcodes, fc.nat(255)), { maxLength: 200 }),
      )
      check(fc.tuple(fc.array(bytes, { maxLength: 4 }), fc.constantFrom(0, 64, 4096)), ([blocks, limit]) => {
        const decoder = new HpackDecoder(limit)
        try {
          for (const block of blocks) decodeFields(decoder, Buffer.from(block))
        } catch (error) {
          expect(error).toBeInstanceOf(HpackError)
        }
        expect(decoder.tableBytes).toBeLessThanOrEqual(limit)
      })
    },
    propertyTimeoutMs,
  )

  test(
    'reads the same from a fresh buffer and from the middle of a used one',
    () => {
      const edits = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 2 })
      check(fc.tuple(fields, edits, fc.nat(20)), ([list, changes, offset]) => {
        const block = encodeFields(new HpackEncoder(), list)
        for (const [at, code] of changes) if (block.length > 0) block[at % block.length] = code
        const around = Buffer.concat([Buffer.alloc(offset, 0x82), block, Buffer.alloc(5, 0x82)])
        expect(outcome(around, offset, offset + block.length)).toEqual(outcome(block, 0, block.length))
      })
    },
    propertyTimeoutMs,
  )
})

function outcome(data: Buffer, start: number, end: number): unknown {
  const seen: string[] = []
  const take = (fieldName: string, fieldValue: string) => seen.push(fieldName, fieldValue) > 0
  try {
    new HpackDecoder().decode(data, take, start, end)
  } catch (error) {
    return [seen, (error as Error).message]
  }
  return seen
}

describe('Huffman code', () => {
  test(
    'of any text comes back, and any bytes that are code are the code of their text',
    () => {
      check(fc.tuple(anyText, fc.uint8Array({ maxLength: 60 })), ([text, bytes]) => {
        expect(decoded(encoded(text))).toBe(text)
        const read = decoded(Buffer.from(bytes))
        if (read === undefined) return
        expect([...encoded(read)]).toEqual([...bytes])
      })
    },
    propertyTimeoutMs,
  )
})

function encoded(text: string): Buffer {
  const data = Buffer.from(text, 'latin1')
  const out = Buffer.alloc(huffmanLength(data, 0, data.length))
  encodeHuffman(data, 0, data.length, out, 0)
  return out
}

function decoded(data: Buffer): string | undefined {
  const out = Buffer.alloc(decodedLimit(data.length))
  const length = decodeHuffman(data, 0, data.length, out)
  return length < 0 ? undefined : out.toString('latin1', 0, length)
}
