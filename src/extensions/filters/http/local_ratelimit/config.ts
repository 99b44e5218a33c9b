// envoy.filters.http.local_ratelimit: requests take tokens from buckets of this proxy, over all workers.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { LocalRateLimitFilter } from './local_ratelimit_filter.ts'
import { compileLocalRateLimit, compileRouteRateLimit } from './settings.ts'

type LocalRateLimit = envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit

export const httpLocalRateLimit: HttpFilterFactory<LocalRateLimit, LocalRateLimit> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.local_ratelimit',
  typeUrls: ['envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'],
  routeTypeUrls: ['envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const settings = compileLocalRateLimit(view, context)
    return (builder) => builder.addFilter(new LocalRateLimitFilter(settings))
  },
  createRouteSpecificConfig: compileRouteRateLimit,
}
