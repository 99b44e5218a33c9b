// TCP connections to one host, each for one user: tcp_proxy's upstream side.

import { monotonicMs } from '../common/clock.ts'
import { Timer } from '../common/timer.ts'
import type { Connection, ConnectionCallbacks, ConnectionEvent } from '../network/connection.ts'
import type { ConnectionPoolLike, Host } from './host.ts'
import { countClosed, countConnect, countConnected, countConnectFailure } from './pooled_connection.ts'

export type TcpPoolFailureReason =
  | 'overflow'
  | 'localConnectionFailure'
  | 'remoteConnectionFailure'
  | 'connectionTimeout'

/** Exactly one of the two is called, possibly before newConnection returns. */
export interface TcpPoolCallbacks {
  /** The connection is the caller's: it reads, writes and closes it. */
  onPoolReady(connection: Connection, host: Host): void
  onPoolFailure(reason: TcpPoolFailureReason, transportFailureReason: string, host: Host | undefined): void
}

export interface PendingTcpConnection {
  cancel(): void
}

export class TcpPool implements ConnectionPoolLike {
  readonly host: Host
  readonly connections = new Set<TcpConnection>()
  #idleCallbacks: (() => void)[] = []

  constructor(host: Host) {
    this.host = host
  }

  newConnection(callbacks: TcpPoolCallbacks): PendingTcpConnection | undefined {
    const { stats } = this.host.cluster
    const { connections, pendingRequests } = this.host.cluster.resourceManager('DEFAULT')
    if (!pendingRequests.canCreate()) {
      stats.upstreamRqPendingOverflow.inc()
      callbacks.onPoolFailure('overflow', '', this.host)
      return undefined
    }
    if (!connections.tryAcquire()) {
      stats.upstreamCxOverflow.inc()
      callbacks.onPoolFailure('overflow', '', this.host)
      return undefined
    }
    const connection = new TcpConnection(this, connections, callbacks)
    this.connections.add(connection)
    return connection
  }

  onClosed(connection: TcpConnection): void {
    this.connections.delete(connection)
    if (this.connections.size > 0) return
    for (const callback of this.#idleCallbacks.splice(0)) callback()
  }

  /** Connections in use go on: TCP has no end of an exchange to wait for. */
  drainConnections(): void {}

  closeConnections(): void {
    for (const connection of [...this.connections]) connection.close()
  }

  addIdleCallback(callback: () => void): void {
    if (this.connections.size === 0) callback()
    else this.#idleCallbacks.push(callback)
  }
}

class TcpConnection implements PendingTcpConnection, ConnectionCallbacks {
  readonly #pool: TcpPool
  readonly #slot: { release(): void }
  readonly #callbacks: TcpPoolCallbacks
  readonly #connection: Connection
  readonly #startedAtMs = monotonicMs()
  readonly #connectTimer: Timer
  #durationTimer: Timer | undefined = undefined
  #connected = false
  #cancelled = false
  #timedOut = false

  constructor(pool: TcpPool, slot: { release(): void }, callbacks: TcpPoolCallbacks) {
    const { host } = pool
    const { cluster } = host
    this.#pool = pool
    this.#slot = slot
    this.#callbacks = callbacks
    this.#connection = host.connect()
    this.#connection.byteStats = {
      readTotal: cluster.stats.upstreamCxRxBytesTotal,
      writeTotal: cluster.stats.upstreamCxTxBytesTotal,
    }
    this.#connection.addConnectionCallbacks(this)
    countConnect(host)
    cluster.stats.upstreamRqPendingTotal.inc()
    cluster.stats.upstreamRqPendingActive.inc()
    cluster.resourceManager('DEFAULT').pendingRequests.tryAcquire(true)
    this.#connectTimer = new Timer(() => {
      this.#timedOut = true
      this.close()
    })
    this.#connectTimer.enable(cluster.connectTimeoutMs)
  }

  cancel(): void {
    this.#cancelled = true
    this.#pool.host.cluster.stats.upstreamRqCancelled.inc()
    this.close()
  }

  close(): void {
    this.#connection.close('noFlush', '')
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') this.#onConnected()
    else this.#onClosed(event)
  }

  #onConnected(): void {
    const { host } = this.#pool
    const { stats, maxConnectionDurationMs } = host.cluster
    this.#connected = true
    this.#leaveQueue()
    countConnected(host, this.#startedAtMs)
    stats.upstreamRqTotal.inc()
    stats.upstreamRqActive.inc()
    // Counted among the requests, and never refused for their number, as in Envoy.
    host.cluster.resourceManager('DEFAULT').requests.tryAcquire(true)
    host.stats.rqTotal.inc()
    host.stats.rqActive.inc()
    if (maxConnectionDurationMs > 0) {
      this.#durationTimer = new Timer(() => {
        stats.upstreamCxMaxDurationReached.inc()
        this.close()
      })
      this.#durationTimer.enable(maxConnectionDurationMs)
    }
    this.#callbacks.onPoolReady(this.#connection, host)
  }

  #leaveQueue(): void {
    const { cluster } = this.#pool.host
    this.#connectTimer.disable()
    cluster.stats.upstreamRqPendingActive.dec()
    cluster.resourceManager('DEFAULT').pendingRequests.release()
  }

  #onClosed(event: ConnectionEvent): void {
    const { host } = this.#pool
    this.#durationTimer?.disable()
    countClosed(host, event, this.#startedAtMs, this.#connected)
    this.#slot.release()
    this.#pool.onClosed(this)
    if (this.#connected) {
      host.cluster.stats.upstreamRqActive.dec()
      host.cluster.resourceManager('DEFAULT').requests.release()
      host.stats.rqActive.dec()
      return
    }
    this.#leaveQueue()
    if (this.#cancelled) return
    countConnectFailure(host, this.#timedOut)
    host.cluster.stats.upstreamRqPendingFailureEject.inc()
    const reason = this.#timedOut ? 'connectionTimeout' : 'remoteConnectionFailure'
    this.#callbacks.onPoolFailure(reason, this.#connection.connectFailureReason, host)
  }

  onAboveWriteBufferHighWatermark(): void {}

  onBelowWriteBufferLowWatermark(): void {}
}

export function tcpPool(host: Host): TcpPool {
  let pool = host.pools.get('tcp') as TcpPool | undefined
  if (pool === undefined) {
    pool = new TcpPool(host)
    host.pools.set('tcp', pool)
  }
  return pool
}
