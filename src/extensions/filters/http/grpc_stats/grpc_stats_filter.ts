// Counts the gRPC or Connect call that passes: messages both ways, how it ended, and the time the upstream took.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { type GrpcCallStats, type GrpcMethod, grpcCallStats, grpcMethodOf } from '../../../../http/grpc_call_stats.ts'
import { GrpcFrameReader } from '../../../../http/grpc_frames.ts'
import { isGrpcRequest, isGrpcResponse } from '../../../../http/grpc_status.ts'
import type { FilterDataStatus, FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { ClusterManager } from '../../../../upstream/cluster_manager.ts'
import { ConnectStreamReader } from './connect_stream_reader.ts'
import { MessageCounts } from './message_counts.ts'
import { WholeBodyReader } from './whole_body_reader.ts'

export interface GrpcStatsSettings {
  readonly clusterManager: ClusterManager
  readonly allMethods: boolean
  /** `service/method` of those that are counted by themselves where not all are. */
  readonly allowlist: ReadonlySet<string>
  readonly upstreamStats: boolean
  readonly emitFilterState: boolean
  readonly replaceDots: boolean
}

/** Counts the messages in a body that comes in pieces. */
interface MessageReader {
  readonly count: number
  countIn(data: Buffer): number
}

type CallKind = 'none' | 'grpc' | 'connectUnary' | 'connectStreaming'

export class GrpcStatsFilter extends PassThroughFilter {
  readonly #settings: GrpcStatsSettings
  #kind: CallKind = 'none'
  /** Undefined for what is no call, or goes to no cluster. */
  #stats: GrpcCallStats | undefined = undefined
  #request: MessageReader | undefined = undefined
  #response: MessageReader | undefined = undefined
  #connectStream: ConnectStreamReader | undefined = undefined
  #counts: MessageCounts | undefined = undefined

  constructor(settings: GrpcStatsSettings) {
    super()
    this.#settings = settings
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    this.#kind = callKind(headers)
    if (this.#kind !== 'none') {
      this.#request = this.#kind === 'connectUnary' ? new WholeBodyReader() : new GrpcFrameReader()
      this.#stats = this.#statsOf(headers.path)
    }
    return super.decodeHeaders(headers, endStream)
  }

  #statsOf(path: string): GrpcCallStats | undefined {
    const { clusterManager, allMethods, allowlist, replaceDots } = this.#settings
    const route = this.decoderCallbacks.route()
    const cluster = route?.kind === 'forward' ? clusterManager.get(route.clusterName) : undefined
    const called = grpcMethodOf(path)
    if (cluster === undefined || called === undefined) return undefined
    let counted: GrpcMethod | undefined
    if (allMethods) {
      counted = replaceDots ? { service: called.service.replaceAll('.', '_'), method: called.method } : called
    } else if (allowlist.has(`${called.service}/${called.method}`)) counted = called
    return grpcCallStats(cluster.info, 'grpc', counted)
  }

  override decodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    const count = this.#request?.countIn(data) ?? 0
    if (count > 0) {
      this.#writeFilterState()
      this.#stats?.chargeRequestMessages(count)
    }
    return super.decodeData(data, endStream)
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    this.#stats?.chargeStatus(headers.get('grpc-status'))
    if (this.#kind === 'connectUnary') {
      this.#response = new WholeBodyReader()
      this.#stats?.chargeEnd(headers.status === 200)
    } else if (this.#kind === 'connectStreaming') {
      this.#connectStream = new ConnectStreamReader()
      this.#response = this.#connectStream
    } else if (isGrpcResponse(headers, endStream)) this.#response = new GrpcFrameReader()
    if (endStream) this.#chargeUpstreamTime()
    return super.encodeHeaders(headers, endStream)
  }

  override encodeData(data: Buffer, endStream: boolean): FilterDataStatus {
    const count = this.#response?.countIn(data) ?? 0
    if (count > 0) {
      this.#writeFilterState()
      this.#stats?.chargeResponseMessages(count)
    }
    if (endStream && this.#connectStream !== undefined) this.#stats?.chargeEnd(this.#connectStream.endedWell)
    if (endStream && this.#kind !== 'grpc') this.#chargeUpstreamTime()
    return super.encodeData(data, endStream)
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (this.#kind === 'grpc') this.#stats?.chargeStatus(trailers.get('grpc-status'))
    this.#chargeUpstreamTime()
    return super.encodeTrailers(trailers)
  }

  #chargeUpstreamTime(): void {
    const upstream = this.decoderCallbacks.streamInfo.upstream
    if (!this.#settings.upstreamStats || upstream === undefined) return
    const durationMs = upstream.lastRxByteReceivedMs - upstream.lastTxByteSentMs
    if (!Number.isNaN(durationMs)) this.#stats?.recordUpstreamTime(Math.floor(durationMs))
  }

  #writeFilterState(): void {
    if (!this.#settings.emitFilterState) return
    if (this.#counts === undefined) {
      this.#counts = new MessageCounts()
      this.decoderCallbacks.streamInfo.filterState.set('envoy.filters.http.grpc_stats', this.#counts)
    }
    this.#counts.requestMessages = this.#request?.count ?? 0
    this.#counts.responseMessages = this.#response?.count ?? 0
  }
}

function callKind(headers: HeaderMap): CallKind {
  if (isGrpcRequest(headers)) return 'grpc'
  if (headers.get('content-type')?.startsWith('application/connect+') === true) return 'connectStreaming'
  return headers.has('connect-protocol-version') ? 'connectUnary' : 'none'
}
