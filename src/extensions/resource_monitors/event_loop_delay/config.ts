// nuncio.resource_monitors.event_loop_delay: how long the busiest worker keeps waiting what is due. Our own: Envoy has none.

import type { nuncio } from '../../../../proto/generated/api.d.ts'
import type { ResourceMonitorFactory } from '../../../network/overload/resource_monitor.ts'
import { longestDelayMs, measureDelay, workerDelays } from './worker_delays.ts'

type EventLoopDelayConfig = nuncio.extensions.resource_monitors.event_loop_delay.v1.EventLoopDelayConfig

export const eventLoopDelay: ResourceMonitorFactory<EventLoopDelayConfig> = {
  category: 'envoy.resource_monitors',
  name: 'nuncio.resource_monitors.event_loop_delay',
  typeUrls: ['nuncio.extensions.resource_monitors.event_loop_delay.v1.EventLoopDelayConfig'],
  createResourceMonitor({ maxDelay = Number.POSITIVE_INFINITY }, { shared, concurrency, refreshIntervalMs }) {
    const delays = workerDelays(shared, concurrency)
    return {
      pressure: (pids) => longestDelayMs(delays, pids, refreshIntervalMs) / maxDelay,
      measureInWorker: (workerIndex) => measureDelay(delays[workerIndex], refreshIntervalMs),
    }
  },
}
