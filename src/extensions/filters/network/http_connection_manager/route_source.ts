// Where a connection manager's routes come from: its own configuration, or route discovery (RDS), which may change them.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { RouteConfig } from '../../../../http/route.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import { compileRouteConfig, compileRouteConfigInSteps } from '../../../../router/route_config/route_config.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
type Rds = envoy.extensions.filters.network.http_connection_manager.v3.Rds
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type Context = ListenerFactoryContext<ServerContext>

/** The routes in force whenever it is called; undefined where there are none, or none yet. */
export type RouteSource = () => RouteConfig | undefined

export function routeSource(config: HttpConnectionManager, context: Context): RouteSource {
  switch (config.routeSpecifier) {
    case 'rds':
      return discoveredRoutes(config.rds!, config.statPrefix, context)
    case 'scopedRoutes':
      context.errors.add(config, 'scopedRoutes', 'scoped routes are not supported; give the routes in route_config')
      return () => undefined
    default: {
      const routes = config.routeConfig === undefined ? undefined : compileRouteConfig(config.routeConfig, context)
      return () => routes
    }
  }
}

function discoveredRoutes(rds: Rds, statPrefix: string, context: Context): RouteSource {
  const { routeConfigName: name, configSource: source } = rds
  let current: RouteConfig | undefined
  if (source === undefined) return () => undefined
  context.resources.watch(
    {
      source,
      typeUrl: 'envoy.config.route.v3.RouteConfiguration',
      name,
      scope: context.scope.createScope(`http.${statPrefix}.rds.${name}`),
      initTarget: `RdsRouteConfigSubscription RDS init ${name}`,
    },
    function* (view, errors) {
      // Clusters may come later than routes to them.
      const next =
        view === undefined
          ? undefined
          : yield* compileRouteConfigInSteps(view as RouteConfiguration, withErrors(context, errors), false)
      return () => {
        current = next
      }
    },
    context,
  )
  return () => current
}

function withErrors(context: Context, errors: Context['errors']): Context {
  return Object.assign(Object.create(context) as Context, { errors })
}
