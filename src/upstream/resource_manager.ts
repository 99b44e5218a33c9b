// Circuit breakers of a cluster: limits on connections, requests and retries, exact over all workers.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { Runtime } from '../config/runtime.ts'
import type { SharedMemory } from '../network/factory.ts'
import type { SharedCounter } from '../stats/shared_counter.ts'
import type { Gauge, Scope } from '../stats/store.ts'

type CircuitBreakers = envoy.config.cluster.v3.CircuitBreakers
export type RoutingPriority = 'DEFAULT' | 'HIGH'
export const routingPriorities: readonly RoutingPriority[] = ['DEFAULT', 'HIGH']

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

interface ResourceParts {
  readonly count: SharedCounter
  readonly limit: () => number
  /** `circuit_breakers.<priority>.` of the cluster. */
  readonly scope: Scope
  readonly shortName: keyof typeof remainingNames
  /** Of the gauge of what is left, where that is not a cluster's. */
  readonly remainingName?: string
  /** track_remaining */
  readonly tracksRemaining: boolean
}

/** One limited thing. */
export class Resource {
  readonly #count: SharedCounter
  readonly #limit: () => number
  readonly #parts: ResourceParts
  /** 1 while the limit is reached; undefined before it is needed. */
  #open: Gauge | undefined = undefined
  #remaining: Gauge | undefined = undefined
  #isUsed = false

  constructor(parts: ResourceParts) {
    this.#count = parts.count
    this.#limit = parts.limit
    this.#parts = parts
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
    if (force) this.#count.inc()
    else if (!this.#count.tryAdd(this.#limit())) return false
    if (!this.#isUsed) this.#noteUse()
    return true
  }

  release(): void {
    this.#count.dec()
  }

  /** From its first use on the gauge counts as written, as in Envoy, though only main gives it its value. */
  #noteUse(): void {
    this.#isUsed = true
    this.#openGauge().add(0)
  }

  /** Brings the gauges up to date: they are for all processes, and one process has to tell them, whenever they are read. */
  publish(): void {
    const current = this.#count.value()
    const limit = this.#limit()
    // As in Envoy nothing is open before somebody has come, not even where nobody may.
    setTo(this.#openGauge(), current > 0 && current >= limit ? 1 : 0)
    const { scope, shortName, remainingName = remainingNames[shortName], tracksRemaining } = this.#parts
    if (!tracksRemaining) return
    this.#remaining ??= scope.gauge(remainingName)
    this.#remaining.set(Math.max(0, limit - current))
  }

  #openGauge(): Gauge {
    const { scope, shortName } = this.#parts
    this.#open ??= scope.gauge(`${shortName}_open`)
    return this.#open
  }
}

/** Without a write where nothing changes. */
function setTo(gauge: Gauge, value: number): void {
  if (gauge.value() !== value) gauge.set(value)
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
    const prefix = `circuit_breakers.${clusterName}.${name}`
    const counts = shared.counters(prefix, Object.keys(remainingNames).length).values()
    const common = {
      scope: scope.createScope(`circuit_breakers.${name}`),
      tracksRemaining: thresholds?.trackRemaining === true,
    }
    const resource = (shortName: keyof typeof remainingNames, limit: () => number): Resource =>
      new Resource({ ...common, count: counts.next().value!, shortName, limit })
    const fixed = (key: string, configured: number | undefined, byDefault: number): (() => number) => {
      const runtimeKey = `${prefix}.${key}`
      const limit = configured ?? byDefault
      return () => runtime.getInteger(runtimeKey, limit)
    }
    this.connections = resource('cx', fixed('max_connections', thresholds?.maxConnections, defaultMaxConnections))
    this.pendingRequests = resource(
      'rq_pending',
      fixed('max_pending_requests', thresholds?.maxPendingRequests, defaultMaxPendingRequests),
    )
    this.requests = resource('rq', fixed('max_requests', thresholds?.maxRequests, defaultMaxRequests))
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
    const maxRetries = fixed('max_retries', thresholds?.maxRetries, defaultMaxRetries)
    this.retries = resource('rq_retry', budget === undefined ? maxRetries : retryBudget)
    this.connectionPools = resource(
      'cx_pool',
      fixed('max_connection_pools', thresholds?.maxConnectionPools, defaultMaxPools),
    )
    const perHost = config?.perHostThresholds.find((each) => each.priority === priority)
    this.maxConnectionsPerHost = perHost?.maxConnections ?? noLimit
  }

  /** See Resource. */
  publish(): void {
    const { connections, pendingRequests, requests, retries, connectionPools } = this
    for (const resource of [connections, pendingRequests, requests, retries, connectionPools]) resource.publish()
  }
}
