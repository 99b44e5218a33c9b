// Limits on the number of downstream connections, exact over all workers.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { Runtime } from '../config/runtime.ts'
import type { SharedCounter } from '../stats/shared_counter.ts'

type OverloadManager = envoy.config.overload.v3.OverloadManager
type DownstreamConnectionsConfig =
  envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig

const globalRuntimeKey = 'overload.global_downstream_max_connections'
/** The overload manager's monitor of downstream connections: it limits them by itself, too. */
export const globalMonitorType =
  'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig'
const noLimit = 2 ** 31 - 1

/** A limit that runtime may change at any time; unlimited while the key is unset. */
export class ConnectionLimit {
  readonly #active: SharedCounter
  readonly #runtime: Runtime
  readonly #runtimeKey: string
  readonly #configured: number | undefined

  constructor(active: SharedCounter, runtime: Runtime, runtimeKey: string, configured: number | undefined) {
    this.#active = active
    this.#runtime = runtime
    this.#runtimeKey = runtimeKey
    this.#configured = configured
  }

  /** Counts one more connection, unless there are as many as allowed. */
  tryAcquire(): boolean {
    const limit = this.#configured ?? this.#runtime.getInteger(this.#runtimeKey, noLimit)
    return this.#active.tryAdd(Math.min(limit, noLimit))
  }

  /** Counts one more whatever the limit, for listeners that ignore it. */
  acquire(): void {
    this.#active.inc()
  }

  release(): void {
    this.#active.dec()
  }

  /** How many are open now, in all processes. */
  active(): number {
    return this.#active.value()
  }
}

interface SharedCounterSource {
  counter(name: string): SharedCounter
}

/**
 * The limit over all listeners: the overload manager's where it is configured (`configured`), else that of runtime key
 * `overload.global_downstream_max_connections`.
 */
export function globalConnectionLimit(
  shared: SharedCounterSource,
  runtime: Runtime,
  configured: number | undefined,
): ConnectionLimit {
  return new ConnectionLimit(shared.counter(globalRuntimeKey), runtime, globalRuntimeKey, configured)
}

/** The limit of one listener, by runtime key `envoy.resource_limits.listener.<name>.connection_limit`. */
export function listenerConnectionLimit(
  shared: SharedCounterSource,
  runtime: Runtime,
  listenerName: string,
): ConnectionLimit {
  const key = `envoy.resource_limits.listener.${listenerName}.connection_limit`
  return new ConnectionLimit(shared.counter(key), runtime, key, undefined)
}

/** `max_active_downstream_connections` of the overload manager's monitor; undefined where it is not configured. */
export function overloadConnectionLimit(overload: OverloadManager | undefined): number | undefined {
  const monitor = overload?.resourceMonitors.find((each) => each.typedConfig?.typeUrl === globalMonitorType)
  const config = monitor?.typedConfig?.value as DownstreamConnectionsConfig | undefined
  return config?.maxActiveDownstreamConnections
}
