// envoy.filters.http.grpc_stats: counts gRPC calls, their messages and their ends.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { GrpcStatsFilter, type GrpcStatsSettings } from './grpc_stats_filter.ts'

type FilterConfig = envoy.extensions.filters.http.grpc_stats.v3.FilterConfig

export const grpcStatsFilter: HttpFilterFactory<FilterConfig> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.grpc_stats',
  typeUrls: ['envoy.extensions.filters.http.grpc_stats.v3.FilterConfig'],
  isTerminal: false,
  createFilterFactory(config, { clusterManager }) {
    const settings: GrpcStatsSettings = {
      clusterManager,
      allMethods: config.statsForAllMethods ?? false,
      allowlist: allowlist(config.individualMethodStatsAllowlist),
      upstreamStats: config.enableUpstreamStats,
      emitFilterState: config.emitFilterState,
      replaceDots: config.replaceDotsInGrpcServiceName,
    }
    return (builder) => builder.addFilter(new GrpcStatsFilter(settings))
  },
}

/** `service/method` of each. */
function allowlist(list: envoy.config.core.v3.GrpcMethodList | undefined): ReadonlySet<string> {
  const services = list?.services ?? []
  return new Set(services.flatMap(({ name, methodNames }) => methodNames.map((method) => `${name}/${method}`)))
}
