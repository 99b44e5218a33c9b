// TCP connections to one host, each for one user: tcp_proxy's upstream side.

import { monotonicMs } from '../common/clock.ts'
import { Timer } from '../common/timer.ts'
import type { Connection } from '../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent, ConnectionReader } from '../network/connection_types.ts'
import type { ConnectionPoolLike, Host } from './host.ts'
import { countClosed, countConnect, countConnected, countConnectFailure } from './pooled_connection.ts'
import type { ResourceManager } from './resource_manager.ts'
import type { TransportSocketOptions } from './transport_socket.ts'

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

/** Somebody who waits for a connection. */
class Waiting implements PendingTcpConnection {
  readonly #pool: TcpPool
  readonly callbacks: TcpPoolCallbacks

  constructor(pool: TcpPool, callbacks: TcpPoolCallbacks) {
    this.#pool = pool
    this.callbacks = callbacks
  }

  cancel(): void {
    this.#pool.cancelWaiting(this)
  }
}

/** More wait for the next user. */
const mostConnectsAtOnce = 3

export class TcpPool implements ConnectionPoolLike {
  readonly host: Host
  readonly resources: ResourceManager
  readonly options: TransportSocketOptions | undefined
  readonly #onLeave: () => void
  /** Connected, and nobody's yet: made ahead by preconnect_policy. */
  readonly #ready: TcpConnection[] = []
  readonly #busy = new Set<TcpConnection>()
  readonly #connecting = new Set<TcpConnection>()
  readonly #waiting: Waiting[] = []
  #idleCallbacks: (() => void)[] = []

  /** `onLeave`: it has no connection any more, and nobody waits for one. */
  constructor(host: Host, options: TransportSocketOptions | undefined, onLeave: () => void) {
    this.host = host
    this.options = options
    this.#onLeave = onLeave
    this.resources = host.cluster.resourceManager('DEFAULT')
  }

  newConnection(callbacks: TcpPoolCallbacks): PendingTcpConnection | undefined {
    const { stats } = this.host.cluster
    // Who would wait here waits for another to hang up, which may be never.
    if (!this.resources.connections.canCreate()) {
      stats.upstreamCxOverflow.inc()
      callbacks.onPoolFailure('overflow', '', undefined)
      this.#checkIdle()
      return undefined
    }
    const ready = this.#ready.shift()
    if (ready !== undefined) {
      this.#attach(ready, callbacks)
      this.#connectAhead()
      return undefined
    }
    if (!this.resources.pendingRequests.tryAcquire()) {
      stats.upstreamRqPendingOverflow.inc()
      callbacks.onPoolFailure('overflow', '', undefined)
      this.#checkIdle()
      return undefined
    }
    stats.upstreamRqPendingTotal.inc()
    stats.upstreamRqPendingActive.inc()
    this.host.stats.rqPendingActive.inc()
    const waiting = new Waiting(this, callbacks)
    this.#waiting.push(waiting)
    if (this.#connectAhead()) return waiting
    this.cancelWaiting(waiting)
    callbacks.onPoolFailure('localConnectionFailure', '', this.host)
    this.#checkIdle()
    return undefined
  }

  #attach(connection: TcpConnection, callbacks: TcpPoolCallbacks): void {
    const { host } = this
    const { stats } = host.cluster
    this.#busy.add(connection)
    stats.upstreamRqTotal.inc()
    stats.upstreamRqActive.inc()
    host.stats.rqTotal.inc()
    host.stats.rqActive.inc()
    // Counted among the requests, and never refused for their number, as in Envoy.
    this.resources.requests.tryAcquire(true)
    connection.used = true
    callbacks.onPoolReady(connection.connection, host)
  }

  /** One connection is under way for each that waits, or more by preconnect_policy. False where overload stands against one. */
  #connectAhead(): boolean {
    const { host } = this
    for (let i = 0; i < mostConnectsAtOnce; i++) {
      const busy = this.#busy.size
      const capacity = this.#ready.length + this.#connecting.size
      const ratio = host.healthy ? host.cluster.preconnectRatio : 1
      if ((this.#waiting.length + busy) * ratio <= capacity + busy) return true
      if (host.cluster.newConnection.isTaken()) return false
      // A pool may always have one, or those that wait would do so for ever.
      if (!host.acquireConnection(this.resources, capacity + busy === 0)) return true
      this.#connecting.add(new TcpConnection(this))
    }
    return true
  }

  cancelWaiting(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting)
    if (index < 0) return
    this.#waiting.splice(index, 1)
    this.#leaveQueue()
    this.host.cluster.stats.upstreamRqCancelled.inc()
    // A connection that nobody waits for any more.
    const surplus = this.#connecting.size > this.#waiting.length ? this.#connecting.values().next().value : undefined
    surplus?.close()
  }

  #leaveQueue(): void {
    this.host.cluster.stats.upstreamRqPendingActive.dec()
    this.host.stats.rqPendingActive.dec()
    this.resources.pendingRequests.release()
  }

  onConnected(connection: TcpConnection): void {
    this.#connecting.delete(connection)
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#ready.push(connection)
    else {
      this.#leaveQueue()
      this.#attach(connection, waiting.callbacks)
    }
  }

  /** All that wait learn of it: the next attempt is theirs to make, elsewhere if they can. */
  onConnectFailure(connection: TcpConnection, reason: TcpPoolFailureReason, transportFailureReason: string): void {
    this.#connecting.delete(connection)
    for (const waiting of this.#waiting.splice(0)) {
      this.#leaveQueue()
      this.host.cluster.stats.upstreamRqPendingFailureEject.inc()
      waiting.callbacks.onPoolFailure(reason, transportFailureReason, this.host)
    }
    this.#checkIdle()
  }

  onClosed(connection: TcpConnection): void {
    this.#connecting.delete(connection)
    const index = this.#ready.indexOf(connection)
    if (index >= 0) this.#ready.splice(index, 1)
    if (this.#busy.delete(connection)) {
      const { host } = this
      host.cluster.stats.upstreamRqActive.dec()
      host.stats.rqActive.dec()
      this.resources.requests.release()
    }
    if (this.#waiting.length > 0) this.#connectAhead()
    this.#checkIdle()
  }

  /** Connections in use go on: TCP has no end of an exchange to wait for. */
  drainConnections(): void {
    for (const connection of this.#ready.slice()) connection.close()
  }

  closeConnections(): void {
    for (const connection of [...this.#ready, ...this.#busy, ...this.#connecting]) connection.close()
  }

  onHealthFailure(): void {
    if (this.host.cluster.closeConnectionsOnHostHealthFailure) this.closeConnections()
    else this.drainConnections()
  }

  addIdleCallback(callback: () => void): void {
    this.#idleCallbacks.push(callback)
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (this.#ready.length + this.#busy.size + this.#connecting.size + this.#waiting.length > 0) return
    this.#onLeave()
    for (const callback of this.#idleCallbacks.splice(0)) callback()
  }
}

class TcpConnection implements ConnectionCallbacks, ConnectionReader {
  readonly #pool: TcpPool
  readonly connection: Connection
  readonly #startedAtMs = monotonicMs()
  readonly #connectTimer: Timer
  #durationTimer: Timer | undefined = undefined
  #connected = false
  /** It has been given to somebody. */
  used = false
  /** Why this side gave the connecting up. */
  #closedHere: 'connectionTimeout' | 'unwanted' | undefined = undefined

  constructor(pool: TcpPool) {
    const { host } = pool
    const { cluster } = host
    this.#pool = pool
    this.connection = host.connect(pool.options)
    this.connection.reader = this
    this.connection.byteStats = {
      readTotal: cluster.stats.upstreamCxRxBytesTotal,
      writeTotal: cluster.stats.upstreamCxTxBytesTotal,
    }
    this.connection.addConnectionCallbacks(this)
    countConnect(host)
    this.#connectTimer = new Timer(() => {
      this.#closedHere = 'connectionTimeout'
      this.connection.close('noFlush', '')
    })
    this.#connectTimer.enable(cluster.connectTimeoutMs)
  }

  close(): void {
    this.#closedHere ??= 'unwanted'
    this.connection.close('noFlush', '')
  }

  /** Nobody has the connection yet, and only its user may be spoken to. */
  onData(): void {
    this.close()
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') this.#onConnected()
    else this.#onClosed(event)
  }

  #onConnected(): void {
    const { host } = this.#pool
    const { stats, maxConnectionDurationMs } = host.cluster
    this.#connected = true
    this.#connectTimer.disable()
    countConnected(host, this.#startedAtMs)
    if (maxConnectionDurationMs > 0) {
      this.#durationTimer = new Timer(() => {
        stats.upstreamCxMaxDurationReached.inc()
        this.close()
      })
      this.#durationTimer.enable(maxConnectionDurationMs)
    }
    this.#pool.onConnected(this)
  }

  #onClosed(event: ConnectionEvent): void {
    const { host, resources } = this.#pool
    this.#connectTimer.disable()
    this.#durationTimer?.disable()
    countClosed(host, event, this.#startedAtMs, this.used)
    host.releaseConnection(resources)
    if (this.#connected || this.#closedHere === 'unwanted') {
      this.#pool.onClosed(this)
      return
    }
    countConnectFailure(host, this.#closedHere === 'connectionTimeout')
    const refused = event === 'localClose' ? 'localConnectionFailure' : 'remoteConnectionFailure'
    const reason = this.#closedHere ?? refused
    this.#pool.onConnectFailure(this, reason, this.connection.connectFailureReason(host.address))
  }

  onAboveWriteBufferHighWatermark(): void {}

  onBelowWriteBufferLowWatermark(): void {}
}

export function tcpPool(host: Host, options?: TransportSocketOptions): TcpPool {
  const key = options === undefined ? 'tcp' : `tcp ${host.transportSocket.hashKey(options)}`
  let pool = host.pools.get(key) as TcpPool | undefined
  if (pool === undefined) {
    pool = new TcpPool(host, options, () => {
      // Of pools for one server name or one client there may be many in time.
      if (options !== undefined) host.pools.delete(key)
    })
    host.pools.set(key, pool)
  }
  return pool
}
