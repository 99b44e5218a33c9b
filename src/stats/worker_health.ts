/** A worker's health: its JavaScript runtime's figures as gauges in its own slab. */
import { PerformanceObserver } from 'node:perf_hooks'
import { EventLoopDelay } from './event_loop_delay.ts'
import type { Gauge, Histogram, Scope } from './store.ts'

const US_PER_MS = 1000

/** A worker's event loop delay, garbage collection pauses and memory. Gauges hold what the last `sample` found. */
export class WorkerHealth {
  readonly #delay = new EventLoopDelay()
  readonly #observer: PerformanceObserver
  readonly #delayMax: Gauge
  readonly #delayP99: Gauge
  readonly #heapUsed: Gauge
  readonly #residentSize: Gauge
  readonly #gcPause: Histogram

  constructor(scope: Scope, workerIndex: number) {
    const own = scope.createScope(`nuncio.worker_${workerIndex}`)
    this.#delayMax = own.gauge('event_loop_delay_max_us', 'neverImport')
    this.#delayP99 = own.gauge('event_loop_delay_p99_us', 'neverImport')
    this.#heapUsed = own.gauge('heap_used_bytes', 'neverImport')
    this.#residentSize = own.gauge('resident_size_bytes', 'neverImport')
    this.#gcPause = own.histogram('gc_pause_us', 'us')
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#gcPause.recordValue(entry.duration * US_PER_MS)
    })
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  /** Writes the gauges for the time since the last call. */
  sample(): void {
    const { maxMs, p99Ms } = this.#delay.take()
    this.#delayMax.set(Math.round(maxMs * US_PER_MS))
    this.#delayP99.set(Math.round(p99Ms * US_PER_MS))
    const { heapUsed, rss } = process.memoryUsage()
    this.#heapUsed.set(heapUsed)
    this.#residentSize.set(rss)
  }

  close(): void {
    this.#delay.close()
    this.#observer.disconnect()
  }
}
