/** A worker's health: its JavaScript runtime's figures as gauges in its own slab. */
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import type { Gauge, Histogram, Scope } from './store.ts'

/** How often the delay of the event loop is measured: a stall shorter than this may go unseen. */
export const DELAY_RESOLUTION_MS = 10
const NS_PER_US = 1000

/** A worker's event loop delay, garbage collection pauses and memory. Gauges hold what the last `sample` found. */
export class WorkerHealth {
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
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
      for (const entry of list.getEntries()) this.#gcPause.recordValue(entry.duration * 1000)
    })
    this.#observer.observe({ entryTypes: ['gc'] })
    this.#delay.enable()
  }

  /** Writes the gauges for the time since the last call. */
  sample(): void {
    // The monitor counts its own timer's interval into each delay.
    const resolutionNs = DELAY_RESOLUTION_MS * 1e6
    const delayUs = (ns: number) => Math.max(0, Math.round((ns - resolutionNs) / NS_PER_US))
    this.#delayMax.set(this.#delay.count === 0 ? 0 : delayUs(this.#delay.max))
    this.#delayP99.set(this.#delay.count === 0 ? 0 : delayUs(this.#delay.percentile(99)))
    this.#delay.reset()
    const { heapUsed, rss } = process.memoryUsage()
    this.#heapUsed.set(heapUsed)
    this.#residentSize.set(rss)
  }

  close(): void {
    this.#delay.disable()
    this.#observer.disconnect()
  }
}
