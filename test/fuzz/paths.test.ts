/** Path normalisation: once is enough, nothing climbs out, and an escape is never made of what was none. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalizePath, type PathNormalization } from '../../src/http/conn_manager/path_normalization.ts'
import { check, propertyTimeoutMs } from './property.ts'

const piece = fc.constantFrom(
  '/',
  '//',
  '.',
  '..',
  '/./',
  '/../',
  '\\',
  '%2e',
  '%2E',
  '%2f',
  '%5C',
  '%25',
  '%',
  '%%',
  '%3',
  '%32',
  '%65',
  '%00',
  '%zz',
  '2',
  '5',
  'e',
  'f',
  'a',
  'b',
  ';',
  ';x=..',
  '~',
  '%7e',
  '"',
  '|',
  '\xe9',
  '%e9',
  ' ',
  '#',
  '+',
  ':',
  '@',
  '%41',
  '.%2e',
  '*',
)
const path = fc
  .tuple(fc.array(piece, { maxLength: 12 }), fc.constantFrom('', '?', '?a=/../b', '?%2f%00'))
  .map(([pieces, query]) => `/${pieces.join('')}${query}`)
const options = fc.record({
  normalizePath: fc.boolean(),
  mergeSlashes: fc.boolean(),
  escapedSlashes: fc.constantFrom(
    'KEEP_UNCHANGED' as const,
    'REJECT_REQUEST' as const,
    'UNESCAPE_AND_REDIRECT' as const,
    'UNESCAPE_AND_FORWARD' as const,
  ),
})
const full: PathNormalization = { normalizePath: true, mergeSlashes: true, escapedSlashes: 'UNESCAPE_AND_FORWARD' }

function routePart(text: string): string {
  const queryAt = text.indexOf('?')
  return queryAt < 0 ? text : text.slice(0, queryAt)
}

describe('normalizePath', () => {
  test(
    'is idempotent',
    () => {
      check(fc.tuple(path, options), ([text, chosen]) => {
        const once = normalizePath(text, chosen)
        if (once.action === 'reject') return
        expect(normalizePath(once.path, chosen)).toEqual({ action: 'continue', path: once.path })
      })
    },
    propertyTimeoutMs,
  )

  test(
    'leaves no dot segment, no empty one, no backslash and no escaped slash',
    () => {
      check(path, (text) => {
        const result = normalizePath(text, full)
        if (result.action === 'reject') return
        const route = routePart(result.path)
        expect(route).toMatch(/^\//)
        // Slashes alone are two.
        if (route === '//') return
        expect(route).not.toMatch(/\/\.{0,2}(?=\/)|\/\.{1,2}$|\\|%2f|%5c|%2e/i)
      })
    },
    propertyTimeoutMs,
  )

  test(
    'undoes one layer of escapes: whoever decodes the result gets what the first decoding of the original gives',
    () => {
      const plain = fc.array(
        piece.filter((each) => !/[/\\.]|%2e|%2f|%5c|%00/i.test(each)),
        { maxLength: 8 },
      )
      check(plain, (pieces) => {
        const text = `/${pieces.join('')}`
        const result = normalizePath(text, { ...full, escapedSlashes: 'KEEP_UNCHANGED' })
        if (result.action === 'reject' || /%2e|%2f|%5c|%00/i.test(text)) return
        expect(decodeOnce(result.path)).toBe(decodeOnce(text))
      })
    },
    propertyTimeoutMs,
  )

  test(
    'never touches the query',
    () => {
      check(fc.tuple(path, options), ([text, chosen]) => {
        const result = normalizePath(text, chosen)
        if (result.action === 'reject') return
        expect(result.path.slice(routePart(result.path).length)).toBe(text.slice(routePart(text).length))
      })
    },
    propertyTimeoutMs,
  )
})

/** As a lenient server decodes a path: what is no escape stays as it is. */
function decodeOnce(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}
