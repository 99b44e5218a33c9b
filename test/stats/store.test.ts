import { describe, expect, test } from 'vitest'
import { StatsReader } from '../../src/stats/reader.ts'
import { Slab, type SlabLimits, slabBytes } from '../../src/stats/slab.ts'
import { NULL_SLOT } from '../../src/stats/slab_writer.ts'
import { defaultStatsSettings } from '../../src/stats/stats_config.ts'
import { StatsOwner } from '../../src/stats/stats_owner.ts'
import { createLocalStore, StatsStore, sanitizeStatName } from '../../src/stats/store.ts'

const tiny: SlabLimits = { slotLimit: 8, logLimitBytes: 4096, heapLimitBytes: 4096, sharedLimit: 8 }

test('a name gives the same handle from every scope that spells it', () => {
  const store = createLocalStore()
  const counter = store.createScope('cluster.c').counter('upstream_rq_total')
  counter.inc()
  counter.add(4)
  expect(store.counter('cluster.c.upstream_rq_total')).toBe(counter)
  expect(store.createScope('cluster').createScope('c.').counter('upstream_rq_total').value()).toBe(5)
})

test('kinds of one name are kept apart', () => {
  const store = createLocalStore()
  store.counter('x').inc()
  store.gauge('x').set(7)
  store.textReadout('x').set('seven')
  expect([store.counter('x').value(), store.gauge('x').value(), store.textReadout('x').value()]).toEqual([
    1,
    7,
    'seven',
  ])
})

test('a gauge goes up and down', () => {
  const gauge = createLocalStore().gauge('g')
  expect(gauge.value()).toBe(0)
  gauge.inc()
  gauge.add(9)
  gauge.dec()
  gauge.sub(4)
  expect(gauge.value()).toBe(5)
})

test('a text may grow and shrink', () => {
  const text = createLocalStore().textReadout('t')
  expect(text.value()).toBe('')
  for (const value of ['a', 'é'.repeat(500), '', 'b']) {
    text.set(value)
    expect(text.value()).toBe(value)
  }
})

test('rejected stats take calls and keep nothing', () => {
  const store = createLocalStore({ rejects: (name) => name.startsWith('no.') })
  const scope = store.createScope('no')
  scope.counter('c').inc()
  scope.gauge('g').set(3)
  scope.histogram('h', 'ms').recordValue(1)
  scope.textReadout('t').set('x')
  expect([scope.counter('c').value(), scope.gauge('g').value(), scope.textReadout('t').value()]).toEqual([0, 0, ''])
  expect(store.lostNames()).toBe(0)
  expect(store.counter('yes').value()).toBe(0)
})

test('reopening a slab goes on with names, slots, counts and texts', () => {
  const slab = new Slab(new ArrayBuffer(slabBytes(tiny)), 0, tiny)
  const first = new StatsStore(slab)
  first.counter('a').add(3)
  first.textReadout('t').set('old')
  const second = new StatsStore(new Slab(slab.values.buffer, 0, tiny))
  expect(second.counter('a').slot).toBe(first.counter('a').slot)
  second.counter('a').inc()
  second.counter('b').inc()
  expect([first.counter('a').value(), second.counter('b').value(), second.textReadout('t').value()]).toEqual([
    4,
    1,
    'old',
  ])
})

test('a slab without room loses names, counts them, and goes on', () => {
  const store = new StatsStore(new Slab(new ArrayBuffer(slabBytes(tiny)), 0, tiny))
  for (let i = 0; i < 20; i++) store.counter(`c${i}`).inc()
  for (let i = 0; i < 100; i++) store.histogram(`h${i}`, 'ms').recordValue(i)
  expect(store.counter('c0').value()).toBe(1)
  expect(store.counter('c19').value()).toBe(0)
  expect(store.lostNames()).toBeGreaterThan(13)
})

test('scope prefixes are cleaned as Envoy cleans them', () => {
  expect(sanitizeStatName('.http://a:80.')).toBe('http_a_80')
  expect(sanitizeStatName('[::1]:80')).toBe('[__1]_80')
  expect(createLocalStore().createScope('').counter('x').slot).toBeGreaterThan(0)
})

describe('stats that are owned', () => {
  test('give their memory to the next, and their names start from zero', () => {
    const store = createLocalStore()
    const owner = new StatsOwner()
    const scope = store.createScope('cluster.a').ownedBy(owner)
    const counter = scope.counter('c')
    const { slot } = counter
    counter.add(5)
    const histogram = scope.createScope('inner').histogram('h', 'ms')
    histogram.recordValue(7)
    store.counter('cluster.ab.c').add(2)
    owner.end()
    const next = store.createScope('cluster.a').counter('c')
    expect([next.value(), next.slot]).toEqual([0, slot])
    // Who still counts in the old ones counts for nobody.
    counter.inc()
    histogram.recordValue(7)
    expect([counter.value(), next.value()]).toEqual([0, 0])
    expect(scope.counter('later').slot).toBe(NULL_SLOT)
    expect(store.counter('cluster.ab.c').value()).toBe(2)
    // What a successor finds are the names that are left.
    expect(new StatsStore(store.slab).counter('cluster.ab.c').value()).toBe(2)
  })

  test('stay until the last owner has gone', () => {
    const store = createLocalStore()
    const [first, second] = [new StatsOwner(), new StatsOwner()]
    const counter = store.ownedBy(first).counter('http.shared.c')
    expect(store.createScope('http').ownedBy(second).counter('shared.c')).toBe(counter)
    first.end()
    counter.inc()
    expect(counter.value()).toBe(1)
    second.end()
    counter.inc()
    expect(counter.value()).toBe(0)
  })

  test('stay for ever where somebody uses them who owns nothing', () => {
    const store = createLocalStore()
    const owner = new StatsOwner()
    const counter = store.ownedBy(owner).counter('http.shared.c')
    store.counter('http.shared.other')
    owner.end()
    counter.inc()
    expect(counter.value()).toBe(1)
  })

  test('of a process that died go with those that its successor owns', () => {
    const dead = createLocalStore()
    dead.createScope('cluster.a').counter('upstream_rq_200').inc()
    const successor = new StatsStore(dead.slab)
    const owner = new StatsOwner()
    successor.createScope('cluster.a').ownedBy(owner).counter('upstream_rq_total')
    owner.end()
    expect(successor.counter('cluster.a.upstream_rq_200').value()).toBe(0)
  })
})

test('scopes that come and go for ever use a bounded number of slots', () => {
  const store = new StatsStore(new Slab(new ArrayBuffer(slabBytes(tiny)), 0, tiny))
  for (let i = 0; i < 40; i++) {
    const owner = new StatsOwner()
    const scope = store.createScope('cluster.a').ownedBy(owner)
    scope.counter('c').inc()
    scope.gauge('g').inc()
    scope.histogram('h', 'ms').recordValue(1)
    expect([scope.counter('c').value(), scope.gauge('g').value()]).toEqual([1, 1])
    owner.end()
  }
  expect(store.lostNames()).toBe(0)
})

test('new names for ever, while old ones go, find room in a log that is written anew, and readers follow', () => {
  const limits = { ...tiny, slotLimit: 4096, logLimitBytes: 64 << 10, heapLimitBytes: 1 << 20 }
  const slab = new Slab(new ArrayBuffer(slabBytes(limits)), 0, limits)
  const readers = [7, 40, 400, 3000].map((every) => ({
    every,
    reader: new StatsReader([slab], defaultStatsSettings()),
  }))
  let store = new StatsStore(slab)
  const alive = new Map<string, StatsOwner>()
  const kept = store.counter('kept.c')
  for (let i = 0; i < 6000; i++) {
    const owner = new StatsOwner()
    const name = `cluster.${i % 3 === 0 ? 'again' : `number_${i}`}_${i % 50}`
    alive.get(name)?.end()
    alive.set(name, owner)
    const scope = store.createScope(name).ownedBy(owner)
    scope.counter('c').add(i)
    scope.histogram('h', 'ms')
    if (alive.size > 60) {
      const [oldest, its] = [...alive][i % 60]
      its.end()
      alive.delete(oldest)
    }
    kept.inc()
    for (const { every, reader } of readers) {
      if (i % every !== 0) continue
      const { counters, histograms } = reader.snapshot()
      expect(counters.map((counter) => counter.name).sort()).toEqual(
        [...alive.keys(), 'kept'].map((each) => `${each}.c`).sort(),
      )
      expect(histograms.length).toBe(alive.size)
      expect(counters.find((counter) => counter.name === `${name}.c`)?.value()).toBe(i)
      expect(counters.find((counter) => counter.name === 'kept.c')?.value()).toBe(i + 1)
    }
  }
  expect(store.lostNames()).toBe(0)
  expect(slab.log.generation).toBeGreaterThan(5)
  store = new StatsStore(slab)
  expect([...alive.keys()].every((name) => store.counter(`${name}.c`).value() > 0)).toBe(true)
})
