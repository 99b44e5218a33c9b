// Circuit breakers of a cluster: limits on connections, requests and retries, exact over all workers.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { Runtime } from '../config/runtime.ts'
import type { SharedMemory } from '../network/factory.ts'
import type { SharedCounter } from '../stats/shared_counter.ts'
import type { Gauge, Scope } from '../stats/store.ts'

type CircuitBreakers = envoy.config.cluster.v3.CircuitBreakers
export type RoutingPriority = 'DEFAULT' | 'HIGH'

const defaultMaxConnections = 1024
const defaultMaxPendingRequests = 1024
const defaultMaxRequests = 1024
const defaultMaxRetries = 3
const noLimit = 2 ** 31 - 1

/** One limited thing. `open` is 1 while the limit is reached; `remaining` is kept where track_remaining asks for it. */
export class Resource {
  readonly #count: SharedCounter
  readonly #limit: () => number
  readonly #open: Gauge
  readonly #remaining: Gauge | undefined

  constructor(count: SharedCounter, limit: () => number, open: Gauge, remaining: Gauge | undefined) {
    this.#count = count
    this.#limit = limit
    this.#open = open
    this.#remaining = remaining
    remaining?.set(limit())
  }

  get max(): number {
    return this.#limit()
  }

  get current(): number {
    return this.#count.value()
  }

  canCreate(): boolean {
    return this.#count.value() < this.#limit()
  }

  /** Takes one, unless as many are out as allowed; with `force` whatever the limit. */
  tryAcquire(force = false): boolean {
    const limit = this.#limit()
    if (force) this.#count.inc()
    else if (!this.#count.tryAdd(limit)) return false
    this.#publish(limit)
    return true
  }

  release(): void {
    this.#count.dec()
    this.#publish(this.#limit())
  }

  #publish(limit: number): void {
    const current = this.#count.value()
    this.#open.set(current >= limit ? 1 : 0)
    this.#remaining?.set(Math.max(0, limit - current))
  }
}

export class ResourceManager {
  readonly connections: Resource
  readonly pendingRequests: Resource
  readonly requests: Resource
  readonly retries: Resource
  readonly connectionPools: Resource
  /** `max_connections` of per_host_thresholds. */
  readonly maxConnectionsPerHost: number

  constructor(
    clusterName: string,
    priority: RoutingPriority,
    config: CircuitBreakers | undefined,
    scope: Scope,
    shared: SharedMemory,
    runtime: Runtime,
  ) {
    const thresholds = config?.thresholds.find((each) => each.priority === priority)
    const name = priority === 'HIGH' ? 'high' : 'default'
    const stats = scope.createScope(`circuit_breakers.${name}`)
    const resource = (key: string, shortName: string, configured: number | undefined, byDefault: number): Resource => {
      const runtimeKey = `circuit_breakers.${clusterName}.${name}.${key}`
      const limit = (): number => Math.min(noLimit, runtime.getInteger(runtimeKey, configured ?? byDefault))
      const remaining = thresholds?.trackRemaining === true ? stats.gauge(`remaining_${shortName}`, 'shared') : undefined
      return new Resource(shared.counter(runtimeKey), limit, stats.gauge(`${shortName}_open`, 'shared'), remaining)
    }
    this.connections = resource('max_connections', 'cx', thresholds?.maxConnections, defaultMaxConnections)
    this.pendingRequests = resource('max_pending_requests', 'rq_pending', thresholds?.maxPendingRequests, defaultMaxPendingRequests)
    this.requests = resource('max_requests', 'rq', thresholds?.maxRequests, defaultMaxRequests)
    this.retries = resource('max_retries', 'rq_retry', thresholds?.maxRetries, defaultMaxRetries)
    this.connectionPools = resource('max_connection_pools', 'cx_pool', thresholds?.maxConnectionPools, noLimit)
    const perHost = config?.perHostThresholds.find((each) => each.priority === priority)
    this.maxConnectionsPerHost = perHost?.maxConnections ?? noLimit
  }
}
