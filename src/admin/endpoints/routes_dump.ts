// The route configurations in /config_dump: those that connection managers hold inline, and those from discovery.

import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import { toAnyJson } from '../../config/proto_json.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type IncludesName, versioned, withoutEmpty } from './dump_lists.ts'

type Listener = envoy.config.listener.v3.Listener
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager

const hcmType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const routeConfigurationType = 'envoy.config.route.v3.RouteConfiguration'

/** The fields of envoy.admin.v3.RoutesConfigDump. */
export function routesDump({ live }: ServerControl, includesName: IncludesName): JsonObject {
  const json = (routes: RouteConfiguration, version: string, lastUpdatedMs: number): JsonObject[] => {
    if (!includesName(routes.name)) return []
    return [versioned(version, 'route_config', toAnyJson(routeConfigurationType, routes), lastUpdatedMs)]
  }
  const statics = listenersWithRoutes(live).flatMap(({ view, lastUpdatedMs }) =>
    inlineRoutes(view).flatMap((routes) => json(routes, '', lastUpdatedMs)),
  )
  const dynamic = [...live.discovery.resources()].flatMap(({ resource, version, lastUpdatedMs }) => {
    const { reference, view } = resource
    if (reference.typeUrl !== routeConfigurationType || view === undefined) return []
    return json(view as RouteConfiguration, version, lastUpdatedMs)
  })
  return withoutEmpty({ static_route_configs: statics, dynamic_route_configs: dynamic })
}

/** All versions of all listeners: what drains has its routes to the end. */
function listenersWithRoutes({ listeners }: ServerControl['live']): { view: Listener; lastUpdatedMs: number }[] {
  const current = [...listeners.entries()].flatMap(({ active, warming }) => [active, warming])
  return [...current.filter((version) => version !== undefined), ...listeners.draining()]
}

function inlineRoutes({ filterChains, defaultFilterChain }: Listener): RouteConfiguration[] {
  const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain]
  return chains.flatMap(({ filters }) =>
    filters.flatMap(({ typedConfig }) => {
      if (typedConfig?.typeUrl !== hcmType) return []
      return (typedConfig.value as HttpConnectionManager).routeConfig ?? []
    }),
  )
}
