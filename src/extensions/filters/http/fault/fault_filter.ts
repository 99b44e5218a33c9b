// Injects faults into one stream. A delay may be followed by an abort; a response that is slowed down goes with both.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { Timer } from '../../../../common/timer.ts'
import type { Runtime } from '../../../../config/runtime.ts'
import { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import { StreamRateLimiter, type StreamRateLimiterCallbacks } from '../../../../http/stream_rate_limiter.ts'
import type { SharedCounter } from '../../../../stats/shared_counter.ts'
import type { Counter, Gauge } from '../../../../stats/store.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'
import type { Fault, FaultSettings } from './fault_settings.ts'

export interface FaultFilterConfig {
  readonly settings: FaultSettings
  readonly runtime: Runtime
  /** Streams with a fault, over all workers. */
  readonly active: SharedCounter
  readonly stats: FaultStats
  downstreamClusterCounter(cluster: string, name: string): Counter
}

export interface FaultStats {
  readonly activeFaults: Gauge
  readonly abortsInjected: Counter
  readonly delaysInjected: Counter
  readonly faultsOverflow: Counter
  readonly responseRlInjected: Counter
}

const metadataNamespace = 'envoy.filters.http.fault'

export class FaultFilter extends PassThroughFilter implements StreamRateLimiterCallbacks {
  readonly #config: FaultFilterConfig
  #settings: FaultSettings
  /** Undefined where the request does not say whom it is from. */
  #downstreamCluster: string | undefined = undefined
  #delayTimer: Timer | undefined = undefined
  #limiter: StreamRateLimiter | undefined = undefined
  /** Several faults of one stream count once. */
  #isActive = false

  constructor(config: FaultFilterConfig) {
    super()
    this.#config = config
    this.#settings = config.settings
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const ofRoute = this.decoderCallbacks.perFilterConfig() as FaultSettings | undefined
    this.#settings = ofRoute ?? this.#config.settings
    if (!this.#isMeant(headers)) return FilterHeadersStatus.Continue
    this.#downstreamCluster = headers.get('x-envoy-downstream-service-cluster')
    this.#limitResponse(headers)
    if (this.#delay(headers) || this.#abort(headers)) return FilterHeadersStatus.StopIteration
    return FilterHeadersStatus.Continue
  }

  #isMeant(headers: HeaderMap): boolean {
    const { upstreamCluster, downstreamNodes, headers: matchers } = this.#settings
    if (upstreamCluster !== '') {
      const route = this.decoderCallbacks.route()
      if (route?.kind !== 'forward' || route.clusterName !== upstreamCluster) return false
    }
    if (downstreamNodes.size > 0 && !downstreamNodes.has(headers.get('x-envoy-downstream-service-node') ?? ''))
      return false
    return matchers.every((matches) => matches(headers))
  }

  // ---- Delay -----------------------------------------------------------------------------------------------------

  #delay(headers: HeaderMap): boolean {
    const delayMs = this.#delayMs(headers)
    if (delayMs <= 0 || !this.#tryActivate()) return false
    this.#delayTimer = new Timer(() => this.#onDelayOver(headers))
    this.#delayTimer.enable(delayMs)
    this.#count('delays_injected', this.#config.stats.delaysInjected)
    this.#note(ResponseFlag.DelayInjected)
    return true
  }

  /** 0 for no delay. */
  #delayMs(headers: HeaderMap): number {
    const { delay, runtimeKeys } = this.#settings
    if (delay === undefined || !this.#isDrawn(delay, headers, runtimeKeys.delayPercent, 'delay.fixed_delay_percent'))
      return 0
    const delayMs = delay.value(headers)
    if (delayMs === undefined) return 0
    const { runtime } = this.#config
    const inGeneral = runtime.getInteger(runtimeKeys.delayDuration, delayMs)
    const key = this.#downstreamKey('delay.fixed_duration_ms')
    return key === undefined ? inGeneral : runtime.getInteger(key, inGeneral)
  }

  #onDelayOver(headers: HeaderMap): void {
    this.#delayTimer = undefined
    if (!this.#abort(headers)) this.decoderCallbacks.continueDecoding()
  }

  override decodeData(): FilterDataStatus {
    return this.#delayTimer === undefined ? FilterDataStatus.Continue : FilterDataStatus.StopIterationAndWatermark
  }

  override decodeTrailers(): FilterTrailersStatus {
    return this.#delayTimer === undefined ? FilterTrailersStatus.Continue : FilterTrailersStatus.StopIteration
  }

  // ---- Abort -----------------------------------------------------------------------------------------------------

  #abort(headers: HeaderMap): boolean {
    const { abort, abortBody, runtimeKeys } = this.#settings
    if (abort === undefined || !this.#isDrawn(abort, headers, runtimeKeys.abortPercent, 'abort.abort_percent'))
      return false
    const httpStatus = this.#statusOf(abort.value(headers), runtimeKeys.abortHttpStatus, 'abort.http_status')
    const grpcStatus =
      httpStatus === undefined
        ? this.#statusOf(abort.grpcStatus(headers), runtimeKeys.abortGrpcStatus, 'abort.grpc_status')
        : undefined
    const status = httpStatus ?? (grpcStatus === undefined ? undefined : 200)
    if (status === undefined || !this.#tryActivate()) return false
    this.#count('aborts_injected', this.#config.stats.abortsInjected)
    this.#note(ResponseFlag.FaultInjected)
    const reply = { status, body: abortBody, details: 'fault_filter_abort' }
    this.decoderCallbacks.sendLocalReply(grpcStatus === undefined ? reply : { ...reply, grpcStatus })
    return true
  }

  #statusOf(status: number | undefined, key: string, downstreamName: string): number | undefined {
    if (status === undefined) return undefined
    return this.#config.runtime.getInteger(this.#downstreamKey(downstreamName) ?? key, status)
  }

  // ---- Slow responses --------------------------------------------------------------------------------------------

  #limitResponse(headers: HeaderMap): void {
    const { responseRateLimit: limit, runtimeKeys } = this.#settings
    if (limit === undefined || !this.#isDrawn(limit, headers, runtimeKeys.responseRateLimitPercent)) return
    const limitKbps = limit.value(headers)
    if (limitKbps === undefined || !this.#tryActivate()) return
    this.#config.stats.responseRlInjected.inc()
    this.#limiter = StreamRateLimiter.ofStream(limitKbps, this.encoderCallbacks.encoderBufferLimit(), this)
  }

  override encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    if (this.#limiter === undefined) return FilterDataStatus.Continue
    this.#limiter.writeData(data, endStream)
    return FilterDataStatus.StopIterationNoBuffer
  }

  override encodeTrailers(): FilterTrailersStatus {
    return this.#limiter?.onTrailers() === true ? FilterTrailersStatus.StopIteration : FilterTrailersStatus.Continue
  }

  override retainsData(): boolean {
    return this.#limiter?.holdsData === true
  }

  writeData(data: Buffer, endStream: boolean): void {
    this.encoderCallbacks.injectEncodedDataToFilterChain(data, endStream)
  }

  continueIteration(): void {
    this.encoderCallbacks.continueEncoding()
  }

  pauseData(): void {
    this.encoderCallbacks.onEncoderFilterAboveWriteBufferHighWatermark()
  }

  resumeData(): void {
    this.encoderCallbacks.onEncoderFilterBelowWriteBufferLowWatermark()
  }

  // ---- What faults have in common --------------------------------------------------------------------------------

  /** Whether this request is one of the fault's share; by the runtime key of its downstream cluster where it has one. */
  #isDrawn(fault: Fault, headers: HeaderMap, key: string, downstreamName?: string): boolean {
    const ofDownstream = downstreamName === undefined ? undefined : this.#downstreamKey(downstreamName)
    return this.#config.runtime.featureEnabled(ofDownstream ?? key, fault.percentage(headers))
  }

  #downstreamKey(name: string): string | undefined {
    return this.#downstreamCluster === undefined ? undefined : `fault.http.${this.#downstreamCluster}.${name}`
  }

  /** False where as many streams have a fault as may. */
  #tryActivate(): boolean {
    if (this.#isActive) return true
    const { active, runtime, stats } = this.#config
    const { maxActiveFaults, runtimeKeys } = this.#settings
    if (!active.tryAdd(runtime.getInteger(runtimeKeys.maxActiveFaults, maxActiveFaults))) {
      stats.faultsOverflow.inc()
      return false
    }
    stats.activeFaults.inc()
    this.#isActive = true
    return true
  }

  #count(name: string, counter: Counter): void {
    counter.inc()
    const cluster = this.#downstreamCluster
    if (cluster === undefined || cluster === '') return
    if (this.#settings.disableDownstreamClusterStats || this.#config.settings.disableDownstreamClusterStats) return
    this.#config.downstreamClusterCounter(cluster, name).inc()
  }

  #note(flag: number): void {
    const { streamInfo } = this.decoderCallbacks
    streamInfo.setResponseFlag(flag)
    streamInfo.setDynamicMetadata(metadataNamespace, this.#settings.filterMetadata)
  }

  override onDestroy(): void {
    this.#delayTimer?.disable()
    this.#limiter?.destroy()
    if (!this.#isActive) return
    this.#config.active.dec()
    this.#config.stats.activeFaults.dec()
  }
}
