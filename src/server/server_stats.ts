// `server.*`, `main_thread.*` and `filesystem.*` as Envoy names them, kept by main.

import { wallMs } from '../common/clock.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'
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

export class ServerStats {
  readonly #live: Gauge
  readonly #uptime: Gauge
  readonly #state: Gauge
  readonly #memoryAllocated: Gauge
  readonly #memoryHeapSize: Gauge
  readonly #memoryPhysicalSize: Gauge
  readonly #parentConnections: Gauge
  readonly #initializationTime: { recordValue(value: number): void }

  /** `version` is `stats_server_version_override`. */
  constructor(scope: Scope, { concurrency, restartEpoch }: Options, version: number | undefined) {
    const server = scope.createScope('server')
    this.#live = server.gauge('live')
    this.#uptime = server.gauge('uptime')
    this.#state = server.gauge('state')
    this.#memoryAllocated = server.gauge('memory_allocated')
    this.#memoryHeapSize = server.gauge('memory_heap_size')
    this.#memoryPhysicalSize = server.gauge('memory_physical_size')
    this.#parentConnections = server.gauge('parent_connections')
    this.#initializationTime = server.histogram('initialization_time_ms', 'ms')
    server.gauge('concurrency').set(concurrency)
    server.gauge('days_until_first_cert_expiring').set(2 ** 32 - 1)
    server.gauge('hot_restart_epoch').set(restartEpoch)
    server.gauge('hot_restart_generation').set(1)
    server.gauge('seconds_until_first_ocsp_response_expiring')
    server.gauge('stats_recent_lookups')
    server.gauge('total_connections')
    server.gauge('version').set(version ?? versionNumber())
    const counters: Counter[] = [
      'debug_assertion_failures',
      'dropped_stat_flushes',
      'dynamic_unknown_fields',
      'envoy_bug_failures',
      'envoy_notifications',
      'static_unknown_fields',
      'wip_protos',
    ].map((name) => server.counter(name))
    for (const counter of counters) counter.add(0)
    for (const thread of ['main_thread', ...Array.from({ length: concurrency }, (_, i) => `worker_${i}`)]) {
      for (const name of ['watchdog_mega_miss', 'watchdog_miss']) server.counter(`${thread}.${name}`)
    }
    for (const name of ['watchdog_mega_miss', 'watchdog_miss']) scope.counter(`main_thread.${name}`)
    for (const name of ['watchdog_mega_miss', 'watchdog_miss']) scope.counter(`workers.${name}`)
  }

  onInitialized(durationMs: number): void {
    this.#initializationTime.recordValue(Math.round(durationMs))
  }

  update(startedAtWallMs: number, state: ServerState): void {
    const memory = process.memoryUsage()
    this.#live.set(state === 'LIVE' ? 1 : 0)
    this.#state.set(stateNumbers[state])
    this.#uptime.set(Math.floor((wallMs() - startedAtWallMs) / 1000))
    this.#memoryAllocated.set(memory.heapUsed)
    this.#memoryHeapSize.set(memory.heapTotal)
    this.#memoryPhysicalSize.set(memory.rss)
    this.#parentConnections.set(0)
  }
}

/** Envoy's `server.version` is a number of its revision; ours is of the version that it follows. */
function versionNumber(): number {
  const [major, minor, patch] = envoyVersion.split('.').map(Number)
  return major * 10_000 + minor * 100 + patch
}
