/** What the stats cost on the hot path: run `node bench/micro/stats.ts`; each figure is the best of five rounds. */
import { createDefaultExtractors } from '../../src/stats/default_tags.ts'
import { StatsReader } from '../../src/stats/reader.ts'
import { renderStats } from '../../src/stats/render.ts'
import { createSegment } from '../../src/stats/segment.ts'
import { SharedCounters } from '../../src/stats/shared_counter.ts'
import { defaultStatsSettings } from '../../src/stats/stats_config.ts'
import { StatsStore } from '../../src/stats/store.ts'
import { TagProducer } from '../../src/stats/tag_extractor.ts'

const ROUNDS = 5
const CLUSTERS = 1000
const STATS_PER_CLUSTER = 100

/** Prints the best time of one of `count` steps that `run` does. */
function measure(name: string, count: number, run: () => void): void {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    run()
    best = Math.min(best, Number(process.hrtime.bigint() - start) / count)
  }
  console.log(`${name.padEnd(52)} ${best.toFixed(1).padStart(9)} ns`)
}

const STEPS = 5_000_000
const segment = createSegment(1)
const store = new StatsStore(segment.slab(0))
const counters = Array.from({ length: 16 }, (_, i) => store.counter(`bench.c${i}`))
const gauge = store.gauge('bench.g')
const rejecting = new StatsStore(segment.slab(1), { rejects: () => true }).counter('bench.none')
const histogram = store.histogram('bench.h', 'ms')
const shared = new SharedCounters(segment.shared, segment.slab(0)).counter('bench.limit')

measure('Counter.inc, one counter', STEPS, () => {
  for (let i = 0; i < STEPS; i++) counters[0].inc()
})
measure('Counter.inc, sixteen counters in turn', STEPS, () => {
  for (let i = 0; i < STEPS; i++) counters[i & 15].inc()
})
measure('Counter.inc, rejected by stats_matcher', STEPS, () => {
  for (let i = 0; i < STEPS; i++) rejecting.inc()
})
measure('Gauge.inc and dec', STEPS, () => {
  for (let i = 0; i < STEPS; i++) {
    gauge.inc()
    gauge.dec()
  }
})
measure('Histogram.recordValue, 0 to 1023', STEPS, () => {
  for (let i = 0; i < STEPS; i++) histogram.recordValue(i & 1023)
})
measure('Histogram.recordValue, fractions up to 60,000', STEPS, () => {
  for (let i = 0; i < STEPS; i++) histogram.recordValue((i % 60_000) + 0.5)
})
measure('SharedCounter.tryAdd and dec, no one else', STEPS, () => {
  for (let i = 0; i < STEPS; i++) if (shared.tryAdd(1024)) shared.dec()
})

const TOTAL = CLUSTERS * STATS_PER_CLUSTER
const made = new StatsStore(segment.slab(1))
const start = process.hrtime.bigint()
for (let c = 0; c < CLUSTERS; c++) {
  const scope = made.createScope(`cluster.service_${c}`)
  for (let s = 0; s < STATS_PER_CLUSTER; s++) scope.counter(`upstream_stat_number_${s}`).inc()
}
console.log(`make ${TOTAL} counters: ${Number(process.hrtime.bigint() - start) / TOTAL} ns each`)

const names = Array.from({ length: TOTAL }, (_, i) => `cluster.service_${i % CLUSTERS}.upstream_stat_number_${i % 97}`)
const producer = new TagProducer(createDefaultExtractors())
measure('extract the tags of a name', TOTAL, () => {
  for (const name of names) producer.produce(name)
})

const reader = new StatsReader(segment.slabs(), defaultStatsSettings())
const options = { type: 'All', usedOnly: false, textReadouts: false } as const
for (const format of ['text', 'json', 'prometheus'] as const) {
  measure(`render one of ${TOTAL} counters as ${format}`, TOTAL, () => {
    for (const chunk of renderStats(reader.snapshot(), { ...options, format })) if (chunk === '') return
  })
}
measure(`flush, one of ${TOTAL} counters`, TOTAL, () => reader.flush())
