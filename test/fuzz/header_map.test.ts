/** The header map against the plainest thing that does the same: a list of pairs. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeaderMap, knownBit } from '../../src/common/header_map.ts'
import { check, propertyTimeoutMs } from './property.ts'

const name = fc.constantFrom('a', 'b', 'content-length', 'connection', 'x-envoy-a', 'x-forwarded-b', 'via', 'cookie')
const value = fc.constantFrom('', '1', '2', 'a,b')

type Operation =
  | { kind: 'add' | 'set' | 'append'; name: string; value: string }
  | { kind: 'remove'; name: string }
  | { kind: 'removeAt'; at: number }
  | { kind: 'clone' }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constantFrom('add' as const, 'set' as const, 'append' as const), name, value }),
  fc.record({ kind: fc.constant('remove' as const), name }),
  fc.record({ kind: fc.constant('removeAt' as const), at: fc.nat(5) }),
  fc.record({ kind: fc.constant('clone' as const) }),
)

type Pairs = [string, string][]

function applyPlain(pairs: Pairs, each: Operation): Pairs {
  if (each.kind === 'clone') return pairs
  if (each.kind === 'removeAt') return pairs.filter((_, i) => i !== each.at)
  const index = pairs.findIndex(([key]) => key === each.name)
  if (each.kind === 'remove') return pairs.filter(([key]) => key !== each.name)
  if (each.kind === 'add' || index < 0) return [...pairs, [each.name, each.value]]
  if (each.kind === 'set')
    return pairs.flatMap(([key, old], i): Pairs => {
      if (i === index) return [[key, each.value]]
      return key === each.name ? [] : [[key, old]]
    })
  return pairs.map(([key, old], i) => [key, i === index ? (old === '' ? each.value : `${old},${each.value}`) : old])
}

function apply(map: HeaderMap, each: Operation): HeaderMap {
  switch (each.kind) {
    case 'clone':
      return map.clone()
    case 'removeAt':
      if (each.at < map.length) map.removeAt(each.at)
      return map
    case 'remove':
      map.remove(each.name)
      return map
    default:
      map[each.kind](each.name, each.value)
      return map
  }
}

test(
  'is a list of pairs, whose known bits never lack one',
  () => {
    check(fc.array(operation, { maxLength: 20 }), (operations) => {
      let map = new HeaderMap()
      let pairs: Pairs = []
      for (const each of operations) {
        map = apply(map, each)
        pairs = applyPlain(pairs, each)
        expect(map.names.map((key, i) => [key, map.values[i]])).toEqual(pairs)
        for (const [key] of pairs) {
          expect(map.known & knownBit(key)).toBe(knownBit(key))
          expect(map.getAll(key)).toEqual(pairs.filter(([other]) => other === key).map(([, text]) => text))
          expect(map.get(key)).toBe(map.getAll(key)[0])
        }
        expect(map.byteSize()).toBe(pairs.reduce((sum, [key, text]) => sum + key.length + text.length, 0))
      }
    })
  },
  propertyTimeoutMs,
)
