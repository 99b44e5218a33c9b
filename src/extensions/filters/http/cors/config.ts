// envoy.filters.http.cors: cross-origin resource sharing.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { CorsFilter, type CorsStats } from './cors_filter.ts'
import { compileCorsPolicy } from './cors_policy.ts'

type Cors = envoy.extensions.filters.http.cors.v3.Cors
type CorsPolicy = envoy.extensions.filters.http.cors.v3.CorsPolicy

export const corsFilter: HttpFilterFactory<Cors, CorsPolicy> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.cors',
  typeUrls: ['envoy.extensions.filters.http.cors.v3.Cors'],
  routeTypeUrls: ['envoy.extensions.filters.http.cors.v3.CorsPolicy'],
  isTerminal: false,
  createFilterFactory(_config, { scope, statPrefix }) {
    const stats: CorsStats = {
      originValid: scope.counter(`${statPrefix}cors.origin_valid`),
      originInvalid: scope.counter(`${statPrefix}cors.origin_invalid`),
    }
    return (builder) => builder.addFilter(new CorsFilter(stats))
  },
  createRouteSpecificConfig: compileCorsPolicy,
}
