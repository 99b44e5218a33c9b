// envoy.filters.http.health_check: answers the health checks of others in the proxy's place, or lets them pass.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../../../access_log/header_matcher.ts'
import type { HttpFilterContext, HttpFilterFactory } from '../../../../http/factory.ts'
import { CachedResponse } from './cached_response.ts'
import { HealthCheckFilter, type HealthCheckSettings, type HealthCheckStats } from './health_check_filter.ts'

type HealthCheck = envoy.extensions.filters.http.health_check.v3.HealthCheck

export const healthCheckFilter: HttpFilterFactory<HealthCheck> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.health_check',
  typeUrls: ['envoy.extensions.filters.http.health_check.v3.HealthCheck'],
  isTerminal: false,
  createFilterFactory(config, context) {
    const settings = filterSettings(config, context)
    return (builder) => builder.addFilter(new HealthCheckFilter(settings))
  },
}

function filterSettings(config: HealthCheck, context: HttpFilterContext): HealthCheckSettings {
  const { errors, clusterManager, localInfo, healthCheckFailed, shared } = context
  const passThrough = config.passThroughMode ?? false
  const cacheTimeMs = config.cacheTime ?? 0
  if (!passThrough && cacheTimeMs > 0)
    errors.add(config, 'cacheTime', 'cache_time_ms must not be set when path_through_mode is disabled')
  const matchers = config.headers.map((view) => compileHeaderMatcher(view, errors))
  return {
    passThrough,
    isHealthCheck: (headers) => matchers.every((matches) => matches(headers)),
    cache:
      cacheTimeMs > 0 ? new CachedResponse(shared.cell64(context.sharedName('health_check')), cacheTimeMs) : undefined,
    // What passes is not looked at in another way.
    minHealthyPercents: passThrough
      ? []
      : Object.entries(config.clusterMinHealthyPercentages).map(([name, { value }]) => [name, Math.trunc(value)]),
    clusterManager,
    localClusterName: localInfo.clusterName,
    healthCheckFailed,
    stats: filterStats(context),
  }
}

function filterStats({ scope, statPrefix }: HttpFilterContext): HealthCheckStats {
  const own = scope.createScope(`${statPrefix}health_check`)
  return {
    requestTotal: own.counter('request_total'),
    ok: own.counter('ok'),
    failed: own.counter('failed'),
    cachedResponse: own.counter('cached_response'),
    failedClusterNotFound: own.counter('failed_cluster_not_found'),
    failedClusterEmpty: own.counter('failed_cluster_empty'),
    failedClusterUnhealthy: own.counter('failed_cluster_unhealthy'),
    degraded: own.counter('degraded'),
  }
}
