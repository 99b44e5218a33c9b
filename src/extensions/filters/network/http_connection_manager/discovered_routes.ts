// The routes of one name by route discovery (RDS).

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { InitManager } from '../../../../config/init_manager.ts'
import type { RouteSource } from '../../../../http/route.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { RoutesInForce } from './routes_in_force.ts'

type ConfigSource = envoy.config.core.v3.ConfigSource
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type Context = ListenerFactoryContext<ServerContext>

export interface DiscoveredRoutes {
  readonly name: string
  readonly source: ConfigSource
  readonly statPrefix: string
  /** They are asked for when a request needs them. */
  readonly onDemand: boolean
}

export function discoveredRoutes(
  { name, source, statPrefix, onDemand }: DiscoveredRoutes,
  context: Context,
): RouteSource {
  const { resources, lifetime, errors } = context
  // The first routes and their first virtual hosts are one thing to wait for.
  const initManager = new InitManager()
  const prefix = `http.${statPrefix}.rds.`
  const routes = new RoutesInForce({ name, statsName: `${prefix}vhds.${name}`, initManager, context })
  const resource = resources.watch(
    {
      source,
      typeUrl: 'envoy.config.route.v3.RouteConfiguration',
      name,
      scope: context.scope.createScope(prefix + name),
      initTarget: `RDS ${name}`,
      onDemand,
    },
    // Clusters may come later than routes to them.
    (view, found) => routes.prepare(view as RouteConfiguration | undefined, found, false),
    { resources, initManager, lifetime, errors },
  )
  lifetime.onEnd(context.initManager.addNested(`RdsRouteConfigSubscription RDS init ${name}`, initManager))
  return {
    routeConfig: () => routes.current,
    requestUpdate: (headers, done) => {
      const isMissing = onDemand && routes.current === undefined
      return isMissing ? resources.request(resource, name, done) : routes.requestVirtualHost(headers.authority, done)
    },
  }
}
