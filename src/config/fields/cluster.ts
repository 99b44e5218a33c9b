// Fields of clusters, endpoints and upstream connections.
import { type FieldTable, words } from './field_table.ts'

export const clusterFields: FieldTable = {
  'envoy.config.cluster.v3.Cluster': {
    acts: words(`name alt_stat_name type connect_timeout per_connection_buffer_limit_bytes lb_policy load_assignment
      max_requests_per_connection circuit_breakers upstream_http_protocol_options common_http_protocol_options
      http_protocol_options http2_protocol_options protocol_selection typed_extension_protocol_options dns_lookup_family dns_resolvers use_tcp_for_dns_lookups
      dns_resolution_config typed_dns_resolver_config dns_refresh_rate dns_jitter dns_failure_refresh_rate
      respect_dns_ttl wait_for_warm_on_init upstream_bind_config least_request_lb_config
      ring_hash_lb_config maglev_lb_config lb_subset_config
      round_robin_lb_config common_lb_config transport_socket transport_socket_matches transport_socket_matcher
      metadata upstream_connection_options
      load_balancing_policy preconnect_policy connection_pool_per_downstream_connection
      track_timeout_budgets track_cluster_stats cluster_type eds_cluster_config lrs_report_endpoint_metrics
      health_checks close_connections_on_host_health_failure ignore_health_on_host_removal outlier_detection
      original_dst_lb_config cleanup_interval`),
    // Envoy ignores it, too.
    harmless: ['lrs_server'],
  },
  'envoy.config.cluster.v3.Cluster.CustomClusterType': { acts: words('name typed_config') },
  'envoy.extensions.clusters.dns.v3.DnsCluster': {
    acts: words(`dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_jitter typed_dns_resolver_config
      dns_lookup_family all_addresses_in_single_endpoint dns_min_refresh_rate`),
  },
  'envoy.config.cluster.v3.Cluster.PreconnectPolicy': {
    acts: words('per_upstream_preconnect_ratio predictive_preconnect_ratio preconnect_enabled_metadata'),
  },
  'envoy.config.cluster.v3.Cluster.RoundRobinLbConfig': { acts: words('slow_start_config') },
  'envoy.config.cluster.v3.Cluster.CommonLbConfig': {
    acts: words(`healthy_panic_threshold zone_aware_lb_config locality_weighted_lb_config update_merge_window
      close_connections_on_host_set_change consistent_hashing_lb_config
      ignore_new_hosts_until_first_hc override_host_status`),
  },
  'envoy.config.cluster.v3.Cluster.LeastRequestLbConfig': {
    acts: words('choice_count active_request_bias slow_start_config'),
  },
  'envoy.config.cluster.v3.OutlierDetection': {
    acts: words(`consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx
      enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor
      consecutive_gateway_failure enforcing_consecutive_gateway_failure split_external_local_origin_errors
      consecutive_local_origin_failure enforcing_consecutive_local_origin_failure
      enforcing_local_origin_success_rate failure_percentage_threshold enforcing_failure_percentage
      enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts failure_percentage_request_volume
      max_ejection_time max_ejection_time_jitter successful_active_health_check_uneject_host always_eject_one_host
      detect_degraded_hosts`),
    // Envoy ignores it, too.
    harmless: ['monitors'],
  },
  'envoy.config.cluster.v3.CircuitBreakers': { acts: words('thresholds per_host_thresholds') },
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds': {
    acts: words(`priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining
      max_connection_pools`),
  },
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget': {
    acts: words('budget_percent min_retry_concurrency'),
    harmless: ['budget_interval'],
  },
  'envoy.config.cluster.v3.UpstreamConnectionOptions': {
    acts: words('tcp_keepalive happy_eyeballs_config'),
    harmless: ['set_local_interface_name_on_upstream_connections'],
  },
  'envoy.config.core.v3.BindConfig': {
    acts: words('source_address freebind socket_options extra_source_addresses additional_source_addresses'),
  },
  'envoy.config.endpoint.v3.ClusterLoadAssignment': { acts: words('cluster_name endpoints policy') },
  'envoy.config.endpoint.v3.ClusterLoadAssignment.Policy': {
    acts: words('overprovisioning_factor weighted_priority_health drop_overloads endpoint_stale_after'),
  },
  'envoy.config.endpoint.v3.LocalityLbEndpoints': {
    acts: words('locality metadata lb_endpoints load_balancing_weight priority leds_cluster_locality_config'),
    harmless: ['proximity'],
  },
  'envoy.config.endpoint.v3.LedsClusterLocalityConfig': { acts: words('leds_config leds_collection_name') },
  'envoy.config.endpoint.v3.LbEndpoint': { acts: words('endpoint health_status metadata load_balancing_weight') },
  'envoy.config.endpoint.v3.Endpoint': {
    acts: words('address hostname additional_addresses observability_name health_check_config'),
  },
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    acts: words(`common_http_protocol_options upstream_http_protocol_options explicit_http_config
      use_downstream_protocol_config auto_config http_filters outlier_detection request_mirror_policies`),
  },
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.OutlierDetection': { acts: ['error_matcher'] },
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig': {
    acts: words('http_protocol_options http2_protocol_options'),
  },
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig': {
    acts: words('http_protocol_options http2_protocol_options'),
  },
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig': {
    acts: words('http_protocol_options http2_protocol_options'),
  },
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': {
    acts: words('slow_start_config locality_lb_config'),
  },
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest': {
    acts: words(`choice_count active_request_bias slow_start_config locality_lb_config enable_full_scan
      selection_method`),
  },
  'envoy.config.cluster.v3.Cluster.RingHashLbConfig': {
    acts: words('minimum_ring_size maximum_ring_size hash_function'),
  },
  'envoy.config.cluster.v3.Cluster.MaglevLbConfig': { acts: ['table_size'] },
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig': {
    acts: words('use_hostname_for_hashing hash_balance_factor'),
  },
  'envoy.config.cluster.v3.Cluster.OriginalDstLbConfig': {
    acts: words('use_http_header http_header_name upstream_port_override metadata_key'),
  },
  'envoy.config.cluster.v3.Cluster.LbSubsetConfig': {
    acts: words(`fallback_policy default_subset subset_selectors locality_weight_aware scale_locality_weight
      panic_mode_any list_as_any metadata_fallback_policy`),
  },
  'envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector': {
    acts: words('keys single_host_per_subset fallback_policy fallback_keys_subset'),
  },
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash': {
    acts: words(`hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing hash_balance_factor
      consistent_hashing_lb_config locality_weighted_lb_config`),
  },
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev': {
    acts: words('table_size consistent_hashing_lb_config locality_weighted_lb_config'),
  },
  'envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig': {
    acts: words('use_hostname_for_hashing hash_balance_factor hash_policy'),
  },
  'envoy.extensions.load_balancing_policies.subset.v3.Subset': {
    acts: words(`fallback_policy default_subset subset_selectors allow_redundant_keys locality_weight_aware
      scale_locality_weight panic_mode_any list_as_any metadata_fallback_policy subset_lb_policy`),
  },
  'envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector': {
    acts: words('keys single_host_per_subset fallback_policy fallback_keys_subset'),
  },
  'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost': {
    acts: words('override_host_sources selected_host_key fallback_policy'),
  },
  'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource': {
    acts: words('header metadata'),
  },
  'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality': { acts: ['endpoint_picking_policy'] },
  'envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin': {
    acts: words(`blackout_period weight_expiration_period weight_update_period error_utilization_penalty
      metric_names_for_computing_utilization slow_start_config`),
  },
  'envoy.extensions.clusters.aggregate.v3.ClusterConfig': { acts: ['clusters'] },
  'envoy.extensions.clusters.composite.v3.ClusterConfig': { acts: ['clusters'] },
  'envoy.extensions.clusters.composite.v3.ClusterConfig.ClusterEntry': { acts: ['name'] },
  'envoy.extensions.load_balancing_policies.random.v3.Random': { acts: words('locality_lb_config') },
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig': {
    acts: words(`routing_enabled min_cluster_size fail_traffic_on_panic force_locality_direct_routing
      locality_basis`),
  },
  'envoy.config.core.v3.UpstreamHttpProtocolOptions': {
    acts: words('auto_sni auto_san_validation override_auto_sni_header'),
  },
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': {
    acts: words(`common_tls_context sni allow_renegotiation max_session_keys auto_host_sni auto_sni_san_validation`),
    // Envoy refuses such keys whatever this says.
    harmless: ['enforce_rsa_key_usage'],
  },
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': {
    acts: words('config transport_socket tlv_as_pool_key'),
    harmless: ['allow_unspecified_address'],
  },
  'envoy.config.core.v3.ProxyProtocolConfig': { acts: words('version pass_through_tlvs added_tlvs') },
  'envoy.config.cluster.v3.Cluster.TransportSocketMatch': { acts: words('name match transport_socket') },
}
