// The index over routes gives what a scan in configured order gives.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeaderMap } from '../../src/common/header_map.ts'
import { compileRegex } from '../../src/common/regex.ts'
import { compileUriTemplate } from '../../src/common/uri_template.ts'
import type { PathMatcher } from '../../src/router/route_config/path_matcher.ts'
import { type IndexedRoute, RouteList } from '../../src/router/route_config/route_index.ts'
import { streamInfo } from '../access_log/support.ts'

/** Few letters and segments, so that paths share beginnings. */
const segment = fc.constantFrom('', 'a', 'b', 'ab', 'A', 'abc')
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join('/')}`)

const textMatcher: fc.Arbitrary<PathMatcher> = fc
  .record({
    kind: fc.constantFrom('prefix' as const, 'exact' as const, 'separatedPrefix' as const),
    text: fc.oneof(path, fc.constant('')),
    ignoreCase: fc.boolean(),
  })
  .map((matcher) => (matcher.ignoreCase ? { ...matcher, text: matcher.text.toLowerCase() } : matcher))

const otherMatcher: fc.Arbitrary<PathMatcher> = fc.constantFrom<PathMatcher>(
  { kind: 'regex', regex: compileRegex('/a.*') },
  { kind: 'regex', regex: compileRegex('.*b') },
  { kind: 'template', template: compileUriTemplate('/*/b'), source: '/*/b' },
  { kind: 'connect' },
  { kind: 'never' },
)

/** A route with a number for a value; some want a header. */
const routes = fc
  .array(
    fc.tuple(fc.oneof({ weight: 6, arbitrary: textMatcher }, { weight: 1, arbitrary: otherMatcher }), fc.boolean()),
    {
      maxLength: 30,
    },
  )
  .map((list) =>
    list.map(([matcher, wantsHeader], value): IndexedRoute<number> => {
      const criteria = wantsHeader ? [(headers: HeaderMap) => headers.has('x')] : []
      return { path: matcher, criteria, value }
    }),
  )

const requests = fc.record({
  method: fc.constantFrom('GET', 'CONNECT'),
  path: fc.oneof({ weight: 9, arbitrary: path }, { weight: 1, arbitrary: fc.constant('') }),
  query: fc.constantFrom('', '?q=/a', '#f', ';p=1'),
  header: fc.boolean(),
})

test('on random tables and requests, with and without path parameters', () => {
  const info = streamInfo()
  let found = 0
  fc.assert(
    fc.property(
      routes,
      fc.array(requests, { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (list, asked, ignoreParameters) => {
        const scan = new RouteList(list, ignoreParameters, false)
        const index = new RouteList(list, ignoreParameters, true)
        for (const { method, path: text, query, header } of asked) {
          const headers = new HeaderMap()
          headers.method = method
          headers.path = text === '' ? '' : text + query
          if (header) headers.add('x', '1')
          const expected = scan.find(headers, info, 0)
          if (expected !== undefined) found++
          expect(index.find(headers, info, 0)).toBe(expected)
        }
      },
    ),
    { numRuns: 1500 },
  )
  // The generators would prove nothing if their requests rarely met a route.
  expect(found).toBeGreaterThan(3000)
})

test('ten thousand routes: the first that matches, also behind one that asks for more', () => {
  const list: IndexedRoute<number>[] = []
  for (let i = 0; i < 10_000; i++) {
    const criteria = i % 2 === 0 ? [(headers: HeaderMap) => headers.has('x')] : []
    list.push({ path: { kind: 'prefix', text: `/service-${i >> 1}/`, ignoreCase: false }, criteria, value: i })
  }
  const index = new RouteList(list, false)
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = '/service-4999/x?q'
  expect(index.find(headers, streamInfo(), 0)).toBe(9999)
  headers.add('x', '1')
  expect(index.find(headers, streamInfo(), 0)).toBe(9998)
  headers.path = '/service-5000/x'
  expect(index.find(headers, streamInfo(), 0)).toBeUndefined()
})
