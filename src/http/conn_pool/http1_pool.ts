// The HTTP/1 connections to one host: idle ones ready for a request, requests waiting for a connection.

import type { Host } from '../../upstream/host.ts'
import type { ResourceManager } from '../../upstream/resource_manager.ts'
import type { ResponseDecoder } from '../codec/codec.ts'
import type { Http1Settings } from '../codec/http1/settings.ts'
import type { HttpConnectionPool, PendingStream, PoolCallbacks, PoolFailureReason } from './connection_pool.ts'
import { Http1PoolClient } from './http1_pool_client.ts'

/** A request that waits for a connection. */
class Waiting implements PendingStream {
  readonly #pool: Http1Pool
  readonly decoder: ResponseDecoder
  readonly callbacks: PoolCallbacks

  constructor(pool: Http1Pool, decoder: ResponseDecoder, callbacks: PoolCallbacks) {
    this.#pool = pool
    this.decoder = decoder
    this.callbacks = callbacks
  }

  cancel(): void {
    this.#pool.cancelWaiting(this)
  }
}

export class Http1Pool implements HttpConnectionPool {
  readonly host: Host
  readonly settings: Http1Settings
  readonly resources: ResourceManager
  /** Idle connections; the one used last is taken first, so that surplus ones time out. */
  readonly #ready: Http1PoolClient[] = []
  readonly #busy = new Set<Http1PoolClient>()
  readonly #connecting = new Set<Http1PoolClient>()
  readonly #waiting: Waiting[] = []
  #idleCallbacks: (() => void)[] = []
  #draining = false

  constructor(host: Host, priority: 'DEFAULT' | 'HIGH', settings: Http1Settings) {
    this.host = host
    this.settings = settings
    this.resources = host.cluster.resourceManager(priority)
  }

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): PendingStream | undefined {
    const { stats } = this.host.cluster
    const client = this.#ready.pop()
    if (client !== undefined) {
      this.#attach(client, decoder, callbacks)
      this.#preconnect()
      return undefined
    }
    if (!this.resources.pendingRequests.tryAcquire()) {
      stats.upstreamRqPendingOverflow.inc()
      callbacks.onPoolFailure('overflow', '', this.host)
      return undefined
    }
    stats.upstreamRqPendingTotal.inc()
    stats.upstreamRqPendingActive.inc()
    const waiting = new Waiting(this, decoder, callbacks)
    this.#waiting.push(waiting)
    this.#connectAsNeeded()
    return waiting
  }

  #attach(client: Http1PoolClient, decoder: ResponseDecoder, callbacks: PoolCallbacks): void {
    const { stats } = this.host.cluster
    if (!this.resources.requests.tryAcquire()) {
      stats.upstreamRqActiveOverflow.inc()
      this.#ready.push(client)
      callbacks.onPoolFailure('overflow', '', this.host)
      return
    }
    this.#busy.add(client)
    stats.upstreamRqTotal.inc()
    stats.upstreamRqActive.inc()
    this.host.stats.rqTotal.inc()
    this.host.stats.rqActive.inc()
    client.begin(decoder, callbacks)
  }

  /** One connection is under way for each request that waits, within the circuit breaker; a pool may always have one. */
  #connectAsNeeded(): void {
    while (this.#connecting.size < this.#waiting.length * this.host.cluster.preconnectRatio) {
      const none = this.#ready.length + this.#busy.size + this.#connecting.size === 0
      if (!this.resources.connections.tryAcquire(none)) {
        this.host.cluster.stats.upstreamCxOverflow.inc()
        return
      }
      this.#connecting.add(new Http1PoolClient(this))
    }
  }

  /** preconnect_policy: keeps spare connections ahead of demand. */
  #preconnect(): void {
    const ratio = this.host.cluster.preconnectRatio
    if (ratio <= 1) return
    const wanted = Math.ceil((this.#busy.size + this.#waiting.length) * ratio)
    while (this.#busy.size + this.#ready.length + this.#connecting.size < wanted) {
      if (!this.resources.connections.tryAcquire()) return
      this.#connecting.add(new Http1PoolClient(this))
    }
  }

  cancelWaiting(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting)
    if (index < 0) return
    this.#waiting.splice(index, 1)
    this.#leaveQueue()
    this.host.cluster.stats.upstreamRqCancelled.inc()
    // The connection that was being made for it is no longer wanted.
    if (this.#connecting.size > this.#waiting.length * this.host.cluster.preconnectRatio) {
      const [surplus] = this.#connecting
      surplus?.abandon()
    }
  }

  #leaveQueue(): void {
    this.host.cluster.stats.upstreamRqPendingActive.dec()
    this.resources.pendingRequests.release()
  }

  // ---- Told by the clients ---------------------------------------------------------------------------------------

  onConnected(client: Http1PoolClient): void {
    this.#connecting.delete(client)
    this.#offer(client)
  }

  onConnectFailure(client: Http1PoolClient, reason: PoolFailureReason, transportFailureReason: string): void {
    this.#connecting.delete(client)
    // All that wait learn of it: the next attempt is the router's to make, elsewhere if it can.
    const failed = this.#waiting.splice(0)
    for (const waiting of failed) {
      this.#leaveQueue()
      this.host.cluster.stats.upstreamRqPendingFailureEject.inc()
      waiting.callbacks.onPoolFailure(reason, transportFailureReason, this.host)
    }
    this.#checkIdle()
  }

  /** The connection's exchange is over and it may carry another. */
  onFree(client: Http1PoolClient): void {
    this.#busy.delete(client)
    this.#offer(client)
  }

  onClosed(client: Http1PoolClient): void {
    this.#busy.delete(client)
    this.#connecting.delete(client)
    const index = this.#ready.indexOf(client)
    if (index >= 0) this.#ready.splice(index, 1)
    if (this.#waiting.length > 0) this.#connectAsNeeded()
    this.#checkIdle()
  }

  #offer(client: Http1PoolClient): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      this.#leaveQueue()
      this.#attach(client, waiting.decoder, waiting.callbacks)
    } else if (this.#draining) client.close()
    else {
      this.#ready.push(client)
      client.rest()
    }
  }

  // ---- The host goes ---------------------------------------------------------------------------------------------

  drainConnections(): void {
    this.#draining = true
    for (const client of this.#ready.slice()) client.close()
    for (const client of this.#busy) client.closeAfterExchange()
    this.#checkIdle()
  }

  closeConnections(): void {
    this.#draining = true
    for (const client of [...this.#ready, ...this.#busy, ...this.#connecting]) client.close()
  }

  addIdleCallback(callback: () => void): void {
    this.#idleCallbacks.push(callback)
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (!this.#draining || this.#idleCallbacks.length === 0) return
    if (this.#ready.length + this.#busy.size + this.#connecting.size + this.#waiting.length > 0) return
    const callbacks = this.#idleCallbacks
    this.#idleCallbacks = []
    for (const callback of callbacks) callback()
  }
}
