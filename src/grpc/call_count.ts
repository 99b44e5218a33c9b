// One call as its cluster counts it: waiting for a connection, under way, answered or lost.

import { httpStatusOfGrpc } from '../http/grpc_status.ts'
import { codeStats } from '../router/code_stats.ts'
import type { Host } from '../upstream/host.ts'
import type { GrpcStatus } from './grpc_client.ts'

/** What a call without an answer counts as. */
const lostStatus = 503

export class CallCount {
  readonly #host: Host
  #state: 'waiting' | 'active' | 'over' = 'waiting'
  /** Of the answer's HTTP; 0 before it. */
  #httpStatus = 0

  constructor(host: Host, isConnected: boolean) {
    this.#host = host
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

  onAnswer(httpStatus: number): void {
    this.#httpStatus = httpStatus
    this.#charge(httpStatus)
  }

  onEnd({ code }: GrpcStatus): void {
    const { stats } = this.#host.cluster
    const state = this.#state
    this.#end()
    if (state === 'waiting') stats.upstreamRqPendingFailureEject.inc()
    if (this.#httpStatus === 0) {
      this.#charge(lostStatus)
      this.#host.onFailure()
    } else this.#host.onResponse(this.#httpStatus === 200 ? httpStatusOfGrpc(code) : this.#httpStatus)
  }

  /** Given up here. */
  onCancelled(): void {
    const { stats } = this.#host.cluster
    if (this.#state === 'waiting') stats.upstreamRqCancelled.inc()
    else stats.upstreamRqTxReset.inc()
    this.#end()
  }

  #begin(): void {
    const { cluster, stats } = this.#host
    this.#state = 'active'
    cluster.stats.upstreamRqTotal.inc()
    cluster.stats.upstreamRqActive.inc()
    stats.rqTotal.inc()
    stats.rqActive.inc()
  }

  #end(): void {
    if (this.#state === 'waiting') this.#leaveQueue()
    else {
      this.#host.cluster.stats.upstreamRqActive.dec()
      this.#host.stats.rqActive.dec()
    }
    this.#state = 'over'
  }

  #leaveQueue(): void {
    this.#host.cluster.stats.upstreamRqPendingActive.dec()
    this.#host.stats.rqPendingActive.dec()
  }

  /** The proxy's own calls are internal ones. */
  #charge(httpStatus: number): void {
    const codes = codeStats(this.#host.cluster)
    codes.all.charge(httpStatus)
    codes.of('internal').charge(httpStatus)
  }
}
