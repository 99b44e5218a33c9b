// The contract between a pooled connection and the protocol that it speaks (Envoy's CodecClient).

import type { ConnectionEvent } from '../../network/connection_types.ts'
import type { Protocol } from '../../stream_info/stream_info.ts'
import type { RequestEncoder, ResponseDecoder, StreamResetReason } from '../codec/codec.ts'
import type { PoolCallbacks } from './connection_pool.ts'

/**
 * What a closed connection leaves behind: nothing; streams that are lost with it, or by what the peer did (`broken`); one
 * of which no byte has left, so that another connection may carry it.
 */
export type LeftStreams = 'none' | 'lost' | 'broken' | 'unsent'

export interface CodecClient {
  readonly protocol: Protocol
  /** Streams that it carries. */
  readonly activeStreams: number
  /** How many it can carry at once. */
  readonly concurrentStreamLimit: number
  /** How many it may carry for now, while it is not known what the peer takes. */
  readonly admittedStreams: number
  newStream(decoder: ResponseDecoder, callbacks: PoolCallbacks): RequestEncoder
  /** Throws CodecProtocolError where the connection cannot go on. */
  dispatch(data: Buffer): void
  /** What was dispatched last may still be in use. */
  retainsData(): boolean
  /** No stream is on the connection, and none waits for it. */
  onIdle(): void
  /** The connection has closed; `byProtocolError`: since dispatch threw. Streams are told by one of the two below. */
  onConnectionClosed(event: ConnectionEvent, byProtocolError: boolean): LeftStreams
  /** Resets the streams of a connection that stood and has closed. */
  endStreams(event: ConnectionEvent, byProtocolError: boolean): void
  /** Resets what waits for a connection that never stood. */
  failStreams(reason: StreamResetReason, transportFailureReason: string): void
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
}
