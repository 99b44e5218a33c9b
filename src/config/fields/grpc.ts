// Fields of the HTTP filters for gRPC and for browsers.
import { type FieldTable, words } from './field_table.ts'

const filters = 'envoy.extensions.filters.http'
const corsPolicy = words(`allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials
  filter_enabled shadow_enabled allow_private_network_access forward_not_matching_preflights`)

export const grpcFields: FieldTable = {
  'envoy.config.route.v3.CorsPolicy': { acts: corsPolicy },
  [`${filters}.cors.v3.CorsPolicy`]: { acts: corsPolicy },
  [`${filters}.grpc_http1_bridge.v3.Config`]: { acts: words('upgrade_protobuf_to_grpc ignore_query_parameters') },
  [`${filters}.grpc_http1_reverse_bridge.v3.FilterConfig`]: {
    acts: words('content_type withhold_grpc_frames response_size_header'),
  },
  [`${filters}.grpc_http1_reverse_bridge.v3.FilterConfigPerRoute`]: { acts: ['disabled'] },
  [`${filters}.grpc_stats.v3.FilterConfig`]: {
    acts: words(`emit_filter_state individual_method_stats_allowlist stats_for_all_methods enable_upstream_stats
      replace_dots_in_grpc_service_name`),
  },
}
