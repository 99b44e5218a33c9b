import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSharedMemory, PAGE_BYTES } from '../../src/os/shared_memory.ts'
import { StatsReader, zeroGauges } from '../../src/stats/reader.ts'
import { createSegment, openSegment, type SegmentLimits, type StatsSegment } from '../../src/stats/segment.ts'
import { reclaimShares, SharedCounters } from '../../src/stats/shared_counter.ts'
import { defaultStatsSettings } from '../../src/stats/stats_config.ts'
import { StatsStore } from '../../src/stats/store.ts'

const limits: SegmentLimits = {
  slotLimit: 1 << 20,
  logLimitBytes: 64 << 20,
  heapLimitBytes: 16 << 20,
  sharedLimit: 4096,
  sharedNamesLimitBytes: 1 << 16,
}

function startChild(segment: StatsSegment, slab: number, task: string, amount = 0): ChildProcess {
  const file = join(import.meta.dirname, 'stats_child.ts')
  return spawn(process.execPath, [file, String(slab), task, String(amount)], {
    stdio: ['ignore', 'pipe', 'inherit', segment.fd],
  })
}

/** Reads the child's output until it says `enough`, kills it at once, and gives the last line read. */
async function killWhen(child: ChildProcess, enough: (line: string) => boolean): Promise<string> {
  let text = ''
  for await (const chunk of child.stdout ?? []) {
    text += chunk
    const lines = text.split('\n').slice(0, -1)
    if (!lines.some(enough)) continue
    child.kill('SIGKILL')
    if (child.signalCode === null && child.exitCode === null) await once(child, 'exit')
    return lines.at(-1) ?? ''
  }
  throw new Error('the child ended by itself')
}

test('main reads what workers count, summed by name', async () => {
  const segment = createSegment(2, limits)
  const children = [startChild(segment, 1, 'count', 30_000), startChild(segment, 2, 'count', 12_345)]
  const exits = await Promise.all(children.map((child) => once(child, 'exit')))
  expect(exits.map(([code]) => code)).toEqual([0, 0])
  new StatsStore(segment.slab(0)).counter('test.count').inc()
  const reader = new StatsReader(segment.slabs(), defaultStatsSettings())
  expect(reader.snapshot().counters.map((stat) => [stat.name, stat.value()])).toEqual([['test.count', 42_346]])
})

test('a worker killed while it makes stats loses none, and its successor goes on', async () => {
  const segment = createSegment(1, limits)
  const reader = new StatsReader(segment.slabs(), defaultStatsSettings())
  let counted = 0
  for (let life = 0; life < 3; life++) {
    const target = 2000 * (life + 1)
    const last = Number(await killWhen(startChild(segment, 1, 'churn'), (line) => Number(line) >= target))
    const { counters, gauges, histograms, textReadouts } = reader.snapshot()
    const total = counters.reduce((sum, counter) => sum + counter.value(), 0)
    expect(total).toBeGreaterThanOrEqual(counted + last)
    expect(counters.every((counter) => /^churn\.s\d+\.c\d+$/.test(counter.name))).toBe(true)
    expect(histograms.length).toBe(256)
    expect(textReadouts[0].value()).toMatch(/^text \d+$/)
    expect(gauges.map((gauge) => gauge.value())).toEqual([5])
    zeroGauges(segment.slab(1))
    expect(gauges.map((gauge) => [gauge.value(), gauge.used()])).toEqual([[0, true]])
    counted = total
  }
})

test('names that come and go without end are read at any time, and whoever is killed leaves those that are there', async () => {
  const segment = createSegment(1, limits)
  const reader = new StatsReader(segment.slabs(), defaultStatsSettings())
  for (let life = 0; life < 3; life++) {
    const child = startChild(segment, 1, 'renew')
    const looks: number[] = []
    const last = await killWhen(child, (line) => {
      const { counters } = reader.snapshot()
      looks.push(counters.length)
      // Those of the lives before show too: nobody has ended them.
      const own = counters.filter(({ name }) => name.startsWith(`renewed.s${child.pid}_`))
      expect(own.length).toBeLessThanOrEqual(11)
      expect(counters.every(({ name }) => /^renewed\.s\d+_\d+\.c$/.test(name))).toBe(true)
      return Number(line) >= 40_000
    })
    expect(Number(last)).toBeGreaterThanOrEqual(40_000)
    expect(looks.length).toBeGreaterThan(10)
    const { counters, histograms } = reader.snapshot()
    const afresh = new StatsReader(segment.slabs(), defaultStatsSettings()).snapshot()
    expect(counters.map(({ name }) => name)).toEqual(afresh.counters.map(({ name }) => name))
    expect(histograms.map(({ name }) => name)).toEqual(afresh.histograms.map(({ name }) => name))
    expect(counters.map((counter) => counter.value())).toEqual(afresh.counters.map((counter) => counter.value()))
  }
  // A successor takes all of it on.
  expect(segment.slab(1).log.generation).toBeGreaterThan(3)
  const before = reader.snapshot().counters
  const successor = new StatsStore(segment.slab(1))
  for (const { name } of before) expect(successor.counter(name).value()).toBeLessThanOrEqual(1)
  expect(reader.snapshot().counters.length).toBe(before.length)
})

test('processes that make the same shared counters at once agree on every slot', async () => {
  const segment = createSegment(3, limits)
  const children = [1, 2, 3].map((slab) => startChild(segment, slab, 'names', 2000))
  const exits = await Promise.all(children.map((child) => once(child, 'exit')))
  expect(exits.map(([code]) => code)).toEqual([0, 0, 0])
  expect(segment.shared.slotCount()).toBe(2000)
  const counters = new SharedCounters(segment.shared, segment.slab(0))
  const values = Array.from({ length: 2000 }, (_, i) => counters.counter(`shared.${i}`).value())
  expect(values.every((value) => value === 3)).toBe(true)
})

test('a lock whose holder died is taken over', async () => {
  const segment = createSegment(1, limits)
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  // The first word of the area is the lock: it holds the id of the process that has it.
  const lock = new Int32Array(segment.shared.totals.buffer, 0, 1)
  lock[0] = child.pid ?? 0
  expect(segment.shared.slotOf('a')).toBe(0)
  expect(lock[0]).toBe(0)
})

test('counters of one name are the same in every process, and no other name has one of them', () => {
  const segment = createSegment(1, limits)
  const [first, second] = [0, 1].map((slab) => new SharedCounters(segment.shared, segment.slab(slab)))
  const own = first.counters('several', 3)
  second.counter('another').inc()
  own[2].inc()
  second.counters('several', 3)[2].inc()
  expect(own.map((counter) => counter.value())).toEqual([0, 0, 2])
  expect(first.counter('another').value()).toBe(1)
  expect(segment.shared.slotCount()).toBe(4)
})

test('no number of processes passes a shared limit', async () => {
  const segment = createSegment(3, limits)
  const children = [1, 2, 3].map((slab) => startChild(segment, slab, 'limit', 100_000))
  const exits = await Promise.all(children.map((child) => once(child, 'exit')))
  expect(exits.map(([code]) => code)).toEqual([0, 0, 0])
  expect(new SharedCounters(segment.shared, segment.slab(0)).counter('limited').value()).toBe(0)
})

test('what a killed process held is given back exactly', async () => {
  const segment = createSegment(1, limits)
  const own = new SharedCounters(segment.shared, segment.slab(0)).counter('held')
  own.inc()
  for (let life = 0; life < 5; life++) {
    await killWhen(startChild(segment, 1, 'hold'), (line) => line === 'holding')
    reclaimShares(segment.shared, segment.slab(1), [segment.slab(0)])
    expect([own.value(), own.share()]).toEqual([1, 1])
  }
})

test('a share left in the middle of an update is settled, whether the total had changed or not', () => {
  for (const totalChanged of [true, false]) {
    const segment = createSegment(1, limits)
    const own = new SharedCounters(segment.shared, segment.slab(0)).counter('held')
    const dead = new SharedCounters(segment.shared, segment.slab(1)).counter('held')
    own.inc()
    dead.inc()
    segment.slab(1).shares[dead.slot] |= 1
    if (totalChanged) segment.shared.totals[dead.slot]++
    reclaimShares(segment.shared, segment.slab(1), [segment.slab(0)])
    expect(own.value()).toBe(1)
  }
})

test('only a segment of this version is opened', () => {
  const fd = createSharedMemory('other', PAGE_BYTES)
  expect(() => openSegment(fd)).toThrow(`descriptor ${fd} is no stats segment of this version`)
  const segment = createSegment(1, limits)
  expect(openSegment(segment.fd).limits).toEqual(limits)
  expect(() => segment.slab(2)).toThrow('no slab 2 of 2')
})
