// One call as its cluster counts it: waiting for a connection, under way, answered or lost.

import type { Http2CodecStats } from '../http/codec/http2/codec_stats.ts'
import { upstreamHttp2Settings } from '../http/conn_pool/codec_settings.ts'
import { httpStatusOfGrpc } from '../http/grpc_status.ts'
import { codeStats } from '../router/code_stats.ts'
import type { Host } from '../upstream/host.ts'
import type { CallEnd } from './call_end.ts'
import type { GrpcStatus } from './grpc_client.ts'

/** What a call without an answer counts as. */
const lostStatus = 503

export class CallCount {
  readonly host: Host
  readonly #http2: Http2CodecStats
  #state: 'waiting' | 'active' | 'over' = 'waiting'
  /** Of the answer's HTTP; 0 before it. */
  #httpStatus = 0

  constructor(host: Host, isConnected: boolean) {
    this.host = host
    this.#http2 = upstreamHttp2Settings(host.cluster).stats
    if (isConnected) {
      this.#begin()
      return
    }
    const { stats } = host.cluster
    stats.upstreamRqPendingTotal.inc()
    stats.upstreamRqPendingActive.inc()
    host.stats.rqPendingActive.inc()
  }

  onConnected(): void {
    if (this.#state !== 'waiting') return
    this.#leaveQueue()
    this.#begin()
  }

  /** `grpcStatus` where it comes with the first headers. */
  onAnswer(httpStatus: number, grpcStatus?: number): void {
    this.#httpStatus = httpStatus
    this.host.outlierMonitor?.putStatus(grpcStatus === undefined ? httpStatus : httpStatusOfGrpc(grpcStatus))
    this.#charge(httpStatus)
  }

  get isWaiting(): boolean {
    return this.#state === 'waiting'
  }

  get isAnswered(): boolean {
    return this.#httpStatus !== 0
  }

  onEnd({ code }: GrpcStatus, end: CallEnd): void {
    const { stats } = this.host.cluster
    const isLost = end !== 'endedByServer' && end !== 'endedByBoth'
    if (isLost) this.host.outlierMonitor?.putResult('connectFailed')
    else if (this.#httpStatus === 0) this.host.outlierMonitor?.putResult('timeout')
    if (this.#state === 'waiting' || end === 'connection termination') stats.upstreamRqPendingFailureEject.inc()
    // Nothing more is sent to a server that has ended its side.
    if (end === 'endedByServer' && this.#state === 'active') this.#countReset()
    if (end === 'remote reset') {
      stats.upstreamRqRxReset.inc()
      this.#http2.rxReset.inc()
    }
    this.#end()
    if (this.#httpStatus === 0) {
      this.#charge(lostStatus)
      this.host.onFailure()
    } else this.host.onResponse(this.#httpStatus === 200 ? httpStatusOfGrpc(code) : this.#httpStatus)
  }

  /** Given up here. */
  onCancelled(): void {
    if (this.#state === 'waiting') this.host.cluster.stats.upstreamRqCancelled.inc()
    else this.#countReset()
    this.#end()
  }

  #countReset(): void {
    this.host.cluster.stats.upstreamRqTxReset.inc()
    this.#http2.txReset.inc()
  }

  #begin(): void {
    const { cluster, stats } = this.host
    this.#state = 'active'
    this.host.outlierMonitor?.putResult('connectSuccess')
    cluster.stats.upstreamRqTotal.inc()
    cluster.stats.upstreamRqActive.inc()
    stats.rqTotal.inc()
    stats.rqActive.inc()
    this.#http2.streamsActive.inc()
  }

  #end(): void {
    if (this.#state === 'waiting') this.#leaveQueue()
    else {
      this.host.cluster.stats.upstreamRqActive.dec()
      this.host.stats.rqActive.dec()
      this.#http2.streamsActive.dec()
    }
    this.#state = 'over'
  }

  #leaveQueue(): void {
    this.host.cluster.stats.upstreamRqPendingActive.dec()
    this.host.stats.rqPendingActive.dec()
  }

  /** The proxy's own calls are internal ones. */
  #charge(httpStatus: number): void {
    const codes = codeStats(this.host.cluster)
    codes.all.charge(httpStatus)
    codes.of('internal').charge(httpStatus)
  }
}
