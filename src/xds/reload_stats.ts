// What is counted of configuration that discovery has changed, beside the updates that have brought it.

import { wallMs } from '../common/clock.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'
import { routeConfigurationType, scopedRouteConfigurationType, virtualHostType } from './resource_types.ts'

export class ReloadStats {
  readonly #reloads: Counter
  readonly #reloadTimeMs: Gauge | undefined

  constructor(scope: Scope, hasTime = true) {
    this.#reloads = scope.counter('config_reload')
    this.#reloadTimeMs = hasTime ? scope.gauge('config_reload_time_ms', 'neverImport') : undefined
  }

  onReload(): void {
    this.#reloads.inc()
    this.#reloadTimeMs?.set(Math.trunc(wallMs()))
  }
}

/** Of routes, whose discovery counts answers without any, too. */
export class RouteStats {
  readonly #reloads: ReloadStats
  readonly #updateEmpty: Counter

  constructor(scope: Scope, hasTime: boolean) {
    this.#reloads = new ReloadStats(scope, hasTime)
    this.#updateEmpty = scope.counter('update_empty')
  }

  onReload(): void {
    this.#reloads.onReload()
  }

  onEmpty(): void {
    this.#updateEmpty.inc()
  }
}

const routeTypes: ReadonlySet<string> = new Set([routeConfigurationType, scopedRouteConfigurationType, virtualHostType])

/** Undefined for resources that are no routes. */
export function routeStats(typeUrl: string, scope: Scope): RouteStats | undefined {
  return routeTypes.has(typeUrl) ? new RouteStats(scope, typeUrl !== virtualHostType) : undefined
}
