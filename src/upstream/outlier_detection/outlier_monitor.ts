// One host's failures as the process notices that sends the requests: counted with all others, told when they are too many.

import type { HeaderMap } from '../../common/header_map.ts'
import type { ErrorMatcher } from './error_matcher.ts'
import { hostWord } from './host_words.ts'
import type { OutlierSettings } from './outlier_settings.ts'
import type { ReportedType } from './outlier_type.ts'

/** `connectSuccessFinal`: nothing above the connection is understood here, so that no response will be told of. */
export type LocalOriginResult = 'timeout' | 'connectFailed' | 'connectSuccess' | 'connectSuccessFinal'

const statusOfResult = {
  timeout: 504,
  connectFailed: 503,
  connectSuccess: undefined,
  connectSuccessFinal: 200,
} as const

export class OutlierMonitor {
  readonly #words: Int32Array
  readonly #settings: OutlierSettings
  readonly #errorMatcher: ErrorMatcher | undefined
  readonly #onOutlier: (type: ReportedType) => void

  constructor(
    words: Int32Array,
    settings: OutlierSettings,
    errorMatcher: ErrorMatcher | undefined,
    onOutlier: (type: ReportedType) => void,
  ) {
    this.#words = words
    this.#settings = settings
    this.#errorMatcher = errorMatcher
    this.#onOutlier = onOutlier
  }

  /** A response has begun; `status` is HTTP's, or the one that its gRPC status stands for. */
  putResponse(headers: HeaderMap, status: number): void {
    const judged = this.#judged(headers, status)
    this.putStatus(judged)
    if (this.#settings.detectsDegraded && !is5xx(judged) && headers.has('x-envoy-degraded')) this.#reportDegraded()
  }

  #judged(headers: HeaderMap, status: number): number {
    const isError = this.#errorMatcher?.(headers)
    if (isError === undefined) return status
    if (!isError) return 200
    return is5xx(headers.status) ? headers.status : 500
  }

  /** `status` is what the client is told instead of a response; absent where the result has one of its own. */
  putResult(result: LocalOriginResult, status: number | undefined = statusOfResult[result]): void {
    if (!this.#settings.splitsLocalOrigin) {
      if (status !== undefined) this.putStatus(status)
      return
    }
    const words = this.#words
    Atomics.add(words, hostWord.localOriginTotal, 1)
    if (result === 'timeout' || result === 'connectFailed') {
      const failures = Atomics.add(words, hostWord.consecutiveLocalOriginFailure, 1) + 1
      if (failures === this.#settings.consecutiveLocalOriginFailure())
        this.#onOutlier('CONSECUTIVE_LOCAL_ORIGIN_FAILURE')
    } else {
      Atomics.add(words, hostWord.localOriginSuccess, 1)
      this.#reset(hostWord.consecutiveLocalOriginFailure)
    }
  }

  /** HTTP's, of a response whose headers nobody else judges. */
  putStatus(status: number): void {
    const words = this.#words
    Atomics.add(words, hostWord.total, 1)
    if (!is5xx(status)) {
      Atomics.add(words, hostWord.success, 1)
      this.#reset(hostWord.consecutive5xx)
      this.#reset(hostWord.consecutiveGatewayFailure)
      return
    }
    const { consecutiveGatewayFailure, consecutive5xx } = this.#settings
    if (status >= 502 && status <= 504) {
      const failures = Atomics.add(words, hostWord.consecutiveGatewayFailure, 1) + 1
      if (failures === consecutiveGatewayFailure()) this.#onOutlier('CONSECUTIVE_GATEWAY_FAILURE')
    } else this.#reset(hostWord.consecutiveGatewayFailure)
    if (Atomics.add(words, hostWord.consecutive5xx, 1) + 1 === consecutive5xx()) this.#onOutlier('CONSECUTIVE_5XX')
  }

  /** Most of the time there is nothing to reset, and reading costs less. */
  #reset(index: number): void {
    if (this.#words[index] !== 0) Atomics.store(this.#words, index, 0)
  }

  /** By the first that sees it. */
  #reportDegraded(): void {
    if (this.#words[hostWord.degraded] !== 0) return
    if (Atomics.compareExchange(this.#words, hostWord.degraded, 0, 1) === 0) this.#onOutlier('DEGRADED')
  }
}

function is5xx(status: number): boolean {
  return status >= 500 && status < 600
}
