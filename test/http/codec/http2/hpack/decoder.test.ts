/** The decoder against what is wrong or unusual in a block; the dynamic table and its limits. */
import { describe, expect, test } from 'vitest'
import { HpackDecoder } from '../../../../../src/http/codec/http2/hpack/decoder.ts'
import { HpackError } from '../../../../../src/http/codec/http2/hpack/hpack_error.ts'
import { decodeFields, hex } from './blocks.ts'

function refusal(decoder: HpackDecoder, digits: string): string {
  try {
    decodeFields(decoder, hex(digits))
  } catch (error) {
    expect(error).toBeInstanceOf(HpackError)
    return (error as HpackError).message
  }
  return ''
}

describe('a block is refused', () => {
  test.each([
    ['index 0', '80', 'the index 0 is not in the tables, which end with 61'],
    ['an index behind the tables', 'be', 'the index 62 is not in the tables, which end with 61'],
    ['a name behind the tables', '7e0161', 'the index 62 is not in the tables, which end with 61'],
    ['a name without indexing behind the tables', '0f2f0161', 'the index 62 is not in the tables, which end with 61'],
    ['an index far behind the tables', 'ffffffff7f', 'the index 268435582 is not in the tables, which end with 61'],
    ['an index that ends early', 'ff', 'the block ends within an integer'],
    ['an index that ends early, later', 'ff80', 'the block ends within an integer'],
    ['an index near 2^32', 'ffffffffff0f', 'the index 4294967422 is not in the tables, which end with 61'],
    ['an index of 64 bits', 'ffffffffffffffffffff01', 'an integer that is too large'],
    ['an index filled up with zeros', 'ff808080808000', 'an integer that is too large'],
    ['a name that is not there', '40', 'the block ends before a string'],
    ['a value that is not there', '4001 61', 'the block ends before a string'],
    ['a name longer than the block', '400561', 'a string of 5 bytes where the block has 1 left'],
    ['a value longer than the block', '4001610361', 'a string of 3 bytes where the block has 1 left'],
    ['a length that ends early', '407f', 'the block ends within an integer'],
    ['a length near 2^32', '407fffffffff0f', 'a string of 4294967422 bytes where the block has 0 left'],
    ['a length near 2^28', '407fffffff7f', 'a string of 268435582 bytes where the block has 0 left'],
    ['a Huffman name with a long padding', '4082ffff0161', 'a string that is no Huffman code'],
    ['a Huffman value with the end-of-string symbol', '40016184ffffffff', 'a string that is no Huffman code'],
    ['a Huffman value padded with zeros', '4001618100', 'a string that is no Huffman code'],
    ['a size update behind a field', '8220', 'a dynamic table size update after a field'],
    ['a size update above the limit', '3fe21f', 'a dynamic table size of 4097 bytes where 4096 are allowed'],
  ])('for %s', (_, digits, message) => {
    expect(refusal(new HpackDecoder(), digits)).toBe(message)
  })

  test('wherever it is cut within a field', () => {
    const block = hex('828684 410f 7777772e6578616d706c652e636f6d 408825a849e95ba97d7f8925a849e95bb8e8b4bf')
    const fieldEnds = [0, 1, 2, 3, 20, block.length]
    for (let end = 0; end <= block.length; end++) {
      const isWhole = refusal(new HpackDecoder(), block.subarray(0, end).toString('hex')) === ''
      expect(isWhole, `${end} bytes`).toBe(fieldEnds.includes(end))
    }
  })
})

describe('a block is read', () => {
  test('from a part of a larger buffer', () => {
    const decoder = new HpackDecoder()
    const names: string[] = []
    const take = (name: string) => names.push(name) > 0
    decoder.decode(hex('ffff 8286 ffff'), take, 2, 4)
    expect(names).toEqual([':method', ':scheme'])
  })

  test('that is empty', () => {
    expect(decodeFields(new HpackDecoder(), hex(''))).toEqual([])
  })

  test('with empty names and values', () => {
    expect(decodeFields(new HpackDecoder(), hex('400000 be 00016100'))).toEqual([
      ['', ''],
      ['', ''],
      ['a', ''],
    ])
  })

  test('with bytes above 127 as Latin-1', () => {
    expect(decodeFields(new HpackDecoder(), hex('000161 02c3a9'))).toEqual([['a', '\xc3\xa9']])
  })

  test('with an integer that takes more bytes than it needs', () => {
    expect(decodeFields(new HpackDecoder(), hex('0f8080808000 0161'))).toEqual([['accept-charset', 'a']])
  })

  test('for the sake of the table alone when nothing more is wanted', () => {
    const decoder = new HpackDecoder()
    const seen: string[] = []
    decoder.decode(hex('82 4001610162 86'), (name) => {
      seen.push(name)
      return false
    })
    expect(seen).toEqual([':method'])
    expect(decodeFields(decoder, hex('be'))).toEqual([['a', 'b']])
  })

  test('with names and values of many lengths, seen again and again', () => {
    for (let round = 0; round < 4; round++) {
      for (let length = 0; length < 200; length++) {
        const value = Buffer.alloc(length, 'abcdefghijklm')
        const lengthBytes = length < 127 ? Buffer.of(length) : Buffer.of(127, length - 127)
        const block = Buffer.concat([hex('000161'), lengthBytes, value])
        expect(decodeFields(new HpackDecoder(), block)).toEqual([['a', value.toString('latin1')]])
      }
    }
  })
})

describe('the dynamic table', () => {
  /** a: 1 and so on, 34 bytes in the table each. */
  const insert = (letter: string) => `4001${Buffer.from(letter).toString('hex')}0131`

  test('forgets the oldest first', () => {
    const decoder = new HpackDecoder(34 * 2)
    decodeFields(decoder, hex(insert('a') + insert('b') + insert('c')))
    expect(decoder.tableBytes).toBe(68)
    expect(decodeFields(decoder, hex('bebf'))).toEqual([
      ['c', '1'],
      ['b', '1'],
    ])
    expect(refusal(decoder, 'c0')).toBe('the index 64 is not in the tables, which end with 63')
  })

  test('is emptied by an entry that is larger than it', () => {
    const decoder = new HpackDecoder(40)
    decodeFields(decoder, hex(insert('a')))
    expect(decodeFields(decoder, hex('400161 09313233343536373839'))).toEqual([['a', '123456789']])
    expect(decoder.tableBytes).toBe(0)
  })

  test('lets an entry take its name from one that it drives out', () => {
    const decoder = new HpackDecoder(40)
    decodeFields(decoder, hex(insert('a')))
    expect(decodeFields(decoder, hex('7e0132 be'))).toEqual([
      ['a', '2'],
      ['a', '2'],
    ])
  })

  test('of more entries than it had at first keeps them in order', () => {
    const decoder = new HpackDecoder()
    const letters = Array.from({ length: 300 }, (_, i) => String.fromCharCode(0x61 + (i % 26)))
    for (const letter of letters) decodeFields(decoder, hex(insert(letter)))
    expect(decoder.tableBytes).toBe(34 * 120)
    const newest = letters.slice(-120).reverse()
    newest.forEach((letter, age) => {
      const index = 62 + age
      const block = index < 127 ? Buffer.of(0x80 | index) : Buffer.of(0xff, index - 127)
      expect(decodeFields(decoder, block)).toEqual([[letter, '1']])
    })
  })

  test('can be switched off and on again by the peer', () => {
    const decoder = new HpackDecoder()
    decodeFields(decoder, hex(insert('a')))
    decodeFields(decoder, hex(`20${insert('b')}`))
    expect(decoder.tableBytes).toBe(0)
    decodeFields(decoder, hex(`3fe11f${insert('c')}`))
    expect(decodeFields(decoder, hex('be'))).toEqual([['c', '1']])
  })

  test('may be given several sizes at once', () => {
    expect(decodeFields(new HpackDecoder(), hex('20203fe11f20 82'))).toEqual([[':method', 'GET']])
  })

  test('becomes smaller and larger at once', () => {
    const decoder = new HpackDecoder()
    decodeFields(decoder, hex(insert('a')))
    decodeFields(decoder, hex(`203fe11f${insert('c')}`))
    expect(decoder.tableBytes).toBe(34)
  })
})

describe('a limit that is lowered', () => {
  const lowered = () => {
    const decoder = new HpackDecoder()
    decoder.setMaxTableSize(30)
    return decoder
  }

  test.each([
    ['is not answered', '82', 'no dynamic table size update after the limit was lowered'],
    ['is answered in an empty block', '', 'no dynamic table size update after the limit was lowered'],
    ['is answered with more than it', '3f00', 'a dynamic table size of 31 bytes where 30 are allowed'],
  ])('refuses a block where it %s', (_, digits, message) => {
    expect(refusal(lowered(), digits)).toBe(message)
  })

  test.each([
    ['all of it', '3e 82'],
    ['less', '20 82'],
    ['less, then all of it', '20 3e 82'],
  ])('may be answered with %s', (_, digits) => {
    const decoder = lowered()
    expect(decodeFields(decoder, hex(digits))).toEqual([[':method', 'GET']])
    expect(decodeFields(decoder, hex('82'))).toEqual([[':method', 'GET']])
  })

  test('and raised again wants to be answered for both', () => {
    const decoder = lowered()
    decoder.setMaxTableSize(100)
    expect(refusal(decoder, '3f45')).toBe('no dynamic table size update after the limit was lowered')
    expect(decodeFields(decoder, hex('3e 3f45 82'))).toEqual([[':method', 'GET']])
  })

  test('need not be answered where the table was smaller already', () => {
    const decoder = new HpackDecoder()
    decodeFields(decoder, hex('20'))
    decoder.setMaxTableSize(30)
    expect(decodeFields(decoder, hex('82'))).toEqual([[':method', 'GET']])
  })

  test('above 4096 is used once the peer says so', () => {
    const decoder = new HpackDecoder()
    decoder.setMaxTableSize(8192)
    expect(decodeFields(decoder, hex('82'))).toEqual([[':method', 'GET']])
    expect(decodeFields(decoder, hex('3fe13f 82'))).toEqual([[':method', 'GET']])
    expect(refusal(decoder, '3fe23f')).toBe('a dynamic table size of 8193 bytes where 8192 are allowed')
  })
})

describe('what a field is', () => {
  test('is asked for once for each entry of the tables', () => {
    const asked: string[] = []
    const classify = (name: string, value: string) => {
      asked.push(`${name}: ${value}`)
      return name.length
    }
    const decoder = new HpackDecoder(4096, classify)
    expect(asked).toHaveLength(61)
    asked.length = 0
    const kinds: number[] = []
    const take = (_name: string, _value: string, kind: number) => kinds.push(kind) > 0
    decoder.decode(hex('82 4003616263 0162 be'), take)
    decoder.decode(hex('be be 82'), take)
    new HpackDecoder(4096, classify).decode(hex('82'), take)
    expect(kinds).toEqual([7, 3, 3, 3, 3, 7, 7])
    expect(asked).toEqual(['abc: b'])
  })
})
