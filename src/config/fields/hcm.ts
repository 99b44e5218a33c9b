// Fields of the HTTP connection manager, its protocol options and the router filter.
import { type FieldTable, words } from './field_table.ts'

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

export const hcmFields: FieldTable = {
  [manager]: {
    acts: words(`codec_type stat_prefix route_config rds scoped_routes http_filters add_user_agent common_http_protocol_options
      http_protocol_options http2_protocol_options server_name server_header_transformation scheme_header_transformation
      max_request_headers_kb stream_idle_timeout stream_flush_timeout  request_timeout request_headers_timeout
      drain_timeout drain_timeout_jitter delayed_close_timeout access_log access_log_flush_interval
      flush_access_log_on_new_request access_log_options use_remote_address xff_num_trusted_hops
      original_ip_detection_extensions early_header_mutation_extensions internal_address_config skip_xff_append via
      generate_request_id preserve_external_request_id always_set_request_id_in_response proxy_100_continue
      upgrade_configs normalize_path merge_slashes
      path_with_escaped_slashes_action request_id_extension local_reply_config strip_matching_host_port
      strip_any_host_port stream_error_on_invalid_http_message strip_trailing_host_dot
      append_x_forwarded_port
      http1_safe_max_connection_duration forward_client_cert_details set_current_client_cert_details
      forward_client_cert_matcher append_local_overload`),
    harmless: words(`http3_protocol_options record_route_resolution_stats
      represent_ipv4_remote_address_as_ipv4_mapped_ipv6 add_proxy_protocol_connection_state`),
  },
  [`${manager}.UpgradeConfig`]: { acts: words('upgrade_type filters enabled') },
  [`${manager}.HcmAccessLogOptions`]: { acts: words('access_log_flush_interval flush_access_log_on_new_request') },
  [`${manager}.InternalAddressConfig`]: { acts: words('unix_sockets cidr_ranges') },
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter': {
    acts: words('name typed_config config_discovery is_optional disabled'),
  },
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes': {
    acts: words('name scope_key_builder rds_config_source scoped_route_configurations_list scoped_rds'),
  },
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRds': { acts: ['scoped_rds_config_source'] },
  // On-demand discovery of clusters (odcds) is not there.
  'envoy.extensions.filters.http.on_demand.v3.OnDemand': { acts: [] },
  'envoy.extensions.filters.http.on_demand.v3.PerRouteConfig': { acts: [] },
  'envoy.config.core.v3.HttpProtocolOptions': {
    acts: words(`idle_timeout max_connection_duration max_headers_count max_stream_duration
      headers_with_underscores_action max_requests_per_connection max_connection_duration_jitter
      max_response_headers_kb`),
  },
  'envoy.config.core.v3.SchemeHeaderTransformation': {
    acts: words('scheme_to_overwrite match_upstream'),
  },
  'envoy.config.core.v3.Http1ProtocolOptions': {
    acts: words(`allow_absolute_url accept_http_10 default_host_for_http_10 header_key_format enable_trailers
      allow_chunked_length override_stream_error_on_invalid_http_message send_fully_qualified_url allow_custom_methods`),
    harmless: ['use_balsa_parser'],
  },
  'envoy.config.core.v3.Http2ProtocolOptions': {
    acts: words(`hpack_table_size max_concurrent_streams initial_stream_window_size initial_connection_window_size
      allow_connect allow_metadata max_outbound_frames max_outbound_control_frames
      max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream
      max_inbound_window_update_frames_per_data_frame_sent stream_error_on_invalid_http_messaging
      override_stream_error_on_invalid_http_message custom_settings_parameters connection_keepalive
      enable_huffman_encoding max_header_field_size_kb disallow_obs_text stream_reset_burst stream_reset_rate`),
    // Which library reads frames is Envoy's choice among two; metadata is read over, however much it is.
    harmless: words('use_oghttp2_codec max_metadata_size'),
  },
  'envoy.extensions.filters.http.router.v3.Router': {
    acts: words(`suppress_envoy_headers strict_check_headers dynamic_stats suppress_grpc_request_failure_code_stats`),
    harmless: words(`start_child_span
      reject_connect_request_early_data`),
  },
}
