// The read filter chain of one connection: the only loop over network filters.

import type { Connection } from './connection.ts'
import type { ConnectionReader } from './connection_types.ts'
import {
  type ConfiguredNetworkFilter,
  FilterStatus,
  type ReadFilter,
  type ReadFilterCallbacks,
} from './network_filter.ts'

const noBytes = Buffer.alloc(0)

/** One filter's place in the chain. */
class ActiveReadFilter implements ReadFilterCallbacks {
  readonly connection: Connection
  readonly filter: ReadFilter
  readonly index: number
  readonly manager: FilterManager
  /** onNewConnection has been called. */
  initialized = false

  constructor(manager: FilterManager, filter: ReadFilter, index: number) {
    this.connection = manager.connection
    this.filter = filter
    this.index = index
    this.manager = manager
  }

  continueReading(): void {
    this.manager.continueFrom(this.index + 1, noBytes, false)
  }

  injectReadDataToFilterChain(data: Buffer, endStream: boolean): void {
    this.manager.continueFrom(this.index + 1, data, endStream)
  }
}

/**
 * Order of events as Envoy's (source/common/network/filter_manager_impl.cc): each filter gets onNewConnection when its
 * turn comes, which is before its first data, and after every filter before it has let the connection go on.
 */
export class FilterManager implements ConnectionReader {
  readonly connection: Connection
  readonly filters: ActiveReadFilter[] = []

  constructor(connection: Connection) {
    this.connection = connection
  }

  /**
   * Makes the filters; false where there are none, or the configuration of one is missing. The chain sees nothing before
   * `initializeReadFilters`.
   */
  createFilters(configured: readonly ConfiguredNetworkFilter[]): boolean {
    for (let i = 0; i < configured.length; i++) {
      const filter = configured[i](this.connection)
      if (filter === undefined) return false
      const active = new ActiveReadFilter(this, filter, i)
      this.filters.push(active)
      filter.initializeReadFilterCallbacks(active)
    }
    return configured.length > 0
  }

  /** Tells the filters of the new connection, and reads for them from now on. */
  initializeReadFilters(): void {
    // The only filter of a chain reads without this loop between: the common case costs nothing a chunk.
    this.connection.reader = this.filters.length === 1 ? this.filters[0].filter : this
    this.continueFrom(0, noBytes, false)
  }

  onData(data: Buffer, endStream: boolean): void {
    this.continueFrom(0, data, endStream)
  }

  /** Offers data (none, to start or resume the chain) to the filters from `index` on. */
  continueFrom(index: number, data: Buffer, endStream: boolean): void {
    const { connection, filters } = this
    const hasData = data.length > 0 || endStream
    for (let i = index; i < filters.length; i++) {
      if (connection.state !== 'open') return
      const active = filters[i]
      if (!active.initialized) {
        active.initialized = true
        // Data that comes along is offered even so: the filter keeps it, drops it or lets it pass.
        if (active.filter.onNewConnection() === FilterStatus.StopIteration && !hasData) return
        if (connection.state !== 'open') return
      }
      if (hasData && active.filter.onData(data, endStream) === FilterStatus.StopIteration) return
    }
  }

  /** The connection is closed and logged: the filters end. */
  destroy(): void {
    for (const active of this.filters) active.filter.onDestroy?.()
  }
}
