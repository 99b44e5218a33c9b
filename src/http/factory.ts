// What an HTTP filter extension provides.

import type { ExtensionFactory } from '../config/registry.ts'
import type { SharedNames } from '../network/factory.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { HttpFilterFactoryCb, HttpFilterFactoryContext } from './http_filter.ts'

/** Everything an HTTP filter's factory may use while it turns configuration into settings. */
export type HttpFilterContext = RouteContext & HttpFilterFactoryContext

/** What a route configuration, and the settings of filters in it, are made with. */
export type RouteContext = ServerContext & SharedNames

/** Category `envoy.filters.http`. Errors are reported through `context.errors`, and building goes on. */
export interface HttpFilterFactory<Config = unknown, RouteConfig = unknown> extends ExtensionFactory {
  readonly category: 'envoy.filters.http'
  /** The router ends the chain; others may not be last. */
  readonly isTerminal: boolean
  createFilterFactory(config: Config, context: HttpFilterContext): HttpFilterFactoryCb
  /** Types that typed_per_filter_config may hold for this filter; none where it has no per-route settings. */
  readonly routeTypeUrls?: readonly string[]
  /** Settings of one typed_per_filter_config entry. */
  createRouteSpecificConfig?(config: RouteConfig, context: RouteContext): unknown
}
