// What stands between a connection and its TCP socket: nothing, a TLS session, a PROXY header before the first byte.

import type { Socket } from 'node:net'
import type { TlsInfo } from '../stream_info/stream_info.ts'

/** The connection, as its transport socket sees it. */
export interface TransportSocketCallbacks {
  /** The connection's number, as logs show it. */
  readonly id: number
  /**
   * `socket` speaks for the one before it from now on: its bytes are the connection's. Its failure ends the connection,
   * and so does that of the socket below it.
   */
  replaceSocket(socket: Socket): void
  /** The connection's bytes may flow. */
  onTransportReady(): void
}

/** One upstream connection's transport socket; plain connections have none. */
export interface TransportSocket {
  /** Undefined without TLS, and until its handshake is over. */
  readonly tls: TlsInfo | undefined
  /** The protocol that ALPN agreed on; '' for none. */
  readonly nextProtocol: string
  /** What went wrong, in Envoy's words; '' for nothing. Set before the socket fails. */
  readonly failureReason: string
  /** The TCP connection stands. Calls `onTransportReady` once, now or later, or destroys the socket with an error. */
  onConnected(socket: Socket, callbacks: TransportSocketCallbacks): void
  /** Secures a connection that began in plain text; false where it cannot, or has done so already. */
  startSecureTransport(): boolean
}
