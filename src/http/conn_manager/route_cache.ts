// The route of one request: found once, looked up again only after a filter has cleared it.

import { monotonicMs } from '../../common/clock.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { measurements } from '../../stream_info/measurements.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { Route } from '../route.ts'
import type { ConnectionManagerSettings } from './settings.ts'

export class RouteCache {
  readonly #settings: ConnectionManagerSettings
  #resolved = false
  /** What was found last. */
  current: Route | undefined = undefined

  constructor(settings: ConnectionManagerSettings) {
    this.#settings = settings
  }

  find(headers: HeaderMap, info: StreamInfo): Route | undefined {
    if (this.#resolved) return this.current
    this.#resolved = true
    info.routeResolutionCount++
    const startedMs = measurements.routeResolution ? monotonicMs() : Number.NaN
    const route = this.#settings.routeConfig(headers)?.route(headers, info, info.random)
    if (measurements.routeResolution) info.routeResolutionMs = monotonicMs() - startedMs
    this.current = route
    info.routeName = route?.name ?? ''
    info.virtualHostName = route?.virtualHost.name ?? ''
    const forwards = route?.kind === 'forward'
    info.upstreamCluster = forwards ? this.#settings.clusterManager.get(route.clusterName)?.info : undefined
    return route
  }

  clear(): void {
    this.#resolved = false
    this.current = undefined
  }
}
