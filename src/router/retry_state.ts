// Whether one request is tried again: what its policy and its caller ask for, how often, and after which wait.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import type { StreamResetReason } from '../http/codec/codec.ts'
import type { ForwardRoute, RetryPolicy } from '../http/route.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'
import type { ResourceManager } from '../upstream/resource_manager.ts'
import type { RequestStats } from './request_stats.ts'
import { isConnectFailure } from './reset_reasons.ts'
import { grpcRetryStatuses } from './retry_words.ts'

/** `limit`: it would have been retried, but all tries are used; `overflow`: the circuit breaker forbids it. */
export type RetryDecision = 'no' | 'yes' | 'limit' | 'overflow'

const defaultRetries = 1
const defaultBackOffBaseMs = 25
const noStatusCodes: ReadonlySet<number> = new Set()

export class RetryState {
  readonly #retryOn: ReadonlySet<string>
  readonly #policy: RetryPolicy | undefined
  readonly #statusCodes: ReadonlySet<number>
  readonly #headerNames: readonly string[]
  readonly #info: ClusterInfo
  readonly #resources: ResourceManager
  readonly #requestStats: RequestStats
  #remaining: number
  #backOffs = 0
  /** A retry is under way and counts for the circuit breaker. */
  #active = false
  #givenUp = false

  private constructor(
    asked: AskedRetries,
    policy: RetryPolicy | undefined,
    info: ClusterInfo,
    resources: ResourceManager,
    requestStats: RequestStats,
  ) {
    this.#retryOn = asked.retryOn
    this.#policy = policy
    this.#statusCodes = asked.statusCodes
    this.#headerNames = asked.headerNames
    this.#remaining = asked.numRetries
    this.#info = info
    this.#resources = resources
    this.#requestStats = requestStats
  }

  /** Undefined where nothing asks for retries. The headers that ask are consumed. */
  static create(
    route: ForwardRoute,
    headers: HeaderMap,
    info: ClusterInfo,
    requestStats: RequestStats,
  ): RetryState | undefined {
    const policy = route.retryPolicy
    if (policy === undefined && (headers.known & KnownHeader.xEnvoyRetry) === 0) return undefined
    const asked = takeAskedRetries(headers, policy)
    if (asked.retryOn.size === 0) return undefined
    const wanted = policy?.retriableRequestHeaders ?? []
    if (wanted.length > 0 && !wanted.some((matches) => matches(headers))) return undefined
    return new RetryState(asked, policy, info, info.resourceManager(route.priority), requestStats)
  }

  onHeaders(headers: HeaderMap): RetryDecision {
    return this.#decide(this.#wantsHeaders(headers))
  }

  /** `requestSent`: some of the request may have reached the upstream. */
  onReset(reason: StreamResetReason, requestSent: boolean): RetryDecision {
    return this.#decide(this.#wantsReset(reason, requestSent))
  }

  /** How long to wait before the next try, milliseconds: exponential with full jitter. */
  nextBackOffMs(): number {
    const base = this.#policy?.backOffBaseMs ?? defaultBackOffBaseMs
    const max = this.#policy?.backOffMaxMs ?? base * 10
    const limit = Math.min(max, base * 2 ** this.#backOffs++)
    this.#info.stats.upstreamRqRetryBackoffExponential.inc()
    return Math.floor(Math.random() * limit)
  }

  /** The stream is over, or its last try has been answered. */
  release(): void {
    if (!this.#active) return
    this.#active = false
    this.#resources.retries.release()
  }

  /** The request cannot be sent again, or need not. */
  giveUp(): void {
    this.release()
    this.#givenUp = true
  }

  get retried(): boolean {
    return this.#active
  }

  #decide(wanted: boolean): RetryDecision {
    const { stats } = this.#info
    // The try that has just ended held its place in the circuit breaker until now.
    const wasRetry = this.#active
    this.release()
    if (!wanted || this.#givenUp) {
      if (wasRetry) {
        stats.upstreamRqRetrySuccess.inc()
        this.#requestStats.onRetrySuccess()
      }
      return 'no'
    }
    if (this.#remaining === 0) {
      stats.upstreamRqRetryLimitExceeded.inc()
      this.#requestStats.onRetryLimitExceeded()
      return 'limit'
    }
    this.#remaining--
    if (!this.#resources.retries.tryAcquire()) {
      stats.upstreamRqRetryOverflow.inc()
      this.#requestStats.onRetryOverflow()
      return 'overflow'
    }
    this.#active = true
    stats.upstreamRqRetry.inc()
    this.#requestStats.onRetry()
    return 'yes'
  }

  #wantsHeaders(headers: HeaderMap): boolean {
    const retryOn = this.#retryOn
    if (headers.has('x-envoy-ratelimited')) return retryOn.has('envoy-ratelimited')
    const { status } = headers
    if (retryOn.has('5xx') && status >= 500 && status < 600) return true
    if (retryOn.has('gateway-error') && status >= 502 && status <= 504) return true
    if (retryOn.has('retriable-4xx') && status === 409) return true
    if (retryOn.has('retriable-status-codes') && this.#statusCodes.has(status)) return true
    if (retryOn.has('retriable-headers') && this.#hasRetriableHeader(headers)) return true
    const grpcStatus = headers.get('grpc-status')
    return (
      grpcStatus !== undefined &&
      Object.keys(grpcRetryStatuses).some((word) => retryOn.has(word) && grpcRetryStatuses[word] === grpcStatus)
    )
  }

  #hasRetriableHeader(headers: HeaderMap): boolean {
    if (this.#headerNames.some((name) => headers.has(name))) return true
    return this.#policy?.retriableHeaders.some((matches) => matches(headers)) ?? false
  }

  #wantsReset(reason: StreamResetReason, requestSent: boolean): boolean {
    const retryOn = this.#retryOn
    if (reason === 'overflow') return false
    if (retryOn.has('5xx') || retryOn.has('gateway-error') || retryOn.has('reset')) return true
    if (retryOn.has('reset-before-request') && !requestSent) return true
    if (retryOn.has('refused-stream') && reason === 'remoteRefusedStreamReset') return true
    return retryOn.has('connect-failure') && isConnectFailure(reason)
  }
}

interface AskedRetries {
  readonly retryOn: ReadonlySet<string>
  readonly numRetries: number
  readonly statusCodes: ReadonlySet<number>
  readonly headerNames: readonly string[]
}

/** What policy and x-envoy-* headers ask for together. */
function takeAskedRetries(headers: HeaderMap, policy: RetryPolicy | undefined): AskedRetries {
  const byPolicy = {
    retryOn: policy?.retryOn ?? new Set<string>(),
    numRetries: policy?.numRetries ?? defaultRetries,
    statusCodes: policy?.retriableStatusCodes ?? noStatusCodes,
    headerNames: [],
  }
  if ((headers.known & KnownHeader.xEnvoyRetry) === 0) return byPolicy
  const words = [...takeList(headers, 'x-envoy-retry-on'), ...takeList(headers, 'x-envoy-retry-grpc-on')]
  const maxRetries = takeList(headers, 'x-envoy-max-retries')[0]
  const statusCodes = takeList(headers, 'x-envoy-retriable-status-codes').map(Number)
  const headerNames = takeList(headers, 'x-envoy-retriable-header-names')
  return {
    retryOn: new Set([...byPolicy.retryOn, ...words]),
    numRetries: maxRetries !== undefined && /^\d+$/.test(maxRetries) ? Number(maxRetries) : byPolicy.numRetries,
    statusCodes: new Set([...byPolicy.statusCodes, ...statusCodes]),
    headerNames: headerNames.map((name) => name.toLowerCase()),
  }
}

function takeList(headers: HeaderMap, name: string): string[] {
  const value = headers.get(name)
  if (value === undefined) return []
  headers.remove(name)
  return value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}
