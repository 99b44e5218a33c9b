// envoy.filters.http.router: the terminal HTTP filter.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { httpPools } from '../../../../http/conn_pool/http_pools.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { createAsyncClient } from '../../../../router/async_client.ts'
import { RouterFilter } from '../../../../router/router_filter.ts'
import { type RouterSettings, routerStats } from '../../../../router/router_settings.ts'
import { StrictHeadersFilter } from './strict_headers.ts'

type Router = envoy.extensions.filters.http.router.v3.Router

export const routerFilter: HttpFilterFactory<Router> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.router',
  typeUrls: ['envoy.extensions.filters.http.router.v3.Router'],
  isTerminal: true,
  createFilterFactory(config, context) {
    const settings: RouterSettings = {
      clusterManager: context.clusterManager,
      pools: httpPools,
      stats: routerStats(context.scope, context.statPrefix),
      runtime: context.runtime,
      filterCheck: context.overload.action('envoy.load_shed_points.http_downstream_filter_check'),
      suppressEnvoyHeaders: config.suppressEnvoyHeaders,
      dynamicStats: config.dynamicStats ?? true,
      suppressGrpcCodeStats: config.suppressGrpcRequestFailureCodeStats,
      localZone: context.localInfo.zone,
    }
    const asyncClient = createAsyncClient(settings, context)
    const strict = config.strictCheckHeaders
    return (builder) => {
      if (strict.length > 0) builder.addDecoderFilter(new StrictHeadersFilter(strict, settings))
      builder.addDecoderFilter(new RouterFilter(settings, asyncClient))
    }
  },
}
