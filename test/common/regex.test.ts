// Regular expressions with RE2's syntax, limits and replacement rules. Sizes and refusals follow Envoy 1.40.

import { describe, expect, test } from 'vitest'
import { compileRegex, compileRegexMatcher, RegexError } from '../../src/common/regex.ts'

const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

describe('matching', () => {
  test('fullMatch is anchored, find is not', () => {
    expect(compileRegex('a').fullMatch('ab')).toBe(false)
    expect(compileRegex('a|ab').fullMatch('ab')).toBe(true)
    expect(compileRegex('b').find('abc')).toBe(true)
    expect(compileRegex('^b').find('abc')).toBe(false)
  })

  test('byte strings are read as UTF-8', () => {
    expect(compileRegex('.').fullMatch(bytes('ä'))).toBe(true)
    expect(compileRegex('..').fullMatch(bytes('ä'))).toBe(false)
    expect(compileRegex('ä+').find(bytes('xää'))).toBe(true)
    expect(compileRegex('.*').fullMatch('\xe4')).toBe(false)
  })

  test('groups', () => {
    expect(compileRegex('(b)(x)?(c)').exec('abc')).toEqual(['bc', 'b', undefined, 'c'])
    expect(compileRegex('z').exec('abc')).toBeUndefined()
  })

  test.each([
    ['(a', 'missing ): (a'],
    ['[a', 'missing ]: [a'],
    ['*', 'no argument for repetition operator: *'],
    ['a**', 'bad repetition operator: **'],
    ['a{2,1}', 'invalid repetition size: {2,1}'],
    ['a\\', 'trailing \\'],
    ['(?=a)', 'invalid perl operator: (?='],
    ['(?<!a)', 'invalid perl operator: (?<!'],
    ['(?P=n)', 'invalid perl operator: (?P'],
    ['(?P<n', 'invalid named capture group: (?P<n'],
    ['[z-a]', 'invalid character class range: z-a'],
    ['\\8', 'invalid escape sequence: \\8'],
  ])('%s is refused in RE2 own words', (pattern, message) => {
    expect(() => compileRegex(pattern)).toThrow(message)
  })

  test('patterns that make a backtracking matcher run for ever', () => {
    expect(compileRegex('(a+)+b').fullMatch('a'.repeat(50_000))).toBe(false)
    expect(compileRegex('(a|a)*c').find('a'.repeat(50_000))).toBe(false)
  })
})

describe('replacing', () => {
  test.each([
    ['/r(e)g', '/\\1\\0x', '/reg/reg', '/e/regx/e/regx'],
    ['a', 'b', 'banana', 'bbnbnb'],
    ['x*', '-', '/xxa', '-/-a-'],
    ['a', '\\\\', 'a', '\\'],
    ['(b)?a', '<\\1>', 'aba', '<><b>'],
    ['b', '\\9', 'abc', 'abc'],
    ['b', '\\x', 'abc', 'abc'],
    ['b', 'y\\', 'abc', 'abc'],
    ['z', 'y', 'abc', 'abc'],
    ['b', '$1$&', 'abc', 'a$1$&c'],
  ])('%s by %s in %s: %s', (pattern, substitution, input, expected) => {
    expect(compileRegex(pattern).replaceAll(input, substitution)).toBe(expected)
  })

  test('byte strings stay byte strings', () => {
    expect(compileRegex('ä').replaceAll(bytes('xäü'), bytes('ö'))).toBe(bytes('xöü'))
  })
})

describe('refused', () => {
  test.each(['(', '[z-a]', 'a**', '(?=a)', '(?<=a)b', '\\1', 'a{1001}'])('%s', (pattern) => {
    expect(() => compileRegex(pattern)).toThrow(RegexError)
  })

  test('programs over the limit', () => {
    expect(() => compileRegex('/a{1,120}')).toThrow(
      "regex '/a{1,120}' RE2 program size of 244 > max program size of 100 set for the error level threshold. Increase configured max program size if necessary.",
    )
    expect(() => compileRegexMatcher({ regex: '/a{1,50}', googleRe2: { maxProgramSize: 103 } })).toThrow(
      "regex '/a{1,50}' RE2 program size of 104 > max program size of 103. Increase configured max program size if necessary.",
    )
    expect(compileRegexMatcher({ regex: '/a{1,50}', googleRe2: { maxProgramSize: 104 } }).fullMatch('/aa')).toBe(true)
  })
})
