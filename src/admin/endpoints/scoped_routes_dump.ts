// The scoped routes in /config_dump: those that connection managers hold themselves, and those from discovery.

import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText, toAnyJson } from '../../config/proto_json.ts'
import type { Collection } from '../../config/watched_resources.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { scopedRouteConfigurationType } from '../../xds/resource_types.ts'

type Listener = envoy.config.listener.v3.Listener
type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
type ScopeView = envoy.config.route.v3.ScopedRouteConfiguration
type ScopedRoutes = envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes

const hcmType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

/** The fields of envoy.admin.v3.ScopedRoutesConfigDump. */
export function scopedRoutesDump({ live }: ServerControl, includesName: (name: string) => boolean): JsonObject {
  const inline = [...live.listeners.active()].flatMap(({ view, lastUpdatedMs }) =>
    inlineScopes(view)
      .filter(({ name }) => includesName(name))
      .map(({ name, scopedRouteConfigurationsList }) => ({
        name,
        scoped_route_configs: scopes(scopedRouteConfigurationsList?.scopedRouteConfigurations ?? []),
        last_updated: timestampText(lastUpdatedMs),
      })),
  )
  const dynamic = [...live.discovery.resources()]
    .filter(({ resource: { reference, view } }) => {
      return reference.typeUrl === scopedRouteConfigurationType && view !== undefined && includesName(reference.name)
    })
    .map(({ resource, version, lastUpdatedMs }) => ({
      name: resource.reference.name,
      ...(version === '' ? {} : { version_info: version }),
      scoped_route_configs: scopes((resource.view as Collection).resources.toSorted(byName)),
      last_updated: timestampText(lastUpdatedMs),
    }))
  return {
    ...(inline.length === 0 ? {} : { inline_scoped_route_configs: inline }),
    ...(dynamic.length === 0 ? {} : { dynamic_scoped_route_configs: dynamic }),
  }
}

function byName(a: object, b: object): number {
  return (a as ScopeView).name < (b as ScopeView).name ? -1 : 1
}

function scopes(views: readonly object[]): JsonObject[] {
  return views.map((view) => toAnyJson(scopedRouteConfigurationType, view))
}

function inlineScopes({ filterChains, defaultFilterChain }: Listener): ScopedRoutes[] {
  const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain]
  const filters = chains.flatMap((chain) => chain.filters)
  return filters.flatMap(({ typedConfig }) => {
    if (typedConfig?.typeUrl !== hcmType) return []
    const { scopedRoutes } = typedConfig.value as HttpConnectionManager
    return scopedRoutes?.scopedRouteConfigurationsList === undefined ? [] : [scopedRoutes]
  })
}
