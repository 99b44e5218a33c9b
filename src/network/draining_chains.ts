// Filter chains that get no new connections: they end with their last one, at the latest when the drain time is over.

import type { FilterChain } from './built_listener.ts'
import type { DrainStrategy } from './drain.ts'

export interface DrainSettings {
  readonly drainTimeMs: number
  readonly strategy: DrainStrategy
}

/** What has connections over the chains. */
export interface ChainConnections {
  isInUse(chain: FilterChain): boolean
  closeConnectionsOf(chain: FilterChain): void
}

export class DrainingChains {
  readonly #connections: ChainConnections
  readonly #timers = new Map<FilterChain, NodeJS.Timeout>()

  constructor(connections: ChainConnections) {
    this.#connections = connections
  }

  start(chains: Iterable<FilterChain>, { drainTimeMs, strategy }: DrainSettings): void {
    for (const chain of chains) {
      chain.drain.start(drainTimeMs, strategy)
      const close = (): void => this.#connections.closeConnectionsOf(chain)
      this.#timers.set(chain, setTimeout(close, drainTimeMs).unref())
      this.onConnectionClosed(chain)
    }
  }

  /** Ends the chain if it drains and this was its last connection. */
  onConnectionClosed(chain: FilterChain): void {
    const timer = this.#timers.get(chain)
    if (timer === undefined || this.#connections.isInUse(chain)) return
    clearTimeout(timer)
    this.#timers.delete(chain)
    chain.lifetime.end()
  }
}
