// Holds a connection back until the rate limit service has answered, and closes it where it is above a limit.

import type { Formatter } from '../../../../access_log/formatter.ts'
import { type FormatterContext, unansweredContext } from '../../../../access_log/formatter_context.ts'
import type { Runtime } from '../../../../config/runtime.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../../../network/network_filter.ts'
import type { LimitAnswer, RateLimitClient } from '../../../../router/rate_limit/rate_limit_client.ts'
import type { Counter, Gauge } from '../../../../stats/store.ts'
import type { GrpcCall } from '../../../../upstream/async_grpc_client.ts'

export interface NetworkRateLimitSettings {
  readonly domain: string
  readonly client: RateLimitClient
  readonly runtime: Runtime
  readonly failureModeDeny: boolean
  readonly descriptors: readonly (readonly { readonly key: string; readonly value: Formatter }[])[]
  readonly stats: {
    readonly total: Counter
    readonly ok: Counter
    readonly error: Counter
    readonly overLimit: Counter
    readonly failureModeAllowed: Counter
    readonly cxClosed: Counter
    readonly active: Gauge
  }
}

const metadataNamespace = 'envoy.filters.network.ratelimit'

export class NetworkRateLimitFilter implements ReadFilter {
  readonly #settings: NetworkRateLimitSettings
  #callbacks!: ReadFilterCallbacks
  #call: GrpcCall | undefined = undefined
  /** What has come before the answer. */
  readonly #held: Buffer[] = []
  #heldBytes = 0
  #hasEnded = false
  #isPaused = false

  constructor(settings: NetworkRateLimitSettings) {
    this.#settings = settings
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    if (!this.#isOn('ratelimit.tcp_filter_enabled')) return FilterStatus.Continue
    const { stats, client, domain } = this.#settings
    stats.active.inc()
    stats.total.inc()
    const context = unansweredContext(this.#callbacks.connection.streamInfo!)
    this.#call = client.limit(domain, this.#descriptors(context), (answer) => this.#onAnswer(answer), context)
    return FilterStatus.StopIteration
  }

  onData(data: Buffer, endStream: boolean): FilterStatus {
    if (this.#call === undefined) return FilterStatus.Continue
    this.#held.push(data)
    this.#heldBytes += data.length
    this.#hasEnded = endStream
    const { connection } = this.#callbacks
    if (!this.#isPaused && this.#heldBytes > connection.bufferLimitBytes) {
      this.#isPaused = true
      connection.readDisable(true)
    }
    return FilterStatus.StopIteration
  }

  onDestroy(): void {
    if (this.#call === undefined) return
    this.#call.cancel()
    this.#settings.stats.active.dec()
  }

  #descriptors(context: FormatterContext) {
    return this.#settings.descriptors.map((entries) => ({
      entries: entries.map(({ key, value }) => ({ key, value: value.format(context) })),
      limit: undefined,
      hitsAddend: undefined,
      isNegativeHits: false,
    }))
  }

  #onAnswer({ status, response }: LimitAnswer): void {
    this.#call = undefined
    const { stats, failureModeDeny } = this.#settings
    const { dynamicMetadata } = response ?? {}
    if (dynamicMetadata !== undefined && Object.keys(dynamicMetadata).length > 0)
      this.#callbacks.connection.streamInfo?.setDynamicMetadata(metadataNamespace, dynamicMetadata)
    stats.active.dec()
    stats[status].inc()
    if (status === 'overLimit' && this.#isOn('ratelimit.tcp_filter_enforcing')) {
      this.#close('ratelimit_close_over_limit')
      return
    }
    if (status === 'error') {
      if (failureModeDeny) {
        this.#close('ratelimit_error_failure_mode_connection_close')
        return
      }
      stats.failureModeAllowed.inc()
    }
    this.#goOn()
  }

  #goOn(): void {
    if (this.#held.length === 0) this.#callbacks.continueReading()
    else this.#callbacks.injectReadDataToFilterChain(Buffer.concat(this.#held.splice(0)), this.#hasEnded)
    if (this.#isPaused) this.#callbacks.connection.readDisable(false)
  }

  #close(reason: string): void {
    this.#settings.stats.cxClosed.inc()
    this.#callbacks.connection.close('noFlush', reason)
  }

  #isOn(key: string): boolean {
    return this.#settings.runtime.featureEnabled(key)
  }
}
