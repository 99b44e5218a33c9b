import { describe, expect, it } from 'vitest'
import { compileEcmascriptRegex } from '../../src/common/ecmascript_regex.ts'
import { RegexError } from '../../src/common/regex.ts'

describe('a pattern of a stats tag', () => {
  // What Envoy 1.40 said of each as the regex of a stats tag.
  const accepted = [
    '(?=x)y',
    '(?!x)y',
    '^(?=a)(?=b)',
    '[[:alpha:]]',
    '(?:x)(y)',
    'a\\b',
    '(a)\\1',
    '\\_',
    '\\-',
    '\\.',
    '[\\d.-]',
    'a{2}',
    'a{1,}?',
    'x*?',
    '\\x41\\u0041',
    '\\cA',
    '[\\w]',
    '[[]',
    '[[.a.]]',
    '[[=a=]]',
    '\\01',
    '[-a]',
    '\\/',
    '\\é',
  ]
  it.each(accepted)('is taken: %s', (pattern) => {
    expect(compileEcmascriptRegex(pattern)).toBeInstanceOf(RegExp)
  })

  const refused = [
    '(?i)x',
    '(?i:x)',
    '(?<n>x)',
    '(?P<n>x)',
    '(?<=x)y',
    '(?<!x)y',
    '\\p{L}',
    'x**',
    'a++',
    '(x',
    'x)',
    'a{2,1}',
    '\\Qa\\E',
    '\\z',
    '\\A',
    '[a-\\d]',
    '\\x{41}',
    '\\C',
    '\\1(a)',
    '{',
    '}',
    ']',
    'a{,2}',
    '[]a]',
    '[a',
    '[[:nope:]]',
    '*',
    'a\\',
    '[b-a]',
  ]
  it.each(refused)('is refused: %s', (pattern) => {
    expect(() => compileEcmascriptRegex(pattern)).toThrow(RegexError)
  })

  it('means what it says, and gives the places of its groups', () => {
    const istio = compileEcmascriptRegex('^cluster\\.((.+?)\\.)(?=upstream)')
    expect(istio.exec('cluster.a.b.upstream_rq')?.indices?.slice(0, 3)).toEqual([
      [0, 12],
      [8, 12],
      [8, 11],
    ])
    expect(compileEcmascriptRegex('([[:digit:]_-]+)\\/\\-').exec('a1_2-/-')?.[1]).toBe('1_2-')
  })
})
