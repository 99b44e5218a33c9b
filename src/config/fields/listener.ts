// Fields of listeners, filter chains, addresses and sockets.
import { type FieldTable, words } from './field_table.ts'

export const listenerFields: FieldTable = {
  'envoy.config.listener.v3.Listener': {
    acts: words(`name address additional_addresses stat_prefix filter_chains filter_chain_matcher use_original_dst default_filter_chain
      per_connection_buffer_limit_bytes metadata drain_type listener_filters listener_filters_timeout
      continue_on_listener_filters_timeout transparent freebind socket_options traffic_direction enable_reuse_port access_log tcp_backlog_size bind_to_port deprecated_v1 ignore_global_conn_limit
      bypass_overload_manager stats_matcher per_connection_buffer_high_watermark_timeout tcp_keepalive
      tcp_fast_open_queue_length`),
    harmless: words('reuse_port connection_balance_config max_connections_to_accept_per_socket_event enable_mptcp'),
  },
  'envoy.config.listener.v3.AdditionalAddress': { acts: words('address socket_options tcp_keepalive') },
  'envoy.config.listener.v3.FilterChain': {
    acts: words('filter_chain_match filters use_proxy_proto transport_socket transport_socket_connect_timeout name'),
    harmless: ['metadata'],
  },
  'envoy.config.listener.v3.FilterChainMatch': {
    acts: words(`destination_port prefix_ranges direct_source_prefix_ranges source_type source_prefix_ranges
      source_ports server_names transport_protocol application_protocols`),
  },
  'envoy.config.listener.v3.Filter': { acts: words('name typed_config config_discovery') },
  'envoy.config.listener.v3.ListenerFilter': { acts: words('name typed_config config_discovery filter_disabled') },
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': {
    acts: words(`enable_ja3_fingerprinting initial_read_buffer_size enable_ja4_fingerprinting
      close_connection_on_client_hello_parsing_errors max_client_hello_size`),
  },
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': {
    acts: words(`rules allow_requests_without_proxy_protocol pass_through_tlvs disallowed_versions stat_prefix
      tlv_location`),
  },
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': { acts: [] },
  'envoy.extensions.filters.listener.original_src.v3.OriginalSrc': { acts: ['mark'], harmless: ['bind_port'] },
  'envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit': {
    acts: words('stat_prefix token_bucket runtime_enabled'),
  },
  'envoy.config.core.v3.Address': { acts: words('socket_address pipe') },
  'envoy.config.core.v3.SocketAddress': { acts: words('address port_value ipv4_compat protocol') },
  'envoy.config.core.v3.SocketOption': {
    acts: words('description level name int_value buf_value state type ip_version'),
  },
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': {
    acts: words(`stat_prefix cluster weighted_clusters metadata_match idle_timeout access_log max_connect_attempts hash_policy max_downstream_connection_duration
      access_log_flush_interval flush_access_log_on_connected access_log_options backoff_options
      max_downstream_connection_duration_jitter_percentage check_drain_close proxy_protocol_tlvs
      proxy_protocol_tlv_merge_policy tunneling_config`),
    // Envoy does not act on them either.
    harmless: words('downstream_idle_timeout upstream_idle_timeout'),
  },
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig': {
    acts: words('hostname use_post headers_to_add propagate_response_headers post_path propagate_response_trailers'),
  },
}
