// Whether one request is tried again: what its policy and its caller ask for, how often, and after which wait.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { Timer } from '../common/timer.ts'
import type { Runtime } from '../config/runtime.ts'
import type { StreamResetReason } from '../http/codec/codec.ts'
import type { ForwardRoute, RetryPolicy } from '../http/route.ts'
import { gatherWrites } from '../network/write_batch.ts'
import type { Counter } from '../stats/store.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'
import type { ResourceManager } from '../upstream/resource_manager.ts'
import { type AskedRetries, takeAskedRetries } from './asked_retries.ts'
import type { RequestStats } from './request_stats.ts'
import { rateLimitedDelayMs } from './reset_headers.ts'
import { isConnectFailure } from './reset_reasons.ts'
import { grpcRetryStatuses } from './retry_words.ts'

/** `refused`: it would have been retried, but all tries are used, or the circuit breaker forbids it. */
export type RetryDecision = 'no' | 'yes' | 'refused'

export interface RetryCallbacks {
  /** The wait before a retry is over; what is tried again took too long, or something else was wrong with it. */
  onRetry(tookTooLong: boolean): void
}

const defaultBackOffBaseMs = 25
const tooEarly = 425

export class RetryState {
  readonly #asked: AskedRetries
  readonly #policy: RetryPolicy | undefined
  readonly #info: ClusterInfo
  readonly #resources: ResourceManager
  readonly #requestStats: RequestStats
  readonly #streamInfo: StreamInfo
  readonly #runtime: Runtime
  readonly #request: HeaderMap
  readonly #callbacks: RetryCallbacks
  readonly #timer = new Timer(() => gatherWrites(() => this.#onBackOffOver()))
  /** Of the wait under way; undefined where there is no need to wait. */
  #backOffCounter: Counter | undefined = undefined
  #tookTooLong = false
  #remaining: number
  #backOffs = 0
  /** A retry is under way and counts for the circuit breaker. */
  #active = false
  #hasRetried = false
  #givenUp = false

  private constructor(
    asked: AskedRetries,
    callbacks: RetryCallbacks,
    route: ForwardRoute,
    headers: HeaderMap,
    info: ClusterInfo,
    requestStats: RequestStats,
    streamInfo: StreamInfo,
    runtime: Runtime,
  ) {
    this.#asked = asked
    this.#callbacks = callbacks
    this.#policy = route.retryPolicy
    this.#request = headers
    this.#remaining = asked.numRetries
    this.#info = info
    this.#resources = info.resourceManager(route.priority)
    this.#requestStats = requestStats
    this.#streamInfo = streamInfo
    this.#runtime = runtime
  }

  /** Undefined where nothing asks for retries. The headers that ask are consumed; why one is refused is flagged. */
  static create(
    callbacks: RetryCallbacks,
    route: ForwardRoute,
    headers: HeaderMap,
    info: ClusterInfo,
    requestStats: RequestStats,
    streamInfo: StreamInfo,
    runtime: Runtime,
  ): RetryState | undefined {
    const policy = route.retryPolicy
    if (policy === undefined && (headers.known & KnownHeader.xEnvoyRetry) === 0) return undefined
    const asked = takeAskedRetries(headers, policy)
    if (asked.retryOn.size === 0) return undefined
    const wanted = policy?.retriableRequestHeaders ?? []
    if (wanted.length > 0 && !wanted.some((matches) => matches(headers))) return undefined
    return new RetryState(asked, callbacks, route, headers, info, requestStats, streamInfo, runtime)
  }

  onHeaders(headers: HeaderMap): RetryDecision {
    this.#tookTooLong = false
    if (!this.wantsHeaders(headers)) return this.#decide(false)
    const limited = this.#policy?.rateLimitedBackOff
    const delayMs = limited === undefined ? undefined : rateLimitedDelayMs(limited, headers)
    return this.#decide(true, this.#isTooEarly(headers) ? 0 : delayMs)
  }

  /** `requestSent`: some of the request may have reached the upstream. */
  onReset(reason: StreamResetReason, requestSent: boolean, tookTooLong: boolean): RetryDecision {
    this.#tookTooLong = tookTooLong
    return this.#decide(this.#wantsReset(reason, requestSent))
  }

  /** An attempt that goes on takes too long: whatever else is retried, another is made beside it. */
  onHedge(): RetryDecision {
    this.#tookTooLong = true
    return this.#decide(true)
  }

  /** A retry waits for its time to come. */
  get isPending(): boolean {
    return this.#timer.enabled
  }

  /** The stream is over, or its last try has been answered. */
  release(): void {
    this.#timer.disable()
    if (!this.#active) return
    this.#active = false
    this.#resources.retries.release()
  }

  /** The request cannot be sent again, or need not. */
  giveUp(): void {
    this.release()
    this.#givenUp = true
  }

  #decide(wanted: boolean, limitedMs?: number): RetryDecision {
    if (this.#givenUp) return 'no'
    const { stats } = this.#info
    // The try that has just ended held its place in the circuit breaker until now.
    this.release()
    if (!wanted) {
      if (this.#hasRetried) {
        stats.upstreamRqRetrySuccess.inc()
        this.#requestStats.onRetrySuccess()
      }
      return 'no'
    }
    if (this.#remaining === 0) {
      stats.upstreamRqRetryLimitExceeded.inc()
      this.#requestStats.onRetryLimitExceeded()
      this.#streamInfo.setResponseFlag(ResponseFlag.UpstreamRetryLimitExceeded)
      return 'refused'
    }
    this.#remaining--
    if (!this.#resources.retries.tryAcquire()) {
      stats.upstreamRqRetryOverflow.inc()
      this.#requestStats.onRetryOverflow()
      this.#streamInfo.setResponseFlag(ResponseFlag.UpstreamOverflow)
      return 'refused'
    }
    this.#active = true
    if (Math.random() * 100 >= this.#runtime.getInteger('upstream.use_retry', 100)) {
      this.release()
      return 'no'
    }
    this.#timer.enable(this.#backOffMs(limitedMs))
    return 'yes'
  }

  /** A retry counts when it is made: its time may never come. */
  #onBackOffOver(): void {
    this.#hasRetried = true
    this.#info.stats.upstreamRqRetry.inc()
    this.#requestStats.onRetry()
    this.#backOffCounter?.inc()
    this.#callbacks.onRetry(this.#tookTooLong)
  }

  /** Milliseconds. `limitedMs`: as the upstream asks for. */
  #backOffMs(limitedMs: number | undefined): number {
    if (limitedMs === undefined) return this.#exponentialBackOffMs()
    this.#backOffCounter = limitedMs === 0 ? undefined : this.#info.stats.upstreamRqRetryBackoffRatelimited
    // Up to a half more, so that not all come back at once.
    return limitedMs + Math.floor((Math.random() * limitedMs) / 2)
  }

  /** With full jitter. */
  #exponentialBackOffMs(): number {
    const configured = this.#policy?.backOffBaseMs
    const base = configured ?? this.#runtime.getInteger('upstream.base_retry_backoff_ms', defaultBackOffBaseMs)
    const max = this.#policy?.backOffMaxMs ?? base * 10
    const limit = Math.min(max, base * 2 ** this.#backOffs++)
    this.#backOffCounter = this.#info.stats.upstreamRqRetryBackoffExponential
    return Math.floor(Math.random() * limit)
  }

  /** The response is one that another try may better. */
  wantsHeaders(headers: HeaderMap): boolean {
    if (this.#givenUp) return false
    const { retryOn } = this.#asked
    if (headers.has('x-envoy-ratelimited')) return retryOn.has('envoy-ratelimited')
    const { status } = headers
    if (retryOn.has('5xx') && status >= 500 && status < 600) return true
    if (retryOn.has('gateway-error') && status >= 502 && status <= 504) return true
    if (retryOn.has('retriable-4xx') && status === 409) return true
    if (this.#isRetriableStatus(status)) return true
    if (retryOn.has('retriable-headers') && this.#hasRetriableHeader(headers)) return true
    const grpcStatus = headers.get('grpc-status')
    return (
      grpcStatus !== undefined &&
      Object.keys(grpcRetryStatuses).some((word) => retryOn.has(word) && grpcRetryStatuses[word] === grpcStatus)
    )
  }

  /** What was early data of the client (RFC 8470) is the client's to send again. */
  #isRetriableStatus(status: number): boolean {
    const { retryOn, statusCodes } = this.#asked
    if (!retryOn.has('retriable-status-codes') || !statusCodes.has(status)) return false
    return status !== tooEarly || !this.#request.has('early-data')
  }

  /** Nobody asks for a pause: the next try is no early data. */
  #isTooEarly(headers: HeaderMap): boolean {
    return headers.status === tooEarly && this.#isRetriableStatus(tooEarly)
  }

  #hasRetriableHeader(headers: HeaderMap): boolean {
    if (this.#asked.headerNames.some((name) => headers.has(name))) return true
    return this.#policy?.retriableHeaders.some((matches) => matches(headers)) ?? false
  }

  #wantsReset(reason: StreamResetReason, requestSent: boolean): boolean {
    const { retryOn } = this.#asked
    if (reason === 'overflow') return false
    if (retryOn.has('5xx') || retryOn.has('gateway-error') || retryOn.has('reset')) return true
    if (retryOn.has('reset-before-request') && !requestSent) return true
    if (retryOn.has('refused-stream') && reason === 'remoteRefusedStreamReset') return true
    return retryOn.has('connect-failure') && isConnectFailure(reason)
  }
}
