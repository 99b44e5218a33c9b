// Fields of the gRPC-JSON transcoder.
import { type FieldTable, words } from './field_table.ts'

const transcoder = 'envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder'

export const transcoderFields: FieldTable = {
  [transcoder]: {
    acts: words(`proto_descriptor proto_descriptor_bin services print_options match_incoming_request_route
      ignored_query_parameters auto_mapping ignore_unknown_query_parameters convert_grpc_status url_unescape_spec
      query_param_unescape_plus match_unregistered_custom_verb request_validation_options case_insensitive_enum_parsing
      max_request_body_size max_response_body_size capture_unknown_query_parameters`),
  },
  [`${transcoder}.PrintOptions`]: {
    acts: words(`add_whitespace always_print_primitive_fields always_print_enums_as_ints preserve_proto_field_names
      stream_newline_delimited stream_sse_style_delimited`),
  },
  [`${transcoder}.RequestValidationOptions`]: {
    acts: words('reject_unknown_method reject_unknown_query_parameters reject_binding_body_field_collisions'),
  },
}
