// envoy.filters.http.grpc_http1_bridge: gRPC for HTTP/1.1 clients that cannot read trailers.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { GrpcHttp1BridgeFilter } from './bridge_filter.ts'

type Config = envoy.extensions.filters.http.grpc_http1_bridge.v3.Config

export const grpcHttp1BridgeFilter: HttpFilterFactory<Config> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.grpc_http1_bridge',
  typeUrls: ['envoy.extensions.filters.http.grpc_http1_bridge.v3.Config'],
  isTerminal: false,
  createFilterFactory({ upgradeProtobufToGrpc, ignoreQueryParameters }) {
    return (builder) => builder.addFilter(new GrpcHttp1BridgeFilter(upgradeProtobufToGrpc, ignoreQueryParameters))
  },
}
