// The HTTP connections to one host: those that can take a stream, those that cannot, and the streams that wait for one.

import type { ConnectionPoolLike, Host } from '../../upstream/host.ts'
import type { ResourceManager, RoutingPriority } from '../../upstream/resource_manager.ts'
import type { TransportSocketOptions } from '../../upstream/transport_socket.ts'
import type { ResponseDecoder } from '../codec/codec.ts'
import { ActiveClient } from './active_client.ts'
import type { HttpConnectionPool, PendingStream, PoolCallbacks, PoolFailureReason } from './connection_pool.ts'

/** What its connections speak; `auto`: what each has agreed on with its peer (ALPN). */
export type PoolProtocol = 'http1' | 'http2' | 'auto'

/** More wait for the next stream or connection. */
const mostConnectsAtOnce = 3

/** A stream that waits for a connection. */
class Waiting implements PendingStream {
  readonly #pool: HttpPool
  readonly decoder: ResponseDecoder
  readonly callbacks: PoolCallbacks

  constructor(pool: HttpPool, decoder: ResponseDecoder, callbacks: PoolCallbacks) {
    this.#pool = pool
    this.decoder = decoder
    this.callbacks = callbacks
  }

  cancel(): void {
    this.#pool.cancelWaiting(this)
  }
}

export class HttpPool implements HttpConnectionPool, ConnectionPoolLike {
  readonly host: Host
  readonly protocol: PoolProtocol
  readonly transportOptions: TransportSocketOptions
  readonly resources: ResourceManager
  /** Connections that can take a stream; the one that came last is taken first, so that surplus ones time out. */
  readonly #ready: ActiveClient[] = []
  /** Connections that cannot: all their streams are taken, or they will close. */
  readonly #busy = new Set<ActiveClient>()
  readonly #connecting = new Set<ActiveClient>()
  readonly #waiting: Waiting[] = []
  #activeStreams = 0
  /** Streams that all connections together can take besides, those that are being made included. */
  #unusedCapacity = 0
  #idleCallbacks: (() => void)[] = []
  #draining = false
  #left = false
  /** The pool will not be used for more requests: its last connection is gone, or it drains. */
  readonly #onLeave: () => void

  constructor(
    host: Host,
    priority: RoutingPriority,
    protocol: PoolProtocol,
    transportOptions: TransportSocketOptions,
    onLeave: () => void,
  ) {
    this.#onLeave = onLeave
    this.transportOptions = transportOptions
    this.host = host
    this.protocol = protocol
    this.resources = host.cluster.resourceManager(priority)
  }

  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): PendingStream | undefined {
    const { stats } = this.host.cluster
    if (this.#ready.length > 0) {
      this.#attach(this.#ready[this.#ready.length - 1], decoder, callbacks)
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
    if (this.#connectAhead()) return waiting
    this.cancelWaiting(waiting)
    callbacks.onPoolFailure('overflow', '', undefined)
    return undefined
  }

  #attach(client: ActiveClient, decoder: ResponseDecoder, callbacks: PoolCallbacks): void {
    const { stats } = this.host.cluster
    if (!this.resources.requests.tryAcquire()) {
      stats.upstreamRqActiveOverflow.inc()
      callbacks.onPoolFailure('overflow', '', this.host)
      return
    }
    this.#activeStreams++
    stats.upstreamRqTotal.inc()
    stats.upstreamRqActive.inc()
    this.host.stats.rqTotal.inc()
    this.host.stats.rqActive.inc()
    client.begin(decoder, callbacks)
  }

  // ---- Connecting ------------------------------------------------------------------------------------------------

  /** Connects until there is room for `ratio` times the streams there are, and `coming` more. */
  #isShort(ratio: number, coming: number): boolean {
    return (this.streamCount + coming) * ratio > this.capacity
  }

  /**
   * Room is under way for each stream that waits, or more by preconnect_policy; some connections at a time. False where
   * overload stands against one.
   */
  #connectAhead(): boolean {
    const { cluster } = this.host
    for (let i = 0; i < mostConnectsAtOnce; i++) {
      const isShort = this.host.healthy
        ? this.#isShort(cluster.preconnectRatio, 0)
        : this.#waiting.length > this.#connectingCapacity
      if (!isShort) return true
      if (cluster.newConnection.isTaken()) return false
      if (!this.#connect()) return true
    }
    return true
  }

  get #connectingCapacity(): number {
    let capacity = 0
    for (const client of this.#connecting) capacity += client.unusedCapacity
    return capacity
  }

  /** Streams that wait or are served. */
  get streamCount(): number {
    return this.#waiting.length + this.#activeStreams
  }

  /** Streams that its connections can carry, those that they are carrying included. */
  get capacity(): number {
    return this.#unusedCapacity + this.#activeStreams
  }

  maybePreconnect(ratio: number): boolean {
    return (
      this.host.healthy &&
      !this.#draining &&
      this.#isShort(ratio, 1) &&
      !this.host.cluster.newConnection.isTaken() &&
      this.#connect()
    )
  }

  #connect(): boolean {
    if (!this.#acquireConnection()) return false
    const client = new ActiveClient(this)
    this.#connecting.add(client)
    this.onCapacityChange(client)
    return true
  }

  /** Within the circuit breaker; but a pool may always have one, or its streams would wait for ever. */
  #acquireConnection(): boolean {
    return this.host.acquireConnection(this.resources, this.#connectionCount === 0)
  }

  releaseConnection(): void {
    this.host.releaseConnection(this.resources)
  }

  get #connectionCount(): number {
    return this.#ready.length + this.#busy.size + this.#connecting.size
  }

  /** A connection for a stream that had one, and lost it before anything left; undefined where none may be opened. */
  connectAgain(): ActiveClient | undefined {
    if (this.#draining || !this.#acquireConnection()) return undefined
    const client = new ActiveClient(this)
    this.#connecting.add(client)
    return client
  }

  // ---- Waiting ---------------------------------------------------------------------------------------------------

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

  /** Gives those that wait to the connections with room for them. */
  #serveWaiting(): void {
    while (this.#waiting.length > 0 && this.#ready.length > 0) {
      const waiting = this.#waiting.shift()!
      this.#leaveQueue()
      this.#attach(this.#ready[this.#ready.length - 1], waiting.decoder, waiting.callbacks)
    }
    if (this.#waiting.length > 0) this.#connectAhead()
  }

  // ---- Told by the connections -----------------------------------------------------------------------------------

  /** A connection can take more or fewer streams than before. */
  onCapacityChange(client: ActiveClient): void {
    if (client.place === 'gone') return
    const unused = client.unusedCapacity
    this.#unusedCapacity += unused - client.countedCapacity
    client.countedCapacity = unused
    if (client.place === 'connecting') return
    const place = client.hasRoom ? 'ready' : 'busy'
    if (place === client.place) return
    this.#remove(client)
    this.#add(client, place)
  }

  #add(client: ActiveClient, place: 'ready' | 'busy'): void {
    client.place = place
    if (place === 'ready') this.#ready.push(client)
    else this.#busy.add(client)
  }

  #remove(client: ActiveClient): void {
    const ready = this.#ready
    if (client.place === 'busy') this.#busy.delete(client)
    else if (client.place === 'connecting') this.#connecting.delete(client)
    else if (ready[ready.length - 1] === client) ready.pop()
    else ready.splice(ready.indexOf(client), 1)
  }

  onConnected(client: ActiveClient): void {
    this.#remove(client)
    this.#add(client, client.hasRoom ? 'ready' : 'busy')
    this.onCapacityChange(client)
    this.onRoom(client)
  }

  onConnectFailure(reason: PoolFailureReason, transportFailureReason: string): void {
    // All that wait learn of it: the next attempt is the router's to make, elsewhere if it can.
    for (const waiting of this.#waiting.splice(0)) {
      this.#leaveQueue()
      this.host.cluster.stats.upstreamRqPendingFailureEject.inc()
      waiting.callbacks.onPoolFailure(reason, transportFailureReason, this.host)
    }
    if (!this.#draining) this.#connectAhead()
    this.#checkIdle()
  }

  /** A stream has ended, in whichever way. */
  onStreamClosed(): void {
    this.#activeStreams--
    this.host.cluster.stats.upstreamRqActive.dec()
    this.host.stats.rqActive.dec()
    this.resources.requests.release()
  }

  /** A connection may have room for those that wait. */
  onRoom(client: ActiveClient): void {
    this.onCapacityChange(client)
    if (this.#waiting.length > 0) this.#serveWaiting()
    if (client.activeStreams > 0 || client.place !== 'ready') return
    if (this.#draining) client.close()
    else client.rest()
  }

  /** A connection has closed: it counts no more. Its streams are yet to be told. */
  forget(client: ActiveClient): void {
    if (client.place === 'gone') return
    this.#remove(client)
    client.place = 'gone'
    this.#unusedCapacity -= client.countedCapacity
    client.countedCapacity = 0
  }

  onClosed(): void {
    if (this.#waiting.length > 0) this.#connectAhead()
    this.#checkIdle()
  }

  // ---- The host goes ---------------------------------------------------------------------------------------------

  drainConnections(): void {
    this.#draining = true
    this.#leave()
    for (const client of this.#ready.slice()) client.drain()
    for (const client of this.#busy) client.drain()
    this.#checkIdle()
  }

  closeConnections(): void {
    this.#draining = true
    for (const client of [...this.#ready, ...this.#busy, ...this.#connecting]) client.close()
  }

  onHealthFailure(): void {
    this.drainConnections()
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
    if (this.#connectionCount + this.#waiting.length > 0) return
    this.#leave()
    const callbacks = this.#idleCallbacks
    this.#idleCallbacks = []
    for (const callback of callbacks) callback()
  }
}
