/** What the encoder indexes and what it does not, and the sizes of its table. */
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../../../../src/common/byte_writer.ts'
import { HpackDecoder } from '../../../../../src/http/codec/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../../../../src/http/codec/http2/hpack/encoder.ts'
import { decodeFields, encodeFields, type FieldList, hex } from './blocks.ts'

/** The first byte of a literal: RFC 7541 6.2. */
function kindOf(block: Buffer): string {
  const first = block[0]
  if (first >= 0x80) return 'indexed'
  if (first >= 0x40) return 'incremental'
  if (first >= 0x20) return 'size update'
  return first >= 0x10 ? 'never' : 'without'
}

function kindsOf(encoder: HpackEncoder, fields: FieldList): string[] {
  return fields.map((field) => kindOf(encodeFields(encoder, [field])))
}

describe('a field', () => {
  test.each([
    ['of the static table', ':method', 'GET', ['indexed', 'indexed']],
    ['of the static table without a value', ':authority', '', ['indexed', 'indexed']],
    ['seen again', 'user-agent', 'curl', ['incremental', 'indexed']],
    ['of an unknown name seen again', 'x-a', 'b', ['incremental', 'indexed']],
    ['of an empty name and value', '', '', ['incremental', 'indexed']],
    ['with a path', ':path', '/a', ['without', 'without']],
    ['with the path /', ':path', '/', ['indexed', 'indexed']],
    ['with a length', 'content-length', '5', ['without', 'without']],
    ['with a tag', 'etag', '"a"', ['without', 'without']],
    ['with a set cookie', 'set-cookie', 'a=b', ['without', 'without']],
    ['with credentials', 'authorization', 'Basic YTpi', ['never', 'never']],
    ['with empty credentials', 'authorization', '', ['never', 'never']],
    ['with credentials for a proxy', 'proxy-authorization', 'Basic YTpi', ['never', 'never']],
    ['with a short cookie', 'cookie', 'a=0123456789012345x', ['never', 'never']],
    ['with a long cookie', 'cookie', 'a=0123456789012345xy', ['incremental', 'indexed']],
    ['of most of the table', 'x-large', 'a'.repeat(3040), ['without', 'without']],
    ['of three quarters of the table', 'x-large', 'a'.repeat(3033), ['incremental', 'indexed']],
  ])('%s', (_, name, value, kinds) => {
    const encoder = new HpackEncoder()
    const field: [string, string] = [name, value]
    expect(kindsOf(encoder, [field, field])).toEqual(kinds)
  })

  test('of a value that keeps changing is no longer indexed', () => {
    const encoder = new HpackEncoder()
    const ids = ['a1', 'b2', 'c3', 'd4', 'e5', 'f6'].map((id): [string, string] => ['x-request-id', id])
    expect(kindsOf(encoder, ids)).toEqual([...Array(3).fill('incremental'), ...Array(3).fill('without')])
  })

  test('of a value that changes seldom is indexed when it comes twice', () => {
    const encoder = new HpackEncoder()
    const dates = ['10', '11', '12', '13', '14', '14', '14', '15'].map((second): [string, string] => [
      'date',
      `Mon, 21 Oct 2013 20:13:${second} GMT`,
    ])
    const [first, later] = [Array(3).fill('incremental'), ['without', 'without', 'incremental', 'indexed']]
    expect(kindsOf(encoder, dates)).toEqual([...first, ...later, 'incremental'])
  })

  test('is written by the name of the newest entry that has it', () => {
    const encoder = new HpackEncoder()
    encodeFields(encoder, [
      ['x-a', '1'],
      ['x-b', '1'],
    ])
    expect(encodeFields(encoder, [['x-a', '2']])).toEqual(hex('7f00 0132'))
  })

  test('is written by its whole name again when the entry that had it is gone', () => {
    const encoder = new HpackEncoder()
    encodeFields(encoder, [['x-a', '1']])
    encodeFields(encoder, [['x-large', '\0'.repeat(3000)]])
    encodeFields(encoder, [['x-other', '\0'.repeat(3000)]])
    const fresh = new HpackEncoder()
    expect(encodeFields(encoder, [['x-a', '1']])).toEqual(encodeFields(fresh, [['x-a', '1']]))
  })

  test('is in Huffman code where that is shorter only', () => {
    const encoder = new HpackEncoder(0)
    encodeFields(encoder, [])
    expect(encodeFields(encoder, [['accept', 'no-cache']])).toEqual(hex('0f04 86 a8eb10649cbf'))
    expect(encodeFields(encoder, [['accept', '\x01\x02']])).toEqual(hex('0f04 02 0102'))
  })
})

describe('the response status', () => {
  test.each([
    [200, '88'],
    [204, '89'],
    [206, '8a'],
    [304, '8b'],
    [400, '8c'],
    [404, '8d'],
    [500, '8e'],
    [302, '48826402'],
  ])('%i', (status, digits) => {
    const out = new ByteWriter(16)
    new HpackEncoder().writeStatus(status, out)
    expect(out.bytes.subarray(0, out.length)).toEqual(hex(digits))
  })
})

describe("the table's size", () => {
  const field: [string, string] = ['x-a', 'b']

  test('is told where it is less than 4096 from the beginning', () => {
    const encoder = new HpackEncoder(0)
    expect(encodeFields(encoder, [])).toEqual(hex('20'))
    expect(encodeFields(encoder, [])).toEqual(hex(''))
    expect(kindsOf(encoder, [field, field])).toEqual(['without', 'without'])
  })

  test('follows the peer, who is told at the next block', () => {
    const encoder = new HpackEncoder()
    encoder.setMaxTableSize(100)
    expect(encodeFields(encoder, [])).toEqual(hex('3f45'))
    encoder.setMaxTableSize(100)
    expect(encodeFields(encoder, [])).toEqual(hex(''))
  })

  test('does not follow the peer beyond its own limit', () => {
    const encoder = new HpackEncoder()
    encoder.setMaxTableSize(65536)
    expect(encodeFields(encoder, [])).toEqual(hex(''))
    const larger = new HpackEncoder(65536)
    expect(encodeFields(larger, [])).toEqual(hex(''))
    larger.setMaxTableSize(8192)
    expect(encodeFields(larger, [])).toEqual(hex('3fe13f'))
  })

  test('is told with the smallest there was since the last block', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    decodeFields(decoder, encodeFields(encoder, [field]))
    encoder.setMaxTableSize(200)
    encoder.setMaxTableSize(0)
    encoder.setMaxTableSize(4096)
    const block = encodeFields(encoder, [field])
    expect(block.subarray(0, 4)).toEqual(hex('20 3fe11f'))
    expect(decodeFields(decoder, block)).toEqual([field])
    expect(decoder.tableBytes).toBe(encoder.tableBytes)
  })
})

describe('many names and values', () => {
  test('are remembered within bounds and read the same by the decoder', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    for (let i = 0; i < 5000; i++) {
      const fields: FieldList = [
        [`x-${i}`, 'a'],
        [`x-${i % 300}`, `${i % 7}`],
        ['x-same', 'same'],
      ]
      expect(decodeFields(decoder, encodeFields(encoder, fields))).toEqual(fields)
      expect(encoder.tableBytes).toBe(decoder.tableBytes)
    }
  })
})
