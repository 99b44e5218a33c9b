// Query strings and forms.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { QueryParams } from '../../src/admin/query_params.ts'

test('names and values are decoded; a parameter without a value is empty', () => {
  const query = new QueryParams('usedonly&filter=a%2Eb%20c&x=%C3%A9&=lone&a=b=c')
  expect(query.entries()).toEqual([
    ['usedonly', ''],
    ['filter', 'a.b c'],
    ['x', 'é'],
    ['', 'lone'],
    ['a', 'b=c'],
  ])
  expect(query.nonEmpty('usedonly')).toBeUndefined()
  expect(query.has('usedonly')).toBe(true)
  expect(query.has('other')).toBe(false)
})

test('of a repeated parameter the first counts', () => {
  const query = new QueryParams('a=1&a=2&&a=3')
  expect(query.size).toBe(1)
  expect(query.get('a')).toBe('1')
})

test('a percent sign that encodes nothing, and a plus, stay', () => {
  expect(new QueryParams('a=%2&b=100%&c=%zz+1').entries()).toEqual([
    ['a', '%2'],
    ['b', '100%'],
    ['c', '%zz+1'],
  ])
})

test('what was encoded comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), (name, value) => {
      const query = new QueryParams(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      expect(query.entries()).toEqual([[name, value]])
    }),
  )
})
