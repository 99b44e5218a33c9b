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
const defaultBudgetPercent = 20
const defaultMinRetryConcurrency = 3
const noLimit = 2 ** 31 - 1
/** What Envoy takes for no limit of pools. */
const defaultMaxPools = 2 ** 64

/** What Envoy calls the gauge of what is left, by the short name of `<short name>_open`. */
const remainingNames = {
  cx: 'remaining_cx',
  rq_pending: 'remaining_pending',
  rq: 'remaining_rq',
  rq_retry: 'remaining_retries',
  cx_pool: 'remaining_cx_pools',
} as const

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
    const prefix = `circuit_breakers.${clusterName}.${name}`
    const resource = (
      key: string,
      shortName: keyof typeof remainingNames,
      configured: number | undefined,
      byDefault: number,
      computed?: () => number,
    ): Resource => {
      const runtimeKey = `${prefix}.${key}`
      const fixed = (): number => runtime.getInteger(runtimeKey, configured ?? byDefault)
      const limit = computed ?? fixed
      const remaining =
        thresholds?.trackRemaining === true ? stats.gauge(remainingNames[shortName], 'shared') : undefined
      return new Resource(shared.counter(runtimeKey), limit, stats.gauge(`${shortName}_open`, 'shared'), remaining)
    }
    this.connections = resource('max_connections', 'cx', thresholds?.maxConnections, defaultMaxConnections)
    this.pendingRequests = resource(
      'max_pending_requests',
      'rq_pending',
      thresholds?.maxPendingRequests,
      defaultMaxPendingRequests,
    )
    this.requests = resource('max_requests', 'rq', thresholds?.maxRequests, defaultMaxRequests)
    const budget = thresholds?.retryBudget
    // A share of the requests there are, in the place of a fixed number.
    const retryBudget = (): number => {
      const percent = runtime.getNumber(
        `${prefix}.retry_budget.budget_percent`,
        budget?.budgetPercent?.value ?? defaultBudgetPercent,
      )
      const least = runtime.getInteger(
        `${prefix}.retry_budget.min_retry_concurrency`,
        budget?.minRetryConcurrency ?? defaultMinRetryConcurrency,
      )
      return Math.max(least, Math.floor(((this.requests.current + this.pendingRequests.current) * percent) / 100))
    }
    const computed = budget === undefined ? undefined : retryBudget
    this.retries = resource('max_retries', 'rq_retry', thresholds?.maxRetries, defaultMaxRetries, computed)
    this.connectionPools = resource('max_connection_pools', 'cx_pool', thresholds?.maxConnectionPools, defaultMaxPools)
    const perHost = config?.perHostThresholds.find((each) => each.priority === priority)
    this.maxConnectionsPerHost = perHost?.maxConnections ?? noLimit
  }
}
