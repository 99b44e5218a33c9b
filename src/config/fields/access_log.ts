// Fields of the access loggers that send entries to services.
import { type FieldTable, words } from './field_table.ts'

const grpc = 'envoy.extensions.access_loggers.grpc.v3'

export const accessLogFields: FieldTable = {
  [`${grpc}.HttpGrpcAccessLogConfig`]: {
    acts: words(`common_config additional_request_headers_to_log additional_response_headers_to_log
      additional_response_trailers_to_log`),
  },
  [`${grpc}.TcpGrpcAccessLogConfig`]: { acts: ['common_config'] },
  [`${grpc}.CommonGrpcAccessLogConfig`]: {
    acts: words(`log_name grpc_service buffer_flush_interval buffer_size_bytes filter_state_objects_to_log
      grpc_stream_retry_policy custom_tags`),
    // There is but one version left.
    meaningless: ['transport_api_version'],
  },
  'envoy.type.tracing.v3.CustomTag': { acts: words('tag literal environment request_header metadata value') },
}
