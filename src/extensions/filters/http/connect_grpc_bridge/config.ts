// envoy.filters.http.connect_grpc_bridge: Connect clients to gRPC servers.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { ConnectStreamingFilter } from './streaming_filter.ts'
import { ConnectUnaryFilter } from './unary_filter.ts'

type FilterConfig = envoy.extensions.filters.http.connect_grpc_bridge.v3.FilterConfig

export const connectGrpcBridgeFilter: HttpFilterFactory<FilterConfig> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.connect_grpc_bridge',
  typeUrls: ['envoy.extensions.filters.http.connect_grpc_bridge.v3.FilterConfig'],
  isTerminal: false,
  createFilterFactory() {
    return (builder) => {
      builder.addFilter(new ConnectUnaryFilter())
      builder.addFilter(new ConnectStreamingFilter())
    }
  },
}
