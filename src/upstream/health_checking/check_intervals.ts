// When a host is checked next.

import type { Runtime } from '../../config/runtime.ts'
import type { HealthCheckView } from './health_probe.ts'

/** What a check has changed: the host's health, nothing, or nothing yet as a threshold has not been reached. */
export type HealthTransition = 'changed' | 'unchanged' | 'changePending'

const defaultNoTrafficIntervalMs = 60_000

export class CheckIntervals {
  readonly #view: HealthCheckView
  readonly #intervalMs: number
  readonly #hasTraffic: () => boolean
  readonly #runtime: Runtime

  /** `hasTraffic`: whether the cluster has ever had a connection; until then checks are rarer. */
  constructor(view: HealthCheckView, hasTraffic: () => boolean, runtime: Runtime) {
    this.#view = view
    this.#intervalMs = view.interval ?? 0
    this.#hasTraffic = hasTraffic
    this.#runtime = runtime
  }

  /** 0 for at once. */
  initialMs(): number {
    const jitter = this.#view.initialJitter ?? 0
    return jitter === 0 ? 0 : this.#bounded(randomBelow(jitter))
  }

  /** `succeeded`: the check that is over. */
  nextMs(succeeded: boolean, transition: HealthTransition): number {
    return this.#jittered(this.#hasTraffic() ? this.#usual(succeeded, transition) : this.#idle(succeeded, transition))
  }

  /** While a threshold is being reached it is the interval of an edge. */
  #usual(succeeded: boolean, transition: HealthTransition): number {
    const { healthyEdgeInterval, unhealthyInterval, unhealthyEdgeInterval } = this.#view
    const isEdge = transition === 'changePending'
    if (succeeded) return isEdge ? (healthyEdgeInterval ?? this.#intervalMs) : this.#intervalMs
    const unhealthy = unhealthyInterval ?? this.#intervalMs
    return isEdge ? (unhealthyEdgeInterval ?? unhealthy) : unhealthy
  }

  #idle(succeeded: boolean, transition: HealthTransition): number {
    const { noTrafficInterval = defaultNoTrafficIntervalMs, noTrafficHealthyInterval } = this.#view
    return succeeded && transition !== 'changePending'
      ? (noTrafficHealthyInterval ?? noTrafficInterval)
      : noTrafficInterval
  }

  #jittered(baseMs: number): number {
    const { intervalJitter = 0, intervalJitterPercent } = this.#view
    return this.#bounded(
      baseMs + randomBelow(Math.floor((intervalJitterPercent * baseMs) / 100)) + randomBelow(intervalJitter),
    )
  }

  #bounded(ms: number): number {
    const least = this.#runtime.getInteger('health_check.min_interval', 0)
    const most = this.#runtime.getInteger('health_check.max_interval', Number.MAX_SAFE_INTEGER)
    return Math.max(1, Math.min(ms, most), least)
  }
}

function randomBelow(limit: number): number {
  return Math.floor(Math.random() * limit)
}
