// Lets an upstream connection write out what it still holds after its downstream connection has gone.

import { Timer } from '../../../../common/timer.ts'
import type { Connection } from '../../../../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent } from '../../../../network/connection_types.ts'
import type { TcpProxyStats } from './stats.ts'

/** The connection is closing already; it ends when all is written, the peer breaks it, or nothing moves for too long. */
export class UpstreamDrain implements ConnectionCallbacks {
  readonly #connection: Connection
  readonly #stats: TcpProxyStats
  readonly #idleTimer: Timer
  readonly #idleTimeoutMs: number
  #bufferedBytes: number

  /** `idleTimeoutMs` 0: wait for ever, as Envoy does without an idle timeout. */
  constructor(connection: Connection, stats: TcpProxyStats, idleTimeoutMs: number) {
    this.#connection = connection
    this.#stats = stats
    this.#idleTimeoutMs = idleTimeoutMs
    this.#bufferedBytes = connection.bufferedBytes
    this.#idleTimer = new Timer(() => this.#onIdle())
    stats.upstreamFlushTotal.inc()
    stats.upstreamFlushActive.inc()
    connection.addConnectionCallbacks(this)
    if (idleTimeoutMs > 0) this.#idleTimer.enable(idleTimeoutMs)
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') return
    this.#idleTimer.disable()
    this.#stats.upstreamFlushActive.dec()
  }

  onAboveWriteBufferHighWatermark(): void {}

  onBelowWriteBufferLowWatermark(): void {}

  #onIdle(): void {
    const { bufferedBytes } = this.#connection
    if (bufferedBytes < this.#bufferedBytes) {
      this.#bufferedBytes = bufferedBytes
      this.#idleTimer.enable(this.#idleTimeoutMs)
      return
    }
    this.#stats.idleTimeout.inc()
    this.#connection.close('noFlush', 'tcp_session_idle_timeout')
  }
}
