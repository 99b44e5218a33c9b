// Fields of route configurations, virtual hosts and routes.
import { type FieldTable, words } from './field_table.ts'

const headerChanges = words(
  'request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove',
)

export const routeFields: FieldTable = {
  'envoy.config.route.v3.RouteConfiguration': {
    acts: [
      ...headerChanges,
      ...words(`name virtual_hosts internal_only_headers most_specific_header_mutations_wins validate_clusters
        max_direct_response_body_size_bytes ignore_port_in_host_matching ignore_path_parameters_in_path_matching
        typed_per_filter_config metadata vhost_header vhds request_mirror_policies
        cluster_specifier_plugins`),
    ],
  },
  'envoy.config.route.v3.VirtualHost': {
    acts: [
      ...headerChanges,
      ...words(`name domains routes matcher require_tls virtual_clusters typed_per_filter_config
        include_request_attempt_count include_attempt_count_in_response retry_policy include_is_timeout_retry_header
        metadata per_request_buffer_limit_bytes request_body_buffer_limit cors rate_limits
        request_mirror_policies hedge_policy`),
    ],
  },
  'envoy.config.route.v3.Route': {
    acts: [
      ...headerChanges,
      ...words(`name match route redirect direct_response non_forwarding_action metadata typed_per_filter_config
        stat_prefix per_request_buffer_limit_bytes request_body_buffer_limit`),
    ],
    harmless: words('decorator tracing'),
  },
  'envoy.config.route.v3.RouteMatch': {
    acts: words(`prefix path safe_regex connect_matcher path_separated_prefix path_match_policy case_sensitive
      runtime_fraction headers query_parameters grpc tls_context dynamic_metadata cookies filter_state`),
  },
  'envoy.config.route.v3.RouteAction': {
    acts: words(`cluster cluster_header weighted_clusters cluster_not_found_response_code metadata_match prefix_rewrite
      regex_rewrite path_rewrite_policy path_rewrite host_rewrite_literal auto_host_rewrite host_rewrite_header
      host_rewrite_path_regex host_rewrite append_x_forwarded_host timeout idle_timeout retry_policy
      priority max_grpc_timeout grpc_timeout_offset upgrade_configs internal_redirect_policy internal_redirect_action
      max_internal_redirects max_stream_duration cors hash_policy rate_limits include_vh_rate_limits
      request_mirror_policies hedge_policy cluster_specifier_plugin inline_cluster_specifier_plugin`),
    // HTTP/1 has no buffer of a stream's own whose flushing could take too long.
    harmless: words('early_data_policy flush_timeout'),
  },
  'envoy.config.route.v3.ClusterSpecifierPlugin': { acts: words('extension is_optional') },
  'envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier': { acts: ['cluster_matcher'] },
  'envoy.config.route.v3.RouteAction.RequestMirrorPolicy': {
    acts: words(`cluster cluster_header runtime_fraction disable_shadow_host_suffix_append request_headers_mutations
      host_rewrite_literal`),
    harmless: ['trace_sampled'],
  },
  'envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig': { acts: words('proxy_protocol_config allow_post') },
  'envoy.config.route.v3.WeightedCluster': {
    acts: words('clusters total_weight runtime_key_prefix header_name use_hash_policy'),
  },
  'envoy.config.route.v3.WeightedCluster.ClusterWeight': {
    acts: [
      ...headerChanges,
      ...words('name cluster_header weight metadata_match typed_per_filter_config host_rewrite_literal'),
    ],
  },
  'envoy.config.route.v3.RedirectAction': {
    acts: words(`https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite
      response_code strip_query path_rewrite`),
  },
  'envoy.config.route.v3.DirectResponseAction': { acts: words('status body body_format') },
  'envoy.config.route.v3.InternalRedirectPolicy': {
    acts: words(`max_internal_redirects redirect_response_codes predicates allow_cross_scheme_redirect
      response_headers_to_copy`),
  },
  'envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig': {
    acts: ['allowed_route_names'],
  },
  'envoy.extensions.internal_redirect.filter_state.v3.FilterStateConfig': {
    acts: words('redirect_enabled_key redirect_if_absent'),
  },
  'envoy.config.route.v3.RetryPolicy': {
    acts: words(`retry_on num_retries per_try_timeout per_try_idle_timeout retriable_status_codes retry_back_off
      rate_limited_retry_back_off retriable_headers retriable_request_headers retry_host_predicate retry_priority
      host_selection_retry_max_attempts`),
  },
  'envoy.config.route.v3.HedgePolicy': {
    acts: ['hedge_on_per_try_timeout'],
    // Envoy does not act on them either.
    harmless: words('initial_requests additional_request_chance'),
  },
  'envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig': { acts: ['metadata_match'] },
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig': { acts: ['update_frequency'] },
  'envoy.config.route.v3.HeaderMatcher': {
    acts: words(`name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match
      string_match invert_match treat_missing_header_as_empty`),
  },
}
