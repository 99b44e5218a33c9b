// `server.*`, `main_thread.*` and `filesystem.*` as Envoy names them, kept by main.

import { getFips } from 'node:crypto'
import { wallMs } from '../common/clock.ts'
import type { LoadedContexts } from '../network/tls/loaded_contexts.ts'
import type { Gauge, Scope } from '../stats/store.ts'
import { threadNames } from './manager_stats.ts'
import type { Options } from './options.ts'
import type { ServerState } from './server_control.ts'
import { envoyVersion } from './version.ts'

/** Numbers of envoy.admin.v3.ServerInfo.State. */
const stateNumbers: Readonly<Record<ServerState, number>> = {
  LIVE: 0,
  DRAINING: 1,
  PRE_INITIALIZING: 2,
  INITIALIZING: 3,
}

/** What of the bootstrap shows among the stats. */
interface ServerStatsOptions {
  /** `stats_server_version_override`. */
  readonly version: number | undefined
}

export class ServerStats {
  readonly #live: Gauge
  readonly #uptime: Gauge
  readonly #state: Gauge
  readonly #memoryAllocated: Gauge
  readonly #memoryHeapSize: Gauge
  readonly #memoryPhysicalSize: Gauge
  readonly #totalConnections: Gauge
  readonly #daysUntilExpiry: Gauge
  readonly #secondsUntilOcspExpiry: Gauge
  readonly #initializationTime: { recordValue(value: number): void }

  constructor(
    scope: Scope,
    { concurrency, restartEpoch, disableHotRestart }: Options,
    { version }: ServerStatsOptions,
  ) {
    const server = scope.createScope('server')
    this.#live = server.gauge('live')
    this.#uptime = server.gauge('uptime')
    this.#state = server.gauge('state')
    this.#memoryAllocated = server.gauge('memory_allocated')
    this.#memoryHeapSize = server.gauge('memory_heap_size')
    this.#memoryPhysicalSize = server.gauge('memory_physical_size')
    server.gauge('parent_connections')
    this.#initializationTime = server.histogram('initialization_time_ms', 'ms')
    server.gauge('concurrency').set(concurrency)
    this.#daysUntilExpiry = server.gauge('days_until_first_cert_expiring')
    const hotRestartEpoch = server.gauge('hot_restart_epoch')
    if (!disableHotRestart) {
      hotRestartEpoch.set(restartEpoch)
      server.gauge('hot_restart_generation').set(1)
    }
    server.gauge('compilation_settings.fips_mode').set(getFips())
    this.#secondsUntilOcspExpiry = server.gauge('seconds_until_first_ocsp_response_expiring')
    server.gauge('stats_recent_lookups').set(0)
    this.#totalConnections = server.gauge('total_connections')
    server.gauge('version').set(version ?? versionNumber())
    for (const name of [
      'debug_assertion_failures',
      'dropped_stat_flushes',
      'envoy_bug_failures',
      'envoy_notifications',
    ])
      server.counter(name)
    // Envoy has looked at these at start: they count as used.
    for (const name of ['dynamic_unknown_fields', 'static_unknown_fields', 'wip_protos']) server.counter(name).add(0)
    for (const thread of threadNames(concurrency)) {
      for (const name of ['watchdog_mega_miss', 'watchdog_miss']) server.counter(`${thread}.${name}`)
    }
    for (const name of ['watchdog_mega_miss', 'watchdog_miss']) scope.counter(`main_thread.${name}`)
    for (const name of ['watchdog_mega_miss', 'watchdog_miss']) scope.counter(`workers.${name}`)
    // Made with or without an overload manager.
    scope.histogram('overload.refresh_interval_delay', 'ms')
    scope.counter('envoy.overload_actions.reset_high_memory_stream.count')
  }

  onInitialized(durationMs: number): void {
    this.#initializationTime.recordValue(Math.round(durationMs))
  }

  /** `connections` are those of all listeners. */
  update(startedAtWallMs: number, state: ServerState, connections: number, contexts: LoadedContexts): void {
    const memory = process.memoryUsage()
    this.#live.set(state === 'LIVE' ? 1 : 0)
    this.#state.set(stateNumbers[state])
    this.#uptime.set(Math.floor((wallMs() - startedAtWallMs) / 1000))
    this.#memoryAllocated.set(memory.heapUsed)
    this.#memoryHeapSize.set(memory.heapTotal)
    this.#memoryPhysicalSize.set(memory.rss)
    this.#totalConnections.set(connections)
    this.#daysUntilExpiry.set(contexts.daysUntilFirstCertExpiring())
    this.#secondsUntilOcspExpiry.set(contexts.secondsUntilFirstOcspResponseExpiring())
  }
}

/** Envoy's `server.version` is a number of its revision; ours is of the version that it follows. */
function versionNumber(): number {
  const [major, minor, patch] = envoyVersion.split('.').map(Number)
  return major * 10_000 + minor * 100 + patch
}
