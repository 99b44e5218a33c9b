// envoy.filters.http.grpc_web: browsers' gRPC calls.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { GrpcWebFilter } from './grpc_web_filter.ts'

type GrpcWeb = envoy.extensions.filters.http.grpc_web.v3.GrpcWeb

export const grpcWebFilter: HttpFilterFactory<GrpcWeb> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.grpc_web',
  typeUrls: ['envoy.extensions.filters.http.grpc_web.v3.GrpcWeb'],
  isTerminal: false,
  createFilterFactory(_config, { clusterManager }) {
    return (builder) => builder.addFilter(new GrpcWebFilter(clusterManager))
  },
}
