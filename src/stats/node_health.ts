/** Main's health: its JavaScript runtime's figures through prom-client. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import { DELAY_RESOLUTION_MS } from './event_loop_delay.ts'

/** Event loop delay, garbage collection, heap and handles of the calling process, for the Prometheus output. */
export class NodeHealth {
  readonly #registry = new Registry()

  constructor() {
    collectDefaultMetrics({
      register: this.#registry,
      prefix: 'nuncio_',
      eventLoopMonitoringPrecision: DELAY_RESOLUTION_MS,
    })
  }

  /** The metrics in the text exposition format. */
  render(): Promise<string> {
    return this.#registry.metrics()
  }
}
