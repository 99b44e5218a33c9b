// Fields of the HTTP filters that hold traffic back or say where it goes: faults, limits, sessions.
import { type FieldTable, words } from './field_table.ts'

const rateLimit = 'envoy.config.route.v3.RateLimit'
const filters = 'envoy.extensions.filters'
const session = 'envoy.extensions.http.stateful_session'

export const trafficFields: FieldTable = {
  [`${filters}.http.fault.v3.HTTPFault`]: {
    acts: words(`delay abort upstream_cluster headers downstream_nodes max_active_faults response_rate_limit
      delay_percent_runtime abort_percent_runtime delay_duration_runtime abort_http_status_runtime
      max_active_faults_runtime response_rate_limit_percent_runtime abort_grpc_status_runtime
      disable_downstream_cluster_stats filter_metadata`),
  },
  [`${filters}.http.fault.v3.FaultAbort`]: {
    acts: words('http_status grpc_status header_abort percentage response_body'),
  },
  [`${filters}.http.adaptive_concurrency.v3.AdaptiveConcurrency`]: {
    acts: words('gradient_controller_config enabled concurrency_limit_exceeded_status'),
  },
  [`${filters}.http.admission_control.v3.AdmissionControl`]: {
    acts: words(`enabled success_criteria sampling_window aggression sr_threshold rps_threshold
      max_rejection_probability`),
  },
  [`${filters}.http.bandwidth_limit.v3.BandwidthLimit`]: {
    acts: words(`stat_prefix enable_mode limit_kbps fill_interval runtime_enabled enable_response_trailers
      response_trailer_prefix`),
  },
  [`${filters}.http.local_ratelimit.v3.LocalRateLimit`]: {
    acts: words(`stat_prefix status token_bucket filter_enabled filter_enforced
      request_headers_to_add_when_not_enforced response_headers_to_add descriptors stage
      local_rate_limit_per_downstream_connection local_cluster_rate_limit enable_x_ratelimit_headers vh_rate_limits
      always_consume_default_token_bucket rate_limited_as_resource_exhausted rate_limits max_dynamic_descriptors
      enable_retry_after_header`),
  },
  [`${filters}.http.ratelimit.v3.RateLimit`]: {
    acts: words(`domain stage request_type timeout failure_mode_deny rate_limited_as_resource_exhausted
      rate_limit_service enable_x_ratelimit_headers disable_x_envoy_ratelimited_header rate_limited_status
      response_headers_to_add status_on_error stat_prefix filter_enabled filter_enforced failure_mode_deny_percent
      rate_limits metadata_namespace enable_retry_after_header`),
  },
  // Envoy has no effect of override_option.
  [`${filters}.http.ratelimit.v3.RateLimitPerRoute`]: {
    acts: words('vh_rate_limits rate_limits domain'),
    harmless: ['override_option'],
  },
  [`${filters}.network.ratelimit.v3.RateLimit`]: {
    acts: words('stat_prefix domain descriptors timeout failure_mode_deny rate_limit_service'),
  },
  // The network filter sends entries alone.
  'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor': {
    acts: words('entries'),
    harmless: words('limit hits_addend is_negative_hits'),
  },
  'envoy.config.ratelimit.v3.RateLimitServiceConfig': { acts: words('grpc_service transport_api_version') },
  'envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor': { acts: words('entries token_bucket shadow_mode') },
  [rateLimit]: {
    acts: words('stage disable_key actions limit hits_addend apply_on_stream_done x_ratelimit_option'),
  },
  [`${rateLimit}.Action`]: {
    acts: words(`source_cluster destination_cluster request_headers remote_address generic_key header_value_match
      metadata extension masked_remote_address query_parameter_value_match query_parameters remote_address_match`),
  },
  // Envoy reads default values only with a runtime guard that is off, by which values become formats.
  [`${rateLimit}.Action.GenericKey`]: {
    acts: words('descriptor_value descriptor_key'),
    harmless: ['default_value'],
  },
  [`${rateLimit}.Action.HeaderValueMatch`]: {
    acts: words('descriptor_key descriptor_value expect_match headers'),
    harmless: ['default_value'],
  },
  [`${rateLimit}.Action.QueryParameterValueMatch`]: {
    acts: words('descriptor_key descriptor_value expect_match query_parameters'),
    harmless: ['default_value'],
  },
  [`${rateLimit}.Action.RemoteAddressMatch`]: {
    acts: words('descriptor_value descriptor_key address_matcher'),
    harmless: ['default_value'],
  },
  [`${filters}.http.stateful_session.v3.StatefulSession`]: {
    acts: words('session_state strict stat_prefix status_on_strict_destination_not_found'),
  },
  [`${filters}.http.stateful_session.v3.StatefulSessionPerRoute`]: { acts: words('disabled stateful_session') },
  [`${session}.cookie.v3.CookieBasedSessionState`]: { acts: ['cookie'] },
  [`${session}.header.v3.HeaderBasedSessionState`]: { acts: ['name'] },
  [`${session}.envelope.v3.EnvelopeSessionState`]: { acts: ['header'] },
  [`${session}.envelope.v3.EnvelopeSessionState.Header`]: { acts: ['name'] },
  [`${filters}.common.fault.v3.FaultDelay`]: { acts: words('fixed_delay header_delay percentage') },
  [`${filters}.common.fault.v3.FaultRateLimit`]: { acts: words('fixed_limit header_limit percentage') },
}
