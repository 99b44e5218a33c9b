// The contract between the router and an HTTP connection pool (Envoy's ConnectionPool::Instance).

import type { Connection } from '../../network/connection.ts'
import type { Host } from '../../upstream/host.ts'
import type { RequestEncoder, ResponseDecoder } from '../codec/codec.ts'

/** Why no stream could be had. */
export type PoolFailureReason = 'overflow' | 'localConnectionFailure' | 'remoteConnectionFailure' | 'connectionTimeout'

/** Exactly one of the two is called, possibly before newStream returns. */
export interface PoolCallbacks {
  /** `streamCount`: requests that this connection has carried, this one included. */
  onPoolReady(encoder: RequestEncoder, host: Host, connection: Connection, streamCount: number): void
  /** `host` is undefined where the circuit breaker refused before any connection was looked for. */
  onPoolFailure(reason: PoolFailureReason, transportFailureReason: string, host: Host | undefined): void
  /** After onPoolReady: the exchange goes on over another connection, since nothing of it could leave on the first. */
  onPoolMoved(host: Host, connection: Connection, streamCount: number): void
}

/** A stream that waits for a connection. */
export interface PendingStream {
  cancel(): void
}

export interface HttpConnectionPool {
  /** Undefined where a callback has been called already. */
  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): PendingStream | undefined
}
