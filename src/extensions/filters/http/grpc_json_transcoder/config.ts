// envoy.filters.http.grpc_json_transcoder: HTTP and JSON in front of gRPC services.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { transcoderSettings } from './settings.ts'
import { TranscoderFilter, type TranscoderStats } from './transcoder_filter.ts'

type GrpcJsonTranscoder = envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder

const typeUrl = 'envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder'

export const grpcJsonTranscoder: HttpFilterFactory<GrpcJsonTranscoder, GrpcJsonTranscoder> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.grpc_json_transcoder',
  typeUrls: [typeUrl],
  routeTypeUrls: [typeUrl],
  isTerminal: false,
  createFilterFactory(config, context) {
    const settings = transcoderSettings(config, context.errors) ?? 'disabled'
    const stats: TranscoderStats = {
      requestBufferBytes: context.scope.gauge(`${context.statPrefix}transcoder_request_buffer_bytes`),
      responseBufferBytes: context.scope.gauge(`${context.statPrefix}transcoder_response_buffer_bytes`),
    }
    return (builder) => builder.addFilter(new TranscoderFilter(settings, stats))
  },
  createRouteSpecificConfig(config, context) {
    return transcoderSettings(config, context.errors)
  },
}
