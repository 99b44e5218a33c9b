/** A worker of the tests: opens the segment on descriptor 3 and does what its arguments say, on the slab named first. */
import { openSegment, type StatsSegment } from '../../src/stats/segment.ts'
import { SharedCounters } from '../../src/stats/shared_counter.ts'
import { StatsOwner } from '../../src/stats/stats_owner.ts'
import { StatsStore } from '../../src/stats/store.ts'

const [slabIndex, task, amount] = process.argv.slice(2)
const segment = openSegment(3)

const tasks: Record<string, (segment: StatsSegment, index: number, amount: number) => void> = {
  /** Counts one name up to the amount. */
  count(segment, index, amount) {
    const counter = new StatsStore(segment.slab(index)).counter('test.count')
    for (let i = 0; i < amount; i++) counter.inc()
  },
  /** Makes new stats and writes to them without end, telling every now and then how many there are. */
  churn(segment, index) {
    const store = new StatsStore(segment.slab(index))
    const gauge = store.gauge('churn.gauge')
    gauge.set(5)
    for (let i = 0; ; i++) {
      const scope = store.createScope(`churn.s${i >> 4}`)
      scope.counter(`c${i & 15}`).inc()
      store.histogram(`churn.h${i & 255}`, 'ms').recordValue(i)
      store.textReadout('churn.text').set(`text ${i}`)
      if (i % 100 === 99) process.stdout.write(`${i + 1}\n`)
    }
  },
  /** Makes stats of new names and ends old ones without end: ten scopes are there at any time, each counted once. */
  renew(segment, index) {
    const store = new StatsStore(segment.slab(index))
    const owners: StatsOwner[] = []
    for (let i = 0; ; i++) {
      const owner = new StatsOwner()
      owners.push(owner)
      const scope = store.createScope(`renewed.s${process.pid}_${i}`).ownedBy(owner)
      scope.counter('c').inc()
      scope.histogram('h', 'ms').recordValue(1)
      if (owners.length > 10) owners.shift()?.end()
      if (i % 1000 === 999) process.stdout.write(`${i + 1}\n`)
    }
  },
  /** Makes shared counters whose names other processes make at the same time, adding one to each. */
  names(segment, index, amount) {
    const counters = new SharedCounters(segment.shared, segment.slab(index))
    for (let i = 0; i < amount; i++) counters.counter(`shared.${i}`).inc()
  },
  /** Takes places under a limit and gives them back; tells whether the limit was ever passed. */
  limit(segment, index, amount) {
    const counter = new SharedCounters(segment.shared, segment.slab(index)).counter('limited')
    let taken = 0
    for (let i = 0; i < amount; i++) {
      if (!counter.tryAdd(3)) continue
      taken++
      if (counter.value() > 3) process.exit(1)
      counter.dec()
    }
    if (taken === 0) process.exit(2)
  },
  /** Takes and gives back without end while holding two. */
  hold(segment, index) {
    const counter = new SharedCounters(segment.shared, segment.slab(index)).counter('held')
    counter.inc()
    counter.inc()
    process.stdout.write('holding\n')
    for (;;) {
      counter.inc()
      counter.dec()
    }
  },
}

tasks[task](segment, Number(slabIndex), Number(amount))
