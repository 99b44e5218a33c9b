// Main's listening sockets: bound once, kept open for as long as the listener lives, one per worker where the port allows.

import { addressOfNative } from '../network/address.ts'
import type { BuiltListener } from '../network/built_listener.ts'
import type { ListenSocketSettings } from '../network/socket_settings.ts'
import { type BoundSocket, closeFd, createListenSocket, errorText } from '../os/socket.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { OwnedSocket } from './worker_pool.ts'

/** A listener's sockets and where they are really bound. */
export interface ListenerSockets {
  readonly listenerName: string
  /** The bound addresses, the main one first. */
  readonly addresses: readonly AddressInfo[]
  /** Empty once closed. */
  socketsOf(workerIndex: number): readonly OwnedSocket[]
  /** Main's own hold on the sockets ends: where the workers have stopped too, new connections are refused. */
  close(): void
}

/** A listener's address cannot be had; the message is Envoy's: cannot bind '127.0.0.1:80': Permission denied. */
export class ListenError extends Error {}

/** Binds and listens; throws ListenError. */
export function openListenerSockets(built: BuiltListener, listenerIndex: number, workers: number): ListenerSockets {
  const perAddress = built.sockets.bindToPort
    ? built.sockets.sockets.map((settings, socketIndex) =>
        openAddress(settings, built.sockets.reusePort, listenerIndex, socketIndex, workers),
      )
    : []
  let closed = false
  return {
    listenerName: built.name,
    addresses:
      perAddress.length > 0
        ? perAddress.map((each) => each.address)
        : built.sockets.sockets.map((each) => each.address),
    socketsOf: (workerIndex) =>
      closed ? [] : perAddress.map((each) => each.sockets[workerIndex % each.sockets.length]),
    close: () => {
      if (closed) return
      closed = true
      for (const { fd } of perAddress.flatMap((each) => each.sockets)) closeFd(fd)
    },
  }
}

function openAddress(
  settings: ListenSocketSettings,
  reusePort: boolean,
  listenerIndex: number,
  socketIndex: number,
  workers: number,
): { address: AddressInfo; sockets: OwnedSocket[] } {
  const first = createdSocket(settings, settings.native)
  const address = addressOfNative(first.localAddress)
  const bound: BoundSocket[] = [first]
  const separate = reusePort && settings.address.family !== 'pipe'
  // Port 0 was chosen by the kernel once: the others join the same port.
  const native = settings.native.family === 'pipe' ? settings.native : { ...settings.native, port: address.port }
  while (separate && bound.length < workers) bound.push(createdSocket(settings, native))
  return { address, sockets: bound.map(({ fd }) => ({ fd, listenerIndex, socketIndex, port: address.port })) }
}

function createdSocket(settings: ListenSocketSettings, native: ListenSocketSettings['native']): BoundSocket {
  try {
    return createListenSocket(native, settings.options)
  } catch (error) {
    const { errno, syscall } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    const what = syscall === 'setsockopt' ? 'ListenSocket: Setting socket options failed' : `cannot ${syscall}`
    throw new ListenError(`${what} '${settings.address.text}': ${errorText(errno)}`)
  }
}
