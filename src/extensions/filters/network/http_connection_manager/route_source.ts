// Where a connection manager's routes come from: its own configuration, route discovery (RDS), or one of both for each scope.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { fixedRoutes, type RouteSource } from '../../../../http/route.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import { compileRouteConfig } from '../../../../router/route_config/route_config.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { DiscoveredRoutes } from './discovered_routes.ts'
import { scopedRouteSource } from './scoped_routes.ts'

type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
type Context = ListenerFactoryContext<ServerContext>

export function routeSource(config: HttpConnectionManager, context: Context): RouteSource {
  switch (config.routeSpecifier) {
    case 'rds': {
      const { routeConfigName, configSource } = config.rds!
      if (configSource === undefined) return fixedRoutes(undefined)
      return new DiscoveredRoutes(routeConfigName, configSource, config.statPrefix, context).source
    }
    case 'scopedRoutes':
      return scopedRouteSource(config.scopedRoutes!, config.statPrefix, context)
    default:
      return fixedRoutes(config.routeConfig === undefined ? undefined : compileRouteConfig(config.routeConfig, context))
  }
}
