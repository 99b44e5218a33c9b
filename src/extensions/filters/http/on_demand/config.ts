// envoy.filters.http.on_demand: a request without a route waits while discovery is asked for one.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { OnDemandFilter } from './on_demand_filter.ts'

type OnDemand = envoy.extensions.filters.http.on_demand.v3.OnDemand
type PerRouteConfig = envoy.extensions.filters.http.on_demand.v3.PerRouteConfig

export const onDemandFilter: HttpFilterFactory<OnDemand, PerRouteConfig> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.on_demand',
  typeUrls: ['envoy.extensions.filters.http.on_demand.v3.OnDemand'],
  routeTypeUrls: ['envoy.extensions.filters.http.on_demand.v3.PerRouteConfig'],
  isTerminal: false,
  createFilterFactory() {
    return (builder) => builder.addDecoderFilter(new OnDemandFilter())
  },
  /** Nothing of it concerns routes that are still to come. */
  createRouteSpecificConfig: () => ({}),
}
