// Where a connection manager's routes come from: its own configuration, route discovery (RDS), or one of both for each scope.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { finish } from '../../../../common/steps.ts'
import { InitManager } from '../../../../config/init_manager.ts'
import { fixedRoutes, type RouteSource } from '../../../../http/route.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import { compileRouteConfig } from '../../../../router/route_config/route_config.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { discoveredRoutes } from './discovered_routes.ts'
import { RoutesInForce } from './routes_in_force.ts'
import { scopedRouteSource } from './scoped_routes.ts'

type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type Context = ListenerFactoryContext<ServerContext>

export function routeSource(config: HttpConnectionManager, context: Context): RouteSource {
  switch (config.routeSpecifier) {
    case 'rds': {
      const { routeConfigName: name, configSource: source } = config.rds!
      if (source === undefined) return fixedRoutes(undefined)
      return discoveredRoutes({ name, source, statPrefix: config.statPrefix, onDemand: false }, context)
    }
    case 'scopedRoutes':
      return scopedRouteSource(config.scopedRoutes!, config.statPrefix, context)
    default:
      return config.routeConfig === undefined ? fixedRoutes(undefined) : inlineRoutes(config.routeConfig, context)
  }
}

/** Its virtual hosts may come by discovery all the same. */
function inlineRoutes(view: RouteConfiguration, context: Context): RouteSource {
  if (view.vhds === undefined) return fixedRoutes(compileRouteConfig(view, context))
  const { name } = view
  const initManager = new InitManager()
  const routes = new RoutesInForce({ name, statsName: `vhds.${name}`, initManager, context })
  finish(routes.prepare(view, context.errors, true))()
  const target = `StaticRouteConfigProvider local-init-target ${name}`
  context.lifetime.onEnd(context.initManager.addNested(target, initManager))
  return {
    routeConfig: () => routes.current,
    requestUpdate: (headers, done) => routes.requestVirtualHost(headers.authority, done),
  }
}
