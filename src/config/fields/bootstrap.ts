// Fields of the bootstrap itself, the admin interface, runtime, stats and overload.
import { type FieldTable, words } from './field_table.ts'

export const bootstrapFields: FieldTable = {
  'envoy.config.bootstrap.v3.Bootstrap': {
    acts: words(`node static_resources dynamic_resources cluster_manager flags_path stats_config stats_flush_interval stats_flush_on_admin
      layered_runtime admin overload_manager stats_server_version_override use_tcp_for_dns_lookups
      dns_resolution_config typed_dns_resolver_config application_log_config hds_config node_context_params
      config_sources default_config_source`),
    harmless: words(`deferred_stat_options watchdog watchdogs enable_dispatcher_stats perf_tracing_file_path
      default_socket_interface inline_headers grpc_async_client_manager_config memory_allocator_manager
      enable_worker_cpu_affinity stats_eviction_interval default_regex_engine`),
  },
  'envoy.config.bootstrap.v3.Bootstrap.StaticResources': { acts: words('listeners clusters secrets') },
  'envoy.config.bootstrap.v3.Admin': {
    acts: words('access_log access_log_path profile_path address socket_options allow_paths ignore_global_conn_limit'),
  },
  'envoy.config.bootstrap.v3.ClusterManager': {
    acts: words('upstream_bind_config local_cluster_name load_stats_config outlier_detection'),
    harmless: words('enable_deferred_cluster_creation'),
  },
  'envoy.config.bootstrap.v3.ClusterManager.OutlierDetection': {
    acts: ['event_log_path'],
    // Envoy ignores it, too.
    harmless: ['event_service'],
  },
  'envoy.config.bootstrap.v3.LayeredRuntime': { acts: ['layers'] },
  'envoy.config.bootstrap.v3.RuntimeLayer': { acts: words('name static_layer disk_layer admin_layer rtds_layer') },
  'envoy.config.bootstrap.v3.RuntimeLayer.RtdsLayer': { acts: words('name rtds_config') },
  'envoy.config.core.v3.Node': {
    acts: words('id cluster metadata locality'),
    harmless: words(`dynamic_parameters user_agent_name user_agent_version user_agent_build_version extensions
      client_features listening_addresses`),
  },
  'envoy.config.metrics.v3.StatsConfig': {
    acts: words('stats_tags use_all_default_tags stats_matcher histogram_bucket_settings'),
    harmless: ['allow_default_tag_overrides'],
  },
  'envoy.config.overload.v3.OverloadManager': {
    acts: words('refresh_interval resource_monitors actions loadshed_points buffer_factory_config'),
  },
  'envoy.config.overload.v3.BufferFactoryConfig': { acts: ['minimum_account_to_track_power_of_two'] },
  'envoy.config.overload.v3.ScaleTimersOverloadActionConfig': { acts: ['timer_scale_factors'] },
  'envoy.config.overload.v3.ScaleTimersOverloadActionConfig.ScaleTimer': { acts: words('timer min_timeout min_scale') },
  // How much V8 keeps for itself is its own matter.
  'envoy.config.overload.v3.ShrinkHeapConfig': { acts: ['timer_interval'], harmless: ['max_unfreed_memory_bytes'] },
}
