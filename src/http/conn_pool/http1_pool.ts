// The HTTP/1 connections to one host: idle ones ready for a request, requests waiting for a connection.

import type { Host } from '../../upstream/host.ts'
import type { ResourceManager } from '../../upstream/resource_manager.ts'
import type { TransportSocketOptions } from '../../upstream/transport_socket.ts'
import type { ResponseDecoder } from '../codec/codec.ts'
import type { Http1Settings } from '../codec/http1/settings.ts'
import type { HttpConnectionPool, PendingStream, PoolCallbacks, PoolFailureReason } from './connection_pool.ts'
import { Http1PoolClient } from './http1_pool_client.ts'

/** More wait for the next request or connection. */
const mostConnectsAtOnce = 3

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
  readonly transportOptions: TransportSocketOptions
  readonly resources: ResourceManager
  /** Idle connections; the one used last is taken first, so that surplus ones time out. */
  readonly #ready: Http1PoolClient[] = []
  readonly #busy = new Set<Http1PoolClient>()
  readonly #connecting = new Set<Http1PoolClient>()
  readonly #waiting: Waiting[] = []
  #idleCallbacks: (() => void)[] = []
  #draining = false
  #left = false
  /** The pool will not be used for more requests: its last connection is gone, or it drains. */
  readonly #onLeave: () => void

  constructor(
    host: Host,
    priority: 'DEFAULT' | 'HIGH',
    settings: Http1Settings,
    transportOptions: TransportSocketOptions,
    onLeave: () => void,
  ) {
    this.#onLeave = onLeave
    this.transportOptions = transportOptions
    this.host = host
    this.settings = settings
    this.resources = host.cluster.resourceManager(priority)
  }

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): PendingStream | undefined {
    const { stats } = this.host.cluster
    const client = this.#ready.pop()
    if (client !== undefined) {
      this.#attach(client, decoder, callbacks)
      this.#connectAhead()
      return undefined
    }
    if (!this.resources.pendingRequests.tryAcquire()) {
      stats.upstreamRqPendingOverflow.inc()
      callbacks.onPoolFailure('overflow', '', undefined)
      return undefined
    }
    stats.upstreamRqPendingTotal.inc()
    stats.upstreamRqPendingActive.inc()
    this.host.stats.rqPendingActive.inc()
    const waiting = new Waiting(this, decoder, callbacks)
    this.#waiting.push(waiting)
    this.#connectAhead()
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

  /** Connects until there are as many connections as `ratio` of the streams (and of one more to come) asks for. */
  #isShort(ratio: number, coming: number): boolean {
    return (this.streamCount + coming) * ratio > this.capacity
  }

  /** One connection is under way for each request that waits, or more by preconnect_policy; some at a time. */
  #connectAhead(): void {
    const { cluster } = this.host
    for (let i = 0; i < mostConnectsAtOnce; i++) {
      const isShort = this.host.healthy
        ? this.#isShort(cluster.preconnectRatio, 0)
        : this.#waiting.length > this.#connecting.size
      if (!isShort || !this.#connect()) return
    }
  }

  /** Requests that wait or are served. */
  get streamCount(): number {
    return this.#waiting.length + this.#busy.size
  }

  /** Requests that its connections can carry, those that they are carrying included. */
  get capacity(): number {
    return this.#ready.length + this.#connecting.size + this.#busy.size
  }

  maybePreconnect(ratio: number): boolean {
    return this.host.healthy && !this.#draining && this.#isShort(ratio, 1) && this.#connect()
  }

  /** Within the circuit breaker; but a pool may always have one, or its requests would wait for ever. */
  #connect(): boolean {
    if (!this.#acquireConnection()) return false
    this.#connecting.add(new Http1PoolClient(this))
    return true
  }

  #acquireConnection(): boolean {
    return this.host.acquireConnection(this.resources, this.capacity === 0)
  }

  releaseConnection(): void {
    this.host.releaseConnection(this.resources)
  }

  /**
   * A connection that had rested was gone when it was to carry an exchange, and nothing of that has left: another
   * connection carries it. False where none may be opened.
   */
  moveExchange(from: Http1PoolClient): boolean {
    this.#busy.delete(from)
    if (this.#draining || !this.#acquireConnection()) return false
    const client = new Http1PoolClient(this)
    this.#busy.add(client)
    client.takeOver(from)
    return true
  }

  cancelWaiting(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting)
    if (index < 0) return
    this.#waiting.splice(index, 1)
    this.#leaveQueue()
    // The connection that is being made for it will serve another.
    this.host.cluster.stats.upstreamRqCancelled.inc()
  }

  #leaveQueue(): void {
    this.host.cluster.stats.upstreamRqPendingActive.dec()
    this.host.stats.rqPendingActive.dec()
    this.resources.pendingRequests.release()
  }

  // ---- Told by the clients ---------------------------------------------------------------------------------------

  onConnected(client: Http1PoolClient): void {
    this.#connecting.delete(client)
    this.#offer(client)
  }

  onConnectFailure(client: Http1PoolClient, reason: PoolFailureReason, transportFailureReason: string): void {
    this.#connecting.delete(client)
    this.#busy.delete(client)
    // All that wait learn of it: the next attempt is the router's to make, elsewhere if it can.
    const failed = this.#waiting.splice(0)
    for (const waiting of failed) {
      this.#leaveQueue()
      this.host.cluster.stats.upstreamRqPendingFailureEject.inc()
      waiting.callbacks.onPoolFailure(reason, transportFailureReason, this.host)
    }
    if (!this.#draining) this.#connectAhead()
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
    if (this.#waiting.length > 0) this.#connectAhead()
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
    this.#leave()
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

  /** Later requests to the host make a new pool. */
  #leave(): void {
    if (this.#left) return
    this.#left = true
    this.#onLeave()
  }

  #checkIdle(): void {
    if (this.#ready.length + this.#busy.size + this.#connecting.size + this.#waiting.length > 0) return
    this.#leave()
    const callbacks = this.#idleCallbacks
    this.#idleCallbacks = []
    for (const callback of callbacks) callback()
  }
}
