// The numbers of one host: shown by `/clusters`, and statistics only where per_endpoint_stats asks for them, as in Envoy.

import type { Counter, Gauge, Scope } from '../stats/store.ts'

/** A number that balancers and queries may read. */
export interface HostCounter {
  readonly value: number
  inc(): void
  dec(): void
}

export interface HostStats {
  readonly cxTotal: HostCounter
  readonly cxActive: HostCounter
  readonly cxConnectFail: HostCounter
  readonly rqTotal: HostCounter
  readonly rqActive: HostCounter
  readonly rqPendingActive: HostCounter
  readonly rqSuccess: HostCounter
  readonly rqError: HostCounter
  readonly rqTimeout: HostCounter
}

/** `scope` is `cluster.<name>.endpoint.<address>.`, or undefined where the numbers need no names. */
export function createHostStats(scope: Scope | undefined): HostStats {
  const counter = (name: string): HostCounter =>
    scope === undefined ? new SimpleCounter() : new NamedCounter(scope.counter(name), undefined)
  const gauge = (name: string): HostCounter =>
    scope === undefined ? new SimpleCounter() : new NamedCounter(undefined, scope.gauge(name))
  return {
    cxTotal: counter('cx_total'),
    cxActive: gauge('cx_active'),
    cxConnectFail: counter('cx_connect_fail'),
    rqTotal: counter('rq_total'),
    rqActive: gauge('rq_active'),
    rqPendingActive: gauge('rq_pending_active'),
    rqSuccess: counter('rq_success'),
    rqError: counter('rq_error'),
    rqTimeout: counter('rq_timeout'),
  }
}

/** Fields are plain for speed. */
class SimpleCounter implements HostCounter {
  value = 0

  inc(): void {
    this.value++
  }

  dec(): void {
    this.value--
  }
}

/** Counts under a name as well. */
class NamedCounter implements HostCounter {
  value = 0
  readonly #counter: Counter | undefined
  readonly #gauge: Gauge | undefined

  constructor(counter: Counter | undefined, gauge: Gauge | undefined) {
    this.#counter = counter
    this.#gauge = gauge
    gauge?.set(0)
  }

  inc(): void {
    this.value++
    this.#counter?.inc()
    this.#gauge?.inc()
  }

  dec(): void {
    this.value--
    this.#gauge?.dec()
  }
}
