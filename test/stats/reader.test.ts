import { expect, test } from 'vitest'
import { compareTokens } from '../../src/stats/name_order.ts'
import { StatsReader } from '../../src/stats/reader.ts'
import { defaultStatsSettings } from '../../src/stats/stats_config.ts'
import { StatsOwner } from '../../src/stats/stats_owner.ts'
import { createLocalStore } from '../../src/stats/store.ts'

function createPair() {
  const [main, worker] = [createLocalStore(), createLocalStore()]
  return {
    main,
    worker,
    reader: new StatsReader([main.slab, worker.slab], {
      ...defaultStatsSettings(),
      latchCounters: true,
    }),
  }
}

test('counters and gauges are summed, texts come from whoever has one', () => {
  const { main, worker, reader } = createPair()
  main.counter('c').add(2)
  worker.counter('c').add(3)
  worker.gauge('g').set(4)
  worker.textReadout('t').set('here')
  main.textReadout('t')
  const { counters, gauges, textReadouts } = reader.snapshot()
  expect([counters[0].value(), gauges[0].value(), textReadouts[0].value()]).toEqual([5, 4, 'here'])
})

test('names that come later are found and sorted in', () => {
  const { main, worker, reader } = createPair()
  main.counter('b')
  reader.snapshot()
  worker.counter('a')
  main.counter('c')
  expect(reader.snapshot().counters.map((counter) => counter.name)).toEqual(['a', 'b', 'c'])
})

test('a stat is used once it was written, even with zero or after a reset', () => {
  const { main, reader } = createPair()
  const counter = main.counter('c')
  const gauge = main.gauge('g')
  const text = main.textReadout('t')
  const used = () => {
    const { counters, gauges, textReadouts } = reader.snapshot()
    return [counters[0].used(), gauges[0].used(), textReadouts[0].used()]
  }
  expect(used()).toEqual([false, false, false])
  counter.inc()
  gauge.set(0)
  text.set('')
  expect(used()).toEqual([true, true, true])
  reader.resetCounters()
  expect([used()[0], reader.snapshot().counters[0].value()]).toEqual([true, 0])
  counter.inc()
  expect(reader.snapshot().counters[0].value()).toBe(1)
})

test('a flush latches deltas and separates intervals of histograms', () => {
  const { main, worker, reader } = createPair()
  main.counter('c').add(5)
  main.histogram('h', 'ms').recordValue(10)
  worker.histogram('h', 'ms').recordValue(20)
  const [histogram] = reader.snapshot().histograms
  expect(histogram.used()).toBe(false)
  reader.flush()
  expect([reader.snapshot().counters[0].delta(), histogram.used()]).toEqual([5, true])
  expect([histogram.cumulative().count, histogram.interval().count]).toEqual([2, 2])
  worker.histogram('h', 'ms').recordValue(20)
  main.counter('c').inc()
  reader.flush()
  expect(reader.snapshot().counters[0].delta()).toBe(1)
  expect([histogram.cumulative().count, histogram.interval().count]).toEqual([3, 1])
  expect(histogram.interval().bins).toEqual([{ left: 20, width: 1, count: 1 }])
  reader.flush()
  expect([histogram.cumulative().count, histogram.interval().count]).toEqual([3, 0])
})

test('a delta is what was counted, whatever was reset in between', () => {
  const { main, reader } = createPair()
  main.counter('c').add(2)
  reader.resetCounters()
  main.counter('c').inc()
  reader.flush()
  const [counter] = reader.snapshot().counters
  expect([counter.delta(), counter.value()]).toEqual([3, 1])
})

test('names are ordered token by token', () => {
  const names = ['a-b.c', 'a.z', 'a', 'a.b-c', 'a.b.c', 'ab', 'a.b']
  expect(names.sort(compareTokens)).toEqual(['a', 'a.b', 'a.b.c', 'a.b-c', 'a.z', 'a-b.c', 'ab'])
})

test('removed stats show no more, the others keep what is known of them', () => {
  const { main, worker, reader } = createPair()
  const owner = new StatsOwner()
  for (const store of [main, worker]) {
    const owned = store.ownedBy(owner)
    owned.counter('cluster.gone.c').add(3)
    store.counter('cluster.kept.c').add(3)
    owned.histogram('cluster.gone.h', 'ms').recordValue(5)
    store.histogram('cluster.kept.h', 'ms').recordValue(5)
  }
  reader.flush()
  reader.resetCounters()
  owner.end()
  main.counter('cluster.kept.c').inc()
  const first = reader.snapshot()
  expect(first.counters.map((stat) => [stat.name, stat.value()])).toEqual([['cluster.kept.c', 1]])
  expect(first.histograms.map((stat) => [stat.name, stat.cumulative().count])).toEqual([['cluster.kept.h', 2]])
  // The same name again, in the same memory: it counts from zero, whatever was reset before.
  main.counter('cluster.gone.c').inc()
  main.histogram('cluster.gone.h', 'ms')
  reader.flush()
  const second = reader.snapshot()
  expect(second.counters.map((stat) => stat.value())).toEqual([1, 1])
  expect(second.histograms.map((stat) => stat.used())).toEqual([false, true])
})

test('a name removed and made again between two looks counts from zero', () => {
  const { main, reader } = createPair()
  const owner = new StatsOwner()
  main.ownedBy(owner).counter('cluster.a.c').add(100)
  reader.resetCounters()
  owner.end()
  main.counter('cluster.a.c').add(5)
  expect(reader.snapshot().counters.map((stat) => stat.value())).toEqual([5])
})

test('a process that has some of the names goes on when the one that had them all has ended them', () => {
  const { main, worker, reader } = createPair()
  const names = () => reader.snapshot().counters.map((stat) => `${stat.name} ${stat.value()}`)
  const owner = new StatsOwner()
  for (const leaf of ['a', 'b', 'c', 'd', 'e']) main.ownedBy(owner).counter(`cluster.x.${leaf}`)
  worker.counter('cluster.x.b').inc()
  expect(names()).toHaveLength(5)
  owner.end()
  expect(names()).toEqual(['cluster.x.b 1'])
  worker.counter('cluster.x.c').inc()
  for (const leaf of ['a', 'b']) main.counter(`cluster.x.${leaf}`).inc()
  expect(names()).toEqual(['cluster.x.a 1', 'cluster.x.b 2', 'cluster.x.c 1'])
})
