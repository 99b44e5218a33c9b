// envoy.filters.http.grpc_http1_reverse_bridge: gRPC clients to plain HTTP/1.1 servers.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { GrpcHttp1ReverseBridgeFilter, type ReverseBridgeRouteSettings } from './reverse_bridge_filter.ts'

type FilterConfig = envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig
type FilterConfigPerRoute = envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfigPerRoute

export const grpcHttp1ReverseBridgeFilter: HttpFilterFactory<FilterConfig, FilterConfigPerRoute> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.grpc_http1_reverse_bridge',
  typeUrls: ['envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig'],
  routeTypeUrls: ['envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfigPerRoute'],
  isTerminal: false,
  createFilterFactory({ contentType, withholdGrpcFrames, responseSizeHeader }) {
    const settings = { contentType, withholdGrpcFrames, responseSizeHeader: responseSizeHeader.toLowerCase() }
    return (builder) => builder.addFilter(new GrpcHttp1ReverseBridgeFilter(settings))
  },
  createRouteSpecificConfig({ disabled }): ReverseBridgeRouteSettings {
    return { disabled }
  },
}
