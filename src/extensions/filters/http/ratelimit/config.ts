// envoy.filters.http.ratelimit: a service says which requests are above a limit.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { RateLimitFilter } from './ratelimit_filter.ts'
import { compileRateLimitPerRoute, compileRateLimitSettings } from './settings.ts'

type RateLimit = envoy.extensions.filters.http.ratelimit.v3.RateLimit
type RateLimitPerRoute = envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute

export const httpRateLimit: HttpFilterFactory<RateLimit, RateLimitPerRoute> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.ratelimit',
  typeUrls: ['envoy.extensions.filters.http.ratelimit.v3.RateLimit'],
  routeTypeUrls: ['envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const settings = compileRateLimitSettings(view, context)
    return (builder) => builder.addFilter(new RateLimitFilter(settings))
  },
  createRouteSpecificConfig: compileRateLimitPerRoute,
}
