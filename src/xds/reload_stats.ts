// What discovery of routes counts beside the updates: those that changed something, and when that was.

import { wallMs } from '../common/clock.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'
import { routeConfigurationType, scopedRouteConfigurationType, virtualHostType } from './resource_types.ts'

const types: ReadonlySet<string> = new Set([routeConfigurationType, scopedRouteConfigurationType, virtualHostType])

export class ReloadStats {
  readonly #reload: Counter
  /** Undefined for virtual hosts. */
  readonly #timeMs: Gauge | undefined

  constructor(typeUrl: string, scope: Scope) {
    this.#reload = scope.counter('config_reload')
    scope.counter('update_empty')
    this.#timeMs = typeUrl === virtualHostType ? undefined : scope.gauge('config_reload_time_ms', 'neverImport')
  }

  onReload(): void {
    this.#reload.inc()
    this.#timeMs?.set(Math.trunc(wallMs()))
  }
}

/** Undefined for types that are not counted so. */
export function reloadStats(typeUrl: string, scope: Scope): ReloadStats | undefined {
  return types.has(typeUrl) ? new ReloadStats(typeUrl, scope) : undefined
}
