// One connection of the admin interface, for its statistics.

import type { Socket } from 'node:net'
import { monotonicMs } from '../common/clock.ts'
import { type AdminStats, incAll } from './admin_stats.ts'

export class AdminConnection {
  readonly #socket: Socket
  readonly #stats: AdminStats
  readonly #startedAtMs = monotonicMs()
  #closedByPeer = false
  #rxCounted = 0
  #txCounted = 0
  /** Requests that are being answered. */
  activeRequests = 0

  constructor(socket: Socket, stats: AdminStats) {
    this.#socket = socket
    this.#stats = stats
    incAll(stats.cxTotal)
    incAll(stats.cxActive)
    stats.acceptedPerEvent.recordValue(1)
    const onPeerClosed = (): void => {
      this.#closedByPeer = true
    }
    socket.once('end', onPeerClosed)
    socket.once('error', onPeerClosed)
    socket.once('close', () => this.#onClose())
  }

  /** Brings the byte counters up to date. */
  countBytes(): void {
    const { bytesRead, bytesWritten } = this.#socket
    this.#stats.cxRxBytesTotal.add(bytesRead - this.#rxCounted)
    this.#stats.cxTxBytesTotal.add(bytesWritten - this.#txCounted)
    this.#rxCounted = bytesRead
    this.#txCounted = bytesWritten
  }

  #onClose(): void {
    const stats = this.#stats
    this.countBytes()
    for (const gauge of stats.cxActive) gauge.dec()
    incAll(stats.cxDestroy)
    const side = this.#closedByPeer ? stats.cxDestroyRemote : stats.cxDestroyLocal
    side.inc()
    if (this.activeRequests > 0) {
      stats.cxDestroyActiveRq.inc()
      const sideActive = this.#closedByPeer ? stats.cxDestroyRemoteActiveRq : stats.cxDestroyLocalActiveRq
      sideActive.inc()
    }
    const lengthMs = monotonicMs() - this.#startedAtMs
    for (const histogram of stats.cxLengthMs) histogram.recordValue(lengthMs)
  }
}
