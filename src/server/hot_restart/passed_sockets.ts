// Listening sockets that the process before has passed on, until listeners of the same addresses take them.

import { closeFd } from '../../os/socket.ts'
import type { SocketAddress } from '../../os/socket_address.ts'

/**
 * Names an address of a listener across generations. A port that the kernel chooses is another one for each listener,
 * and goes by the listener's name.
 */
export function socketKey(address: SocketAddress, listenerName: string): string {
  if (address.family === 'pipe') return `pipe ${address.path}`
  return `${address.family} ${address.address} ${address.port}${address.port === 0 ? ` ${listenerName}` : ''}`
}

export class PassedSockets {
  readonly #byKey = new Map<string, number[]>()

  add(key: string, fd: number): void {
    const fds = this.#byKey.get(key) ?? []
    fds.push(fd)
    this.#byKey.set(key, fds)
  }

  /** All that the process before had for the address; whoever takes them owns them. */
  take(key: string): readonly number[] {
    const fds = this.#byKey.get(key) ?? []
    this.#byKey.delete(key)
    return fds
  }

  /** Nobody listens there any more: connections that queue are refused. */
  close(): void {
    for (const fd of [...this.#byKey.values()].flat()) closeFd(fd)
    this.#byKey.clear()
  }
}
