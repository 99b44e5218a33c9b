// Main's listening sockets: bound once, kept open for as long as the listener lives, one per worker where the port allows.

import type { BuiltListener } from '../network/built_listener.ts'
import type { ListenSocketSettings } from '../network/socket_settings.ts'
import { type BoundSocket, createListenSocket } from '../os/socket.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { addressOfNative } from '../network/address.ts'
import type { OwnedSocket } from './worker_pool.ts'

/** A listener's sockets and where they are really bound. */
export interface ListenerSockets {
  readonly listenerName: string
  /** The bound addresses, the main one first. */
  readonly addresses: readonly AddressInfo[]
  socketsOf(workerIndex: number): readonly OwnedSocket[]
}

/** Binds and listens. Throws the system's error (EADDRINUSE, EACCES ...) with the address in its message. */
export function openListenerSockets(built: BuiltListener, listenerIndex: number, workers: number): ListenerSockets {
  const perAddress = built.sockets.bindToPort
    ? built.sockets.sockets.map((settings, socketIndex) => openAddress(settings, built.sockets.reusePort, listenerIndex, socketIndex, workers))
    : []
  return {
    listenerName: built.name,
    addresses: perAddress.length > 0 ? perAddress.map((each) => each.address) : built.sockets.sockets.map((each) => each.address),
    socketsOf: (workerIndex) => perAddress.map((each) => each.sockets[workerIndex % each.sockets.length]),
  }
}

function openAddress(
  settings: ListenSocketSettings,
  reusePort: boolean,
  listenerIndex: number,
  socketIndex: number,
  workers: number,
): { address: AddressInfo; sockets: OwnedSocket[] } {
  const first = createListenSocket(settings.native, settings.options)
  const address = addressOfNative(first.localAddress)
  const bound: BoundSocket[] = [first]
  const separate = reusePort && settings.address.family !== 'pipe'
  // Port 0 was chosen by the kernel once: the others join the same port.
  const native = settings.native.family === 'pipe' ? settings.native : { ...settings.native, port: address.port }
  while (separate && bound.length < workers) bound.push(createListenSocket(native, settings.options))
  return { address, sockets: bound.map(({ fd }) => ({ fd, listenerIndex, socketIndex, port: address.port })) }
}
