// The attempts of one request: mostly one after another, with hedging several at a time.

import type { DownstreamWatermarkCallbacks } from '../http/http_filter.ts'
import type { ClusterStats } from '../upstream/cluster_stats.ts'
import type { UpstreamRequest } from './upstream_request.ts'

export class Attempts implements DownstreamWatermarkCallbacks {
  readonly #stats: ClusterStats
  /** Oldest first. One that has answered the client stays, when it is over too. */
  #list: UpstreamRequest[] = []

  constructor(stats: ClusterStats) {
    this.#stats = stats
  }

  /** What still comes of the request is for this one: others are made only when it has come whole. */
  get latest(): UpstreamRequest | undefined {
    return this.#list.at(-1)
  }

  get underWay(): readonly UpstreamRequest[] {
    return this.#list.filter((attempt) => !attempt.done)
  }

  /** One of them may still answer. */
  get awaitHeaders(): boolean {
    return this.#list.some((attempt) => attempt.awaitsHeaders)
  }

  add(attempt: UpstreamRequest): void {
    this.#list.push(attempt)
  }

  /** Gives the attempt up, if it is not over, and forgets it. */
  drop(attempt: UpstreamRequest): void {
    attempt.cancel()
    this.#list = this.#list.filter((other) => other !== attempt)
  }

  /** This one answers: all others are given up. */
  dropOthers(attempt: UpstreamRequest): void {
    if (this.#list.length === 1) return
    for (const other of this.#list) if (other !== attempt) other.cancel()
    this.#list = [attempt]
  }

  cancel(): void {
    for (const attempt of this.#list) attempt.cancel()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#stats.upstreamFlowControlPausedReadingTotal.inc()
    for (const attempt of this.#list) attempt.downstreamReadDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#stats.upstreamFlowControlResumedReadingTotal.inc()
    for (const attempt of this.#list) attempt.downstreamReadDisable(false)
  }
}
