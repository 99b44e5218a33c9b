// The contract between a connection and its network filters, in Envoy's terms (envoy/network/filter.h).

import type { Connection } from './connection.ts'

/** What a filter returns: whether the next filter of the chain sees the event now. */
export const FilterStatus = { Continue: 0, StopIteration: 1 } as const
export type FilterStatus = (typeof FilterStatus)[keyof typeof FilterStatus]

/**
 * A read filter of one connection. After StopIteration the filter MUST call `callbacks.continueReading()` for the rest of
 * the chain to run, unless it is the last. `data` is the filter's to keep: the connection does not reuse it.
 */
export interface ReadFilter {
  /** Called once, before any event. No I/O here. */
  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void
  /** The connection is established (and its handshake done). */
  onNewConnection(): FilterStatus
  /** `endStream`: the peer has sent FIN; no more data follows. `data` may then be empty. */
  onData(data: Buffer, endStream: boolean): FilterStatus
  /** The connection is closed, and its listener's access logs are written. The last call: logs of the filter go here. */
  onDestroy?(): void
}

export interface ReadFilterCallbacks {
  readonly connection: Connection
  /** Resumes after StopIteration: later filters get onNewConnection (if due) and the data this filter passes on. */
  continueReading(): void
  /** Hands data to the filters after this one, for a filter that held it back. */
  injectReadDataToFilterChain(data: Buffer, endStream: boolean): void
}

/** Makes the filters of one connection; built once from the configuration. */
export type NetworkFilterFactoryCb = (connection: Connection) => ReadFilter

/** As a chain has it: undefined as long as the filter's configuration has not been discovered. */
export type ConfiguredNetworkFilter = (connection: Connection) => ReadFilter | undefined
