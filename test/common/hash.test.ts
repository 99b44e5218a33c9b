import { describe, expect, it } from 'vitest'
import { murmurHash2, xxHash64 } from '../../src/common/hash.ts'

describe('xxHash64', () => {
  // Vectors of the algorithm's own test suite and specification.
  it.each([
    ['', 0n, 0xef46db3751d8e999n],
    ['a', 0n, 0xd24ec4f1a98c6e5bn],
    ['abc', 0n, 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0n, 0xfbcea83c8a378bf1n],
  ])('of %j', (text, seed, expected) => {
    expect(xxHash64(text, seed)).toBe(expected)
  })

  it('is the same for a string and its bytes, also those of a view in a larger buffer', () => {
    const bytes = Buffer.from('..Nobody inspects the spammish repetition..').subarray(2, -2)
    expect(xxHash64(bytes)).toBe(0xfbcea83c8a378bf1n)
  })
})

describe('murmurHash2', () => {
  // From libstdc++'s own _Hash_bytes with the same seed.
  it.each([
    ['', 6142509188972423790n],
    ['a', 4993892634952068459n],
    ['abc', 3663726644998027833n],
    ['abcdefgh', 8664279048047335611n],
    ['abcdefghijk', 3672398144843267301n],
    ['127.0.0.1:8080', 12160268355385957920n],
    ['\xff\xfe\xfd', 11672276762370880589n],
  ])('of %j', (text, expected) => {
    expect(murmurHash2(text)).toBe(expected)
  })

  it('of forty bytes', () => {
    expect(murmurHash2(Uint8Array.from({ length: 40 }, (_, i) => i + 1))).toBe(584333627157456917n)
  })
})
