// Main's listening sockets: bound once, kept open for as long as the listener lives, one per worker where the port allows.

import { addressOfNative } from '../network/address.ts'
import type { ListenerSocketSettings, ListenSocketSettings } from '../network/socket_settings.ts'
import { type BoundSocket, closeFd, createListenSocket, errorText, listenOn, localAddressOf } from '../os/socket.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { type PassedSockets, socketKey } from './hot_restart/passed_sockets.ts'
import type { OwnedSocket } from './worker_pool.ts'

/** A listener's address cannot be had; the message is Envoy's: cannot bind '127.0.0.1:80': Permission denied. */
export class ListenError extends Error {}

/** What is bound for one address of a listener. */
interface BoundAddress {
  readonly settings: ListenSocketSettings
  readonly address: AddressInfo
  readonly sockets: readonly OwnedSocket[]
  /** Across generations. */
  readonly key: string
}

/** A listener's sockets and where they are really bound. */
export class ListenerSockets {
  readonly listenerId: number
  readonly settings: ListenerSocketSettings
  /** The bound addresses, the main one first. */
  readonly addresses: readonly AddressInfo[]
  readonly #bound: readonly BoundAddress[]
  readonly #workers: number
  #isClosed = false

  /** Binds what is not among `passed`, and does not listen yet; throws ListenError. */
  constructor(settings: ListenerSocketSettings, listenerId: number, workers: number, passed?: PassedSockets) {
    this.#workers = workers
    this.listenerId = listenerId
    this.settings = settings
    const bound: BoundAddress[] = []
    this.#bound = bound
    try {
      for (const [socketIndex, each] of (settings.bindToPort ? settings.sockets : []).entries())
        bound.push(bindAddress(each, settings, { listenerId, socketIndex }, workers, passed))
    } catch (error) {
      this.close()
      throw error
    }
    this.addresses =
      bound.length > 0 ? bound.map(({ address }) => address) : settings.sockets.map((each) => each.address)
  }

  /** From now on connections queue. Throws ListenError. */
  listen(): void {
    for (const { settings, sockets } of this.#bound) {
      for (const { fd } of sockets) {
        try {
          listenOn(fd, settings.options.backlog, settings.options.options)
        } catch (error) {
          throw listenError(error, settings)
        }
      }
    }
  }

  /** Empty once closed. */
  socketsOf(workerIndex: number): readonly OwnedSocket[] {
    return this.#isClosed ? [] : this.#bound.flatMap(({ sockets }) => this.#share(sockets, workerIndex))
  }

  /** Where there are more than workers, a worker has several: those of a process before with more workers. */
  #share(sockets: readonly OwnedSocket[], workerIndex: number): readonly OwnedSocket[] {
    if (sockets.length <= this.#workers) return [sockets[workerIndex % sockets.length]]
    return sockets.filter((_, i) => i % this.#workers === workerIndex)
  }

  /** For the process that takes over. */
  keyed(): { key: string; fd: number }[] {
    if (this.#isClosed) return []
    return this.#bound.flatMap(({ key, sockets }) => sockets.map(({ fd }) => ({ key, fd })))
  }

  /** Main's own hold on the sockets ends: where the workers have stopped too, new connections are refused. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { fd } of this.#bound.flatMap(({ sockets }) => sockets)) closeFd(fd)
  }
}

function bindAddress(
  settings: ListenSocketSettings,
  { reusePort, listenerName }: ListenerSocketSettings,
  place: { listenerId: number; socketIndex: number },
  workers: number,
  passed: PassedSockets | undefined,
): BoundAddress {
  const key = socketKey(settings.native, listenerName)
  const bound: BoundSocket[] = (passed?.take(key) ?? []).map((fd) => ({
    fd,
    localAddress: localAddressOf(fd) ?? settings.native,
  }))
  if (bound.length === 0) bound.push(boundSocket(settings, settings.native))
  const address = addressOfNative(bound[0].localAddress)
  const separate = reusePort && settings.address.family !== 'pipe'
  // Port 0 was chosen by the kernel once: the others join the same port.
  const native = settings.native.family === 'pipe' ? settings.native : { ...settings.native, port: address.port }
  try {
    while (separate && bound.length < workers) bound.push(boundSocket(settings, native))
  } catch (error) {
    for (const { fd } of bound) closeFd(fd)
    throw error
  }
  return {
    settings,
    address,
    key,
    sockets: bound.map(({ fd }, share) => ({ fd, ...place, share, port: address.port })),
  }
}

function boundSocket(settings: ListenSocketSettings, native: ListenSocketSettings['native']): BoundSocket {
  try {
    return createListenSocket(native, { ...settings.options, listen: false })
  } catch (error) {
    throw listenError(error, settings)
  }
}

function listenError(error: unknown, settings: ListenSocketSettings): unknown {
  const { errno, syscall } = error as NodeJS.ErrnoException
  if (errno === undefined) return error
  const what = syscall === 'setsockopt' ? 'ListenSocket: Setting socket options failed' : `cannot ${syscall}`
  return new ListenError(`${what} '${settings.address.text}': ${errorText(errno)}`)
}
