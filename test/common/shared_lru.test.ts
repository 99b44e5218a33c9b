import { describe, expect, it } from 'vitest'
import { SharedLru, sharedLruWords } from '../../src/common/shared_lru.ts'

/** Two processes that share the words; every look at the clock is a moment later. */
function pair(places: number) {
  const words = new BigInt64Array(sharedLruWords(places))
  let now = 10n ** 12n
  const clock = () => ++now
  const prepared: number[] = []
  const prepare = (place: number) => prepared.push(place)
  const processes = [new SharedLru(words, places, clock), new SharedLru(words, places, clock)]
  const [one, other] = processes.map((lru) => (key: string) => lru.placeOf(key, prepare))
  return { words, one, other, prepared, later: (ns: bigint) => (now += ns) }
}

describe('SharedLru', () => {
  it('gives a key the same place in every process, and prepares it once', () => {
    const { one, other, prepared } = pair(3)
    const places = ['a', 'b', 'c'].map(one)
    expect(new Set(places).size).toBe(3)
    expect(['a', 'b', 'c'].map(other)).toEqual(places)
    expect(prepared).toEqual(places)
  })

  it('gives away the place that nobody used for longest', () => {
    const { one, other, prepared } = pair(2)
    const a = one('a')
    const b = other('b')
    other('a')
    expect(one('c')).toBe(b)
    expect(other('a')).toBe(a)
    expect(other('c')).toBe(b)
    expect(prepared).toEqual([a, b, b])
  })

  it('notices that a place it knew has another key now', () => {
    const { one, other, prepared } = pair(1)
    one('a')
    other('b')
    one('a')
    expect(prepared).toEqual([0, 0, 0])
  })

  it('goes on where a process died with the lock', () => {
    const { words, one, later } = pair(1)
    words[0] = 10n ** 12n
    later(200_000_000n)
    expect(one('a')).toBe(0)
    expect(words[0]).toBe(0n)
  })

  it('remembers no more keys than it has use for', () => {
    const { one, prepared } = pair(2)
    for (let i = 0; i < 50; i++) expect(one(`key ${i}`)).toBeLessThan(2)
    expect(prepared).toHaveLength(50)
  })
})
