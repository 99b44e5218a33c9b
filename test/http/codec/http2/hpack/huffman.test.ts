/** The Huffman code: every byte there and back, and what is no code. */
import { describe, expect, test } from 'vitest'
import { codeLengths, codes, endOfString } from '../../../../../src/http/codec/http2/hpack/huffman_code.ts'
import { decodedLimit, decodeHuffman } from '../../../../../src/http/codec/http2/hpack/huffman_decoder.ts'
import {
  encodeHuffman,
  encodeShortText,
  huffmanLength,
} from '../../../../../src/http/codec/http2/hpack/huffman_encoder.ts'
import { hex } from './blocks.ts'

function encoded(text: string): Buffer {
  const data = Buffer.from(text, 'latin1')
  const out = Buffer.alloc(huffmanLength(data, 0, data.length))
  const end = encodeHuffman(data, 0, data.length, out, 0)
  if (end !== out.length) throw new Error(`${end} bytes where ${out.length} were announced`)
  return out
}

/** Undefined for what is no Huffman code. */
function decoded(data: Buffer): string | undefined {
  const out = Buffer.alloc(decodedLimit(data.length))
  const length = decodeHuffman(data, 0, data.length, out)
  return length < 0 ? undefined : out.toString('latin1', 0, length)
}

describe('the code', () => {
  test('is complete: no other code would fit in', () => {
    let sum = 0
    for (const bits of codeLengths) sum += 2 ** (30 - bits)
    expect(sum).toBe(2 ** 30)
  })

  // RFC 7541 Appendix B, some of each length.
  test.each([
    ['0', 0x0, 5],
    ['t', 0x9, 5],
    [' ', 0x14, 6],
    ['u', 0x2d, 6],
    [':', 0x5c, 7],
    ['z', 0x7b, 7],
    ['&', 0xf8, 8],
    ['Z', 0xfd, 8],
    ['?', 0x3fc, 10],
    ['+', 0x7fb, 11],
    ['>', 0xffb, 12],
    ['~', 0x1ffd, 13],
    ['}', 0x3ffd, 14],
    ['{', 0x7ffe, 15],
    ['\xd0', 0x7fff2, 19],
    ['\xed', 0xfffff5, 24],
    ['\0', 0x1ff8, 13],
    ['\x01', 0x7fffd8, 23],
    ['\xff', 0x3ffffee, 26],
    ['\xf9', 0xffffffe, 28],
    ['\n', 0x3ffffffc, 30],
    ['\x16', 0x3ffffffe, 30],
  ])('of %j is that of the RFC', (character, code, bits) => {
    const symbol = character.charCodeAt(0)
    expect([codes[symbol], codeLengths[symbol]]).toEqual([code, bits])
  })

  test('of the end of a string is thirty ones', () => {
    expect([codes[endOfString], codeLengths[endOfString]]).toEqual([0x3fffffff, 30])
  })
})

describe('a string', () => {
  test('of any two bytes comes back', () => {
    const lost: string[] = []
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        const text = String.fromCharCode(first, second)
        if (decoded(encoded(text)) !== text) lost.push(text)
      }
    }
    expect(lost).toEqual([])
  })

  test('of all bytes comes back from the middle of a buffer', () => {
    const text = String.fromCharCode(
      ...Array.from({ length: 256 }, (_, i) => i),
      ...Array.from({ length: 256 }, (_, i) => 255 - i),
    )
    const code = encoded(text)
    const around = Buffer.concat([hex('00ff'), code, hex('ff00')])
    const out = Buffer.alloc(decodedLimit(code.length))
    expect(decodeHuffman(around, 2, 2 + code.length, out)).toBe(512)
    expect(out.toString('latin1', 0, 512)).toBe(text)
  })

  test('of characters with short codes is written the same by the quick encoder', () => {
    const text = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter((c) => c !== '\\')
    const all = text.join('').repeat(3)
    const out = Buffer.alloc(all.length * 2)
    const end = encodeShortText(all, out, 5)
    expect(out.subarray(5, end)).toEqual(encoded(all))
  })

  test('of any other character is none of the quick encoder', () => {
    const out = Buffer.alloc(10)
    const refused = Array.from({ length: 256 }, (_, i) => i).filter(
      (c) => encodeShortText(`0${String.fromCharCode(c)}`, out, 0) < 0,
    )
    expect(refused).toEqual(Array.from({ length: 256 }, (_, i) => i).filter((c) => codeLengths[c] > 16))
  })

  test('that is empty is nothing', () => {
    expect(encoded('')).toEqual(Buffer.alloc(0))
    expect(decoded(Buffer.alloc(0))).toBe('')
  })
})

describe('no Huffman string', () => {
  test.each([
    ['a padding of a whole byte', 'ff'],
    ['a padding of eight bits behind a symbol', 'f8ff'],
    ['a padding of eleven bits', '07ff'],
    ['a padding of 24 bits', '1fffffff'],
    ['a padding of zeros', '00'],
    ['a padding with a zero in it', '1a'],
    ['the end-of-string symbol', 'ffffffff'],
    ['the end-of-string symbol, then a character', 'fffffffc7f'],
    ['the end-of-string symbol between characters', '1fffffffff'],
    ['half of a long code', 'fffe'],
    ['zeros behind a long code', 'fffffff0'],
  ])('%s', (_, digits) => {
    expect(decoded(hex(digits))).toBeUndefined()
  })
})
