// The contract between the router and an HTTP connection pool (Envoy's ConnectionPool::Instance).

import type { Connection } from '../../network/connection.ts'
import type { Protocol } from '../../stream_info/stream_info.ts'
import type { Host } from '../../upstream/host.ts'
import type { RequestEncoder, ResponseDecoder } from '../codec/codec.ts'

/** Why no stream could be had. */
export type PoolFailureReason = 'overflow' | 'localConnectionFailure' | 'remoteConnectionFailure' | 'connectionTimeout'

/** Exactly one of the two is called, possibly before newStream returns. */
export interface PoolCallbacks {
  onPoolReady(encoder: RequestEncoder, host: Host, upstream: PoolConnectionInfo): void
  /** `host` is undefined where the circuit breaker refused before any connection was looked for. */
  onPoolFailure(reason: PoolFailureReason, transportFailureReason: string, host: Host | undefined): void
  /** After onPoolReady: the exchange goes on over another connection, since nothing of it could leave on the first. */
  onPoolMoved(host: Host, upstream: PoolConnectionInfo): void
}

/** The connection that carries a stream, as it stands when the stream begins. */
export interface PoolConnectionInfo {
  readonly connection: Connection
  /** Requests that this connection has carried, this one included. */
  readonly streamCount: number
  /** '' where the connection carries a tunnel's bytes and no HTTP. */
  readonly protocol: Protocol | ''
}

/** A stream that waits for a connection. */
export interface PendingStream {
  cancel(): void
}

export interface HttpConnectionPool {
  /** Undefined where a callback has been called already. */
  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): PendingStream | undefined
}
