// A connection that begins in plain text and is secured when a filter asks for it.

import type { Socket } from 'node:net'
import type { TransportSocket, TransportSocketCallbacks } from '../../../network/transport_socket.ts'
import type { TlsInfo } from '../../../stream_info/stream_info.ts'

export class StartTlsSocket implements TransportSocket {
  readonly #secure: TransportSocket
  #socket: Socket | undefined = undefined
  #callbacks: TransportSocketCallbacks | undefined = undefined

  /** `secure` takes over later. */
  constructor(secure: TransportSocket) {
    this.#secure = secure
  }

  get tls(): TlsInfo | undefined {
    return this.#secure.tls
  }

  get nextProtocol(): string {
    return this.#secure.nextProtocol
  }

  get failureReason(): string {
    return this.#secure.failureReason
  }

  onConnected(socket: Socket, callbacks: TransportSocketCallbacks): void {
    this.#socket = socket
    this.#callbacks = callbacks
    callbacks.onTransportReady()
  }

  startSecureTransport(): boolean {
    const socket = this.#socket
    const callbacks = this.#callbacks
    if (socket === undefined || callbacks === undefined) return false
    this.#socket = undefined
    this.#secure.onConnected(socket, {
      id: callbacks.id,
      replaceSocket: (next) => callbacks.replaceSocket(next),
      // The connection has been open all along; what is written meanwhile waits in the socket.
      onTransportReady() {},
    })
    return true
  }
}
