// The statistics that one request counts in: those of codes and times of its cluster, of its virtual cluster and of its route.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import { httpStatusOfGrpc, isGrpcRequest } from '../http/grpc_status.ts'
import type { RequestStatsInfo } from '../http/route.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'
import type { Host } from '../upstream/host.ts'
import { type ClusterCodeStats, codeStats, type RequestOrigin, uncounted } from './code_stats.ts'
import type { RouterSettings } from './router_settings.ts'

export class RequestStats {
  readonly #settings: RouterSettings
  readonly #isCounted: boolean
  readonly #codes: ClusterCodeStats
  readonly #origin: RequestOrigin
  readonly #alternative: ClusterCodeStats | undefined
  readonly #grpc: boolean
  /** A host whose gRPC answer is good or bad by what ends it. */
  #grpcHost: Host | undefined = undefined
  /** The response came from a canary. */
  #canary = false
  /** `zone.<from>.<to>`, where both are known. */
  #zone = ''
  /** Undefined for most requests: few routes have any. */
  #targets: RequestStatsInfo[] | undefined = undefined

  /** Consumes x-envoy-upstream-alt-stat-name. Health checks count neither by code nor by time. */
  constructor(settings: RouterSettings, info: ClusterInfo, headers: HeaderMap, isHealthCheck: boolean) {
    this.#isCounted = settings.dynamicStats && !isHealthCheck
    const controlled = (headers.known & KnownHeader.xEnvoy) !== 0
    const alternative = controlled ? headers.get('x-envoy-upstream-alt-stat-name') : undefined
    if (alternative !== undefined) headers.remove('x-envoy-upstream-alt-stat-name')
    this.#grpc = (headers.known & KnownHeader.contentType) !== 0 && isGrpcRequest(headers)
    this.#settings = settings
    this.#codes = codeStats(info)
    this.#origin = controlled && headers.get('x-envoy-internal') === 'true' ? 'internal' : 'external'
    this.#alternative = alternative ? this.#codes.alternative(alternative) : undefined
  }

  add(target: RequestStatsInfo | undefined): void {
    if (target === undefined) return
    this.#targets ??= []
    this.#targets.push(target)
  }

  onRequest(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRequest()
  }

  /** A host has answered; its answer may say that it is a canary. */
  onHostResponse(headers: HeaderMap, host: Host): void {
    const says = (headers.known & KnownHeader.xEnvoy) !== 0 && headers.get('x-envoy-upstream-canary') === 'true'
    this.#canary = says || host.canary
    const { localZone } = this.#settings
    if (localZone !== '' && host.locality.zone !== '') this.#zone = `zone.${localZone}.${host.locality.zone}`
    if (this.#grpc && headers.status < 500) this.#grpcHost = host
    else host.onResponse(headers.status)
    this.charge(headers.status)
  }

  /** The response is whole: `last` are the headers or trailers that end it. gRPC without a status has failed. */
  onResponseEnd(last: HeaderMap | undefined): void {
    if (this.#grpcHost === undefined) return
    const status = last?.get('grpc-status')
    this.#grpcHost.onResponse(status === undefined ? 500 : httpStatusOfGrpc(Number(status)))
  }

  /** Less than the whole response has come, and no more will. */
  onResponseLost(): void {
    if (this.#grpcHost === undefined) return
    this.#grpcHost.onFailure()
    this.#settings.stats.rqResetAfterDownstreamResponseStarted.inc()
  }

  /** An answer to the client, the host's or one in its place. */
  charge(status: number): void {
    if (!this.#isCounted) return
    this.#chargeIn(this.#codes, status)
    if (this.#alternative !== undefined) this.#chargeIn(this.#alternative, status)
    if (this.#targets !== undefined) for (const target of this.#targets) target.onResponse(status)
  }

  #chargeIn(codes: ClusterCodeStats, status: number): void {
    const code = this.#grpc && this.#settings.suppressGrpcCodeStats ? uncounted : status
    codes.all.charge(code)
    codes.of(this.#origin).charge(code)
    if (this.#canary) codes.part('canary').charge(code)
    if (this.#zone !== '') codes.part(this.#zone).charge(code)
  }

  /** Milliseconds from the end of the request to that of the response. */
  onRequestComplete(durationMs: number): void {
    if (!this.#isCounted) return
    this.#recordIn(this.#codes, durationMs)
    if (this.#alternative !== undefined) this.#recordIn(this.#alternative, durationMs)
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRequestComplete(durationMs)
  }

  #recordIn(codes: ClusterCodeStats, durationMs: number): void {
    codes.all.recordTime(durationMs)
    codes.of(this.#origin).recordTime(durationMs)
    if (this.#canary) codes.part('canary').recordTime(durationMs)
    if (this.#zone !== '') codes.part(this.#zone).recordTime(durationMs)
  }

  onTimeout(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onTimeout()
  }

  /** An answer that was dropped for another try. */
  chargeRetried(status: number): void {
    this.#codes.part('retry').charge(status)
  }

  onRetry(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRetry()
  }

  onRetrySuccess(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRetrySuccess()
  }

  onRetryOverflow(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRetryOverflow()
  }

  onRetryLimitExceeded(): void {
    if (this.#targets !== undefined) for (const target of this.#targets) target.onRetryLimitExceeded()
  }
}
