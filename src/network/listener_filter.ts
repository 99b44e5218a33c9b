// The contract of listener filters, which look at an accepted socket before it is a connection (envoy/network/filter.h).

import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { ConnectionSocket } from './connection_socket.ts'
import type { FilterStatus } from './network_filter.ts'

/** The bytes that have arrived and that no filter has drained: seen by each filter in turn, then by the connection. */
export interface ListenerFilterBuffer {
  readonly data: Buffer
  /** Takes bytes off the front; the connection will not see them. */
  drain(bytes: number): void
}

export interface ListenerFilterCallbacks {
  readonly socket: ConnectionSocket
  readonly streamInfo: StreamInfo
  /** Resumes after a StopIteration that waited for something other than bytes; false closes the socket. */
  continueFilterChain(success: boolean): void
  /** Refuses the socket: the filter that calls it returns StopIteration. */
  close(): void
}

/** One listener filter of one socket. */
export interface ListenerFilter {
  /**
   * StopIteration either waits for bytes (if `maxReadBytes` is not 0), or until `continueFilterChain` is called.
   * A filter that refuses the socket closes it (`callbacks.close()`) and returns StopIteration.
   */
  onAccept(callbacks: ListenerFilterCallbacks): FilterStatus
  /** Called each time more bytes have arrived, with all that are there. StopIteration asks for more. */
  onData(buffer: ListenerFilterBuffer): FilterStatus
  /** The most bytes the filter wants to see before it decides; 0 for none. May change from call to call. */
  maxReadBytes(): number
  /** The socket closed while this filter waited. */
  onClose?(): void
}

export type ListenerFilterFactoryCb = () => ListenerFilter

/** Says which sockets a filter does not look at (`filter_disabled`). */
export type ListenerFilterMatcher = (socket: ConnectionSocket) => boolean

export interface ListenerFilterFactory {
  readonly create: ListenerFilterFactoryCb
  /** True as long as the filter's configuration has not been discovered; undefined where it is known. */
  readonly isMissing: (() => boolean) | undefined
  /** True for a socket that the filter passes over. */
  readonly disabled: ListenerFilterMatcher | undefined
}
