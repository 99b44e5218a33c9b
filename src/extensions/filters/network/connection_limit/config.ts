// envoy.filters.network.connection_limit: no more connections at a time than allowed, over all workers.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { Timer } from '../../../../common/timer.ts'
import type { ConnectionCallbacks, ConnectionEvent } from '../../../../network/connection_types.ts'
import type { ListenerFactoryContext, NetworkFilterFactory } from '../../../../network/factory.ts'
import {
  FilterStatus,
  type NetworkFilterFactoryCb,
  type ReadFilter,
  type ReadFilterCallbacks,
} from '../../../../network/network_filter.ts'
import type { SharedCounter } from '../../../../stats/shared_counter.ts'
import type { Counter, Gauge } from '../../../../stats/store.ts'

type ConnectionLimitView = envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit

export const connectionLimit: NetworkFilterFactory<ConnectionLimitView> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.connection_limit',
  typeUrls: ['envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit'],
  isTerminal: false,
  createFilterFactory(config: ConnectionLimitView, context: ListenerFactoryContext): NetworkFilterFactoryCb {
    const scope = context.scope.createScope(`connection_limit.${config.statPrefix}`)
    const flag = config.runtimeEnabled
    const settings: Settings = {
      active: context.shared.counter(context.sharedName('connection_limit')),
      maxConnections: config.maxConnections ?? 0,
      delayMs: config.delay ?? 0,
      enabled: () => flag === undefined || context.runtime.getBoolean(flag.runtimeKey, flag.defaultValue ?? true),
      activeConnections: scope.gauge('active_connections'),
      limitedConnections: scope.counter('limited_connections'),
    }
    return () => new ConnectionLimitFilter(settings)
  },
}

interface Settings {
  readonly active: SharedCounter
  readonly maxConnections: number
  /** How long a connection over the limit is kept before it is closed, so that clients do not hammer. */
  readonly delayMs: number
  readonly enabled: () => boolean
  readonly activeConnections: Gauge
  readonly limitedConnections: Counter
}

class ConnectionLimitFilter implements ReadFilter, ConnectionCallbacks {
  readonly #settings: Settings
  #callbacks: ReadFilterCallbacks | undefined = undefined
  #delayTimer: Timer | undefined = undefined
  /** The gauge counts connections over the limit too; the limit itself only those within. */
  #gauged = false
  #admitted = false
  #rejected = false

  constructor(settings: Settings) {
    this.#settings = settings
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
    callbacks.connection.addConnectionCallbacks(this)
  }

  onNewConnection(): FilterStatus {
    const settings = this.#settings
    if (!settings.enabled()) return FilterStatus.Continue
    settings.activeConnections.inc()
    this.#gauged = true
    if (settings.active.tryAdd(settings.maxConnections)) {
      this.#admitted = true
      return FilterStatus.Continue
    }
    settings.limitedConnections.inc()
    this.#rejected = true
    if (settings.delayMs > 0) {
      this.#delayTimer = new Timer(() => this.#close())
      this.#delayTimer.enable(settings.delayMs)
    } else this.#close()
    return FilterStatus.StopIteration
  }

  onData(): FilterStatus {
    // What a rejected client sends during the delay is dropped.
    return this.#rejected ? FilterStatus.StopIteration : FilterStatus.Continue
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') return
    this.#delayTimer?.disable()
    if (this.#gauged) this.#settings.activeConnections.dec()
    if (this.#admitted) this.#settings.active.dec()
  }

  onAboveWriteBufferHighWatermark(): void {}

  onBelowWriteBufferLowWatermark(): void {}

  #close(): void {
    this.#callbacks?.connection.close('noFlush', 'over_connection_limit')
  }
}
