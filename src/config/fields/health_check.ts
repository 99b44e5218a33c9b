// Fields of active health checks, of health discovery, and of the filter that answers checks.
import { type FieldTable, words } from './field_table.ts'

export const healthCheckFields: FieldTable = {
  'envoy.config.core.v3.HealthCheck': {
    acts: words(`name timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold
      healthy_threshold reuse_connection http_health_check tcp_health_check grpc_health_check custom_health_check
      no_traffic_interval no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval
      healthy_edge_interval event_log_path event_logger always_log_health_check_failures
      always_log_health_check_success tls_options transport_socket_match_criteria`),
    // Envoy ignores both.
    harmless: words('alt_port event_service'),
  },
  'envoy.config.core.v3.HealthCheck.HttpHealthCheck': {
    acts: words(`host path send receive response_buffer_size request_headers_to_add request_headers_to_remove
      expected_statuses retriable_statuses codec_client_type service_name_matcher method`),
  },
  'envoy.config.core.v3.HealthCheck.TcpHealthCheck': { acts: words('send receive proxy_protocol_config') },
  'envoy.config.core.v3.HealthCheck.GrpcHealthCheck': { acts: words('service_name authority initial_metadata') },
  'envoy.config.core.v3.HealthCheck.TlsOptions': { acts: ['alpn_protocols'] },
  'envoy.config.endpoint.v3.Endpoint.HealthCheckConfig': {
    acts: words('port_value hostname address disable_active_health_check'),
  },
  'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink': { acts: ['event_log_path'] },
  'envoy.extensions.filters.http.health_check.v3.HealthCheck': {
    acts: words('pass_through_mode cache_time cluster_min_healthy_percentages headers'),
  },
  'envoy.service.health.v3.HealthCheckSpecifier': { acts: words('cluster_health_checks interval') },
  'envoy.service.health.v3.ClusterHealthCheck': {
    acts: words('cluster_name health_checks locality_endpoints transport_socket_matches upstream_bind_config'),
  },
  'envoy.service.health.v3.LocalityEndpoints': { acts: words('locality endpoints') },
}
