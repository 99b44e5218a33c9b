// A worker's side of a listener: accepts on the sockets it is given and makes connections of what it accepts.

import { once } from 'node:events'
import { Server, type Socket } from 'node:net'
import { monotonicMs, wallMs } from '../common/clock.ts'
import { getLogger } from '../common/log.ts'
import { closeFd, duplicateFd } from '../os/socket.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import { type AddressInfo, StreamInfo } from '../stream_info/stream_info.ts'
import { ActiveConnection, writeAccessLogs } from './active_connection.ts'
import { isMapped, isOfThisMachine, isWildcard, localAddressOf, remoteAddressOf } from './address.ts'
import { type BuiltListener, droppedChains, type FilterChain } from './built_listener.ts'
import { Connection } from './connection.ts'
import { takeConnectionId } from './connection_id.ts'
import { ConnectionSocket } from './connection_socket.ts'
import { DescriptorReserve } from './descriptor_reserve.ts'
import { DrainingChains, type DrainSettings } from './draining_chains.ts'
import { ListenerFilterManager, type ListenerFilterOutcome } from './listener_filter_manager.ts'

const log = getLogger('conn_handler')
const descriptors = new DescriptorReserve()

/** A socket that is accepted on, and for whom: a new version of a listener takes over the sockets of the one before. */
interface AcceptingSocket {
  readonly server: Server
  readonly fd: number
  readonly address: AddressInfo
  listener: Listener
}

/** The listener of an address that a connection was really going to: that one itself, or the wildcard of its port. */
export type FindListener = (address: AddressInfo) => Listener | undefined

/** One whose connections wait in the kernel meanwhile. */
type PausedSocket = Pick<AcceptingSocket, 'fd' | 'address'>

export class Listener {
  built: BuiltListener
  readonly connections = new Set<ActiveConnection>()
  readonly #pending = new Set<ListenerFilterManager>()
  readonly #draining = new DrainingChains(this)
  readonly #sockets: AcceptingSocket[] = []
  readonly #paused: PausedSocket[] = []
  /** It accepts no more, and ends with its last connection. */
  #isLeaving = false
  /** Another process accepts on its sockets. */
  #isPaused = false
  #acceptedInEvent = 0
  readonly #recordAccepted = () => {
    this.built.stats.connectionsAcceptedPerSocketEvent.recordValue(this.#acceptedInEvent)
    this.#acceptedInEvent = 0
  }

  readonly #findListener: FindListener

  constructor(built: BuiltListener, findListener: FindListener) {
    this.built = built
    this.#findListener = findListener
  }

  /**
   * Accepts on a socket that is bound and listening already, and takes over its descriptor. `address` is what it is bound
   * to, with the real port. Rejects with the system's error.
   */
  async listen(fd: number, address: AddressInfo): Promise<void> {
    // Nothing is read before there is a filter that wants it: until then the kernel keeps it.
    const server = new Server({ allowHalfOpen: true, pauseOnConnect: true, noDelay: address.family !== 'pipe' })
    // A fixed address needs no question to the kernel for each connection.
    const varies = isWildcard(address) || isMapped(address) || this.built.transparent
    const localAddress = varies ? undefined : address
    const accepting: AcceptingSocket = { server, fd, address, listener: this }
    server.on('connection', (socket) => accepting.listener.#onAccept(socket, localAddress, address))
    server.listen({ fd, exclusive: true })
    // At once: whoever drains or replaces the listener meanwhile finds it.
    this.#sockets.push(accepting)
    await once(server, 'listening')
    server.on('error', (error) => log.error(`listener ${accepting.listener.built.name}: ${error.message}`))
    accepting.listener.followOverload()
  }

  /** Leaves new connections to whoever else has the sockets, until it is false again. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.followOverload()
  }

  /** Stops accepting as long as overload asks for it, and goes on when it is over. */
  followOverload(): void {
    if (this.#isPaused || this.built.stopsAccepting.isSaturated) {
      for (const { server, fd, address } of this.#sockets.splice(0)) {
        this.#paused.push({ fd: duplicateFd(fd), address })
        server.close()
      }
    } else {
      for (const { fd, address } of this.#paused.splice(0)) {
        this.listen(fd, address).catch((error: Error) => log.error(`listener ${this.built.name}: ${error.message}`))
      }
    }
  }

  /** Accepts on the sockets of an earlier version from now on. Connections of that one stay with it. */
  takeSockets(earlier: Listener): void {
    for (const accepting of earlier.#sockets.splice(0)) {
      accepting.listener = this
      this.#sockets.push(accepting)
    }
    this.#paused.push(...earlier.#paused.splice(0))
    this.#isPaused = earlier.#isPaused
  }

  /** Goes on with other filter chains for new connections: those of chains that are gone are asked to leave. */
  update(built: BuiltListener, settings: DrainSettings): void {
    const dropped = droppedChains(this.built, built)
    // The new version has the same stats.
    this.built.lifetime.end()
    this.built.statsOwner.end()
    this.built = built
    this.#draining.start(dropped, settings)
  }

  /** Takes no new connections and asks all to leave. */
  drain(settings: DrainSettings): void {
    this.#closeSockets()
    this.built.lifetime.end()
    this.#isLeaving = true
    this.#draining.start(this.built.chains.values(), settings)
    this.#endStatsIfIdle()
  }

  get isIdle(): boolean {
    return this.connections.size === 0 && this.#pending.size === 0
  }

  #endStatsIfIdle(): void {
    if (this.#isLeaving && this.isIdle) this.built.statsOwner.end()
  }

  isInUse(chain: FilterChain): boolean {
    for (const active of this.connections) if (active.chain === chain) return true
    return false
  }

  closeConnectionsOf(chain: FilterChain): void {
    for (const active of [...this.connections]) {
      if (active.chain === chain) active.connection.close('noFlush', 'filter_chain_is_being_removed')
    }
  }

  /** Stops accepting; connections go on. */
  stopListening(): void {
    this.#closeSockets()
    for (const pending of this.#pending) {
      this.#pending.delete(pending)
      pending.abort()
      this.#releasePending()
    }
  }

  #closeSockets(): void {
    for (const { server } of this.#sockets.splice(0)) server.close()
    for (const { fd } of this.#paused.splice(0)) closeFd(fd)
  }

  closeConnections(reason: string): void {
    for (const active of [...this.connections]) active.connection.close('noFlush', reason)
  }

  #onAccept(socket: Socket, fixedAddress: AddressInfo | undefined, boundAddress: AddressInfo): void {
    if (this.#acceptedInEvent++ === 0) setImmediate(this.#recordAccepted)
    if (descriptors.isShort(socket)) {
      this.#refuseForDescriptors(socket)
      return
    }
    if (!this.#admit(socket)) return
    const localAddress = fixedAddress ?? localAddressOf(socket)
    // A pipe's peer has no name of its own: it goes by the listener's.
    const remoteAddress = fixedAddress?.family === 'pipe' ? fixedAddress : remoteAddressOf(socket)
    if (localAddress === undefined || remoteAddress === undefined) {
      // The peer has reset the connection before it was accepted.
      socket.destroy()
      this.#releaseLimits()
      return
    }
    const acceptedAtMs = monotonicMs()
    const id = takeConnectionId()
    const facts = new ConnectionSocket(socket, id, remoteAddress, localAddress, this.built.name, acceptedAtMs)
    const { transparent, handsOffRestored } = this.built
    if (localAddress.port !== boundAddress.port || (transparent && !isOfThisMachine(localAddress)))
      facts.ownAddress = undefined
    this.#takeOn(facts, acceptedAtMs, handsOffRestored)
  }

  #takeOn(facts: ConnectionSocket, startMs: number, handsOff: boolean): void {
    const streamInfo = new StreamInfo(facts, startMs, wallMs())
    if (this.built.listenerFilters.length === 0) {
      // In use, though nothing waits here.
      this.built.stats.preCxActive.add(0)
      this.#matchFilterChain(facts, streamInfo)
    } else this.#runListenerFilters(facts, streamInfo, handsOff)
  }

  /** Counts a connection that another listener has accepted, within no limit of its own, and goes on as if it had come here. */
  #takeOver(facts: ConnectionSocket, from: BuiltListener): void {
    from.connectionLimit.release()
    this.built.connectionLimit.acquire()
    facts.listenerName = this.built.name
    this.#takeOn(facts, monotonicMs(), false)
  }

  #admit(socket: Socket): boolean {
    const { built } = this
    if (built.ignoreGlobalConnectionLimit) built.globalConnectionLimit.acquire()
    else if (!built.globalConnectionLimit.tryAcquire()) {
      built.stats.globalCxOverflow.inc()
      socket.destroy()
      return false
    }
    if (built.rejectsConnection()) {
      built.globalConnectionLimit.release()
      built.stats.cxOverloadReject.inc()
      socket.destroy()
      return false
    }
    if (built.connectionLimit.tryAcquire()) return true
    if (log.enabled('trace')) log.trace(`closing connection: listener connection limit reached for ${built.name}`)
    built.globalConnectionLimit.release()
    built.stats.cxOverflow.inc()
    socket.destroy()
    return false
  }

  #refuseForDescriptors(socket: Socket): void {
    this.built.stats.cxOverloadReject.inc()
    socket.destroy()
    if (!descriptors.mayWarn()) return
    const { limit, firstReserved } = descriptors
    log.warn(
      `listener ${this.built.name}: new connections are closed, since ${firstReserved} of the ${limit} file descriptors ` +
        'that this process may open (ulimit -n) are in use',
    )
  }

  #releaseLimits(): void {
    this.built.globalConnectionLimit.release()
    this.built.connectionLimit.release()
  }

  #runListenerFilters(facts: ConnectionSocket, streamInfo: StreamInfo, handsOff: boolean): void {
    const { built } = this
    if (built.listenerFilters.some((filter) => filter.isMissing?.() === true)) {
      built.stats.extensionConfigMissing.inc()
      this.#drop(facts, streamInfo)
      return
    }
    built.stats.preCxActive.inc()
    const manager = new ListenerFilterManager(
      facts,
      streamInfo,
      built.listenerFilters,
      built.listenerFiltersTimeoutMs,
      (outcome) => {
        if (!this.#pending.delete(manager)) return
        built.stats.preCxActive.dec()
        this.#onListenerFiltersDone(facts, streamInfo, outcome, handsOff)
      },
    )
    this.#pending.add(manager)
    manager.start()
  }

  #releasePending(): void {
    this.built.stats.preCxActive.dec()
    this.#releaseLimits()
  }

  #onListenerFiltersDone(
    facts: ConnectionSocket,
    streamInfo: StreamInfo,
    outcome: ListenerFilterOutcome,
    handsOff: boolean,
  ): void {
    const { built } = this
    if (outcome === 'timeout') built.stats.preCxTimeout.inc()
    else if (outcome === 'remoteClose') built.stats.listenerFilterRemoteClose.inc()
    else if (outcome === 'error') built.stats.listenerFilterError.inc()
    if (outcome === 'done' || (outcome === 'timeout' && built.continueOnListenerFiltersTimeout)) {
      const other = handsOff && facts.localAddressRestored ? this.#findListener(facts.localAddress) : undefined
      if (other === undefined) this.#matchFilterChain(facts, streamInfo)
      else {
        other.#takeOver(facts, built)
        this.#endStatsIfIdle()
      }
      return
    }
    if (log.enabled('debug'))
      log.debug(`closing connection from ${facts.remoteAddress.text}: listener filters ${outcome}`)
    this.#drop(facts, streamInfo)
  }

  #matchFilterChain(facts: ConnectionSocket, streamInfo: StreamInfo): void {
    const chain = this.built.filterChains.find(facts, streamInfo)
    if (chain === undefined) {
      if (log.enabled('debug')) {
        log.debug(`closing connection from ${facts.remoteAddress.text}: no matching filter chain found`)
      }
      this.built.stats.noFilterChainMatch.inc()
      streamInfo.setResponseFlag(ResponseFlag.NoRouteFound)
      streamInfo.responseCodeDetails = 'filter_chain_not_found'
      this.#drop(facts, streamInfo)
      return
    }
    facts.filterChainName = chain.name
    this.#createConnection(facts, streamInfo, chain)
  }

  /** Closes a socket that never became a connection, and logs it. */
  #drop(facts: ConnectionSocket, streamInfo: StreamInfo): void {
    // With bytes unread the kernel would send a RST; those that listener filters looked at are unread.
    if (facts.socket.readableLength > 0) facts.socket.resetAndDestroy()
    else facts.socket.destroy()
    facts.detectedCloseType = 'normal'
    this.#releaseLimits()
    writeAccessLogs(this.built.accessLogs, streamInfo)
    this.#endStatsIfIdle()
  }

  /** The connection, its filters and its statistics are there from the beginning, its data after the handshake. */
  #createConnection(facts: ConnectionSocket, streamInfo: StreamInfo, chain: FilterChain): void {
    const { built } = this
    facts.isSecure = chain.transportSocket.transportProtocol === 'tls'
    const transport = chain.transportSocket.wrap(facts)
    const connection = new Connection(facts.socket, facts, built.bufferLimitBytes, transport === undefined, transport)
    const active = new ActiveConnection(connection, facts, streamInfo, built, chain, (closed) => {
      this.connections.delete(closed)
      this.#releaseLimits()
      this.#draining.onConnectionClosed(chain)
      this.#endStatsIfIdle()
    })
    this.connections.add(active)
    active.start()
    if (transport === undefined) connection.startReading()
    else if (connection.state === 'connecting') transport.onConnected(facts.socket, connection)
  }
}
