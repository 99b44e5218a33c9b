// envoy.filters.http.bandwidth_limit: request and response bodies pass as fast as one bucket for all streams lets them.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { BandwidthLimitFilter } from './bandwidth_limit_filter.ts'
import { compileBandwidthLimit, compileRouteBandwidthLimit } from './settings.ts'

type BandwidthLimit = envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit

export const bandwidthLimitFilter: HttpFilterFactory<BandwidthLimit, BandwidthLimit> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.bandwidth_limit',
  typeUrls: ['envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit'],
  routeTypeUrls: ['envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const settings = compileBandwidthLimit(view, context)
    return (builder) => builder.addFilter(new BandwidthLimitFilter(settings))
  },
  createRouteSpecificConfig: compileRouteBandwidthLimit,
}
