// The route configurations in /config_dump: those that connection managers hold inline, and those from discovery.

import { isDeepStrictEqual } from 'node:util'
import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import { toAnyJson } from '../../config/proto_json.ts'
import type { Collection } from '../../config/watched_resources.ts'
import type { ServerControl } from '../../server/server_control.ts'
import type { ResourceState } from '../../xds/resource_state.ts'
import { routeConfigurationType, virtualHostType } from '../../xds/resource_types.ts'
import { type IncludesName, versioned, withoutEmpty } from './dump_lists.ts'

type Listener = envoy.config.listener.v3.Listener
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type VirtualHost = envoy.config.route.v3.VirtualHost
type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager

const hcmType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

/** The fields of envoy.admin.v3.RoutesConfigDump. */
export function routesDump({ live }: ServerControl, includesName: IncludesName): JsonObject {
  const json = (routes: RouteConfiguration, version: string, lastUpdatedMs: number): JsonObject[] => {
    if (!includesName(routes.name)) return []
    return [versioned(version, 'route_config', toAnyJson(routeConfigurationType, routes), lastUpdatedMs)]
  }
  const statics = listenersWithRoutes(live).flatMap(({ view, lastUpdatedMs }) =>
    inlineRoutes(view).flatMap((routes) => json(routes, '', lastUpdatedMs)),
  )
  const states = [...live.discovery.resources()]
  const dynamic = states.flatMap((state) => {
    const { reference, view } = state.resource
    if (reference.typeUrl !== routeConfigurationType || view === undefined) return []
    const routes = view as RouteConfiguration
    const more = routes.vhds === undefined ? undefined : states.find((each) => isBelow(each, routes))
    const virtualHosts = [...routes.virtualHosts, ...discoveredHosts(more)]
    const last = more === undefined || more.lastUpdatedMs < state.lastUpdatedMs ? state : more
    return json({ ...routes, virtualHosts }, last.version, last.lastUpdatedMs)
  })
  return withoutEmpty({ static_route_configs: statics, dynamic_route_configs: dynamic })
}

/** The virtual hosts of their own discovery (VHDS), for a route configuration that asks for them. */
function isBelow({ resource }: ResourceState, routes: RouteConfiguration): boolean {
  const { typeUrl, name, source } = resource.reference
  return typeUrl === virtualHostType && name === routes.name && isDeepStrictEqual(source, routes.vhds?.configSource)
}

function discoveredHosts(state: ResourceState | undefined): VirtualHost[] {
  const collection = state?.resource.view as Collection | undefined
  return ((collection?.resources ?? []) as VirtualHost[]).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** All versions of all listeners: what drains has its routes to the end. */
function listenersWithRoutes({ listeners }: ServerControl['live']): { view: Listener; lastUpdatedMs: number }[] {
  return [...listeners.versions(), ...listeners.draining()]
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
