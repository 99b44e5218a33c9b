// Fields of the sources that configuration is discovered from.
import { type FieldTable, words } from './field_table.ts'

const core = 'envoy.config.core.v3'
export const xdsFields: FieldTable = {
  [`${core}.ConfigSource`]: {
    acts: words('path path_config_source api_config_source ads self initial_fetch_timeout authorities'),
    // There is but one version left.
    meaningless: ['resource_api_version'],
  },
  [`${core}.PathConfigSource`]: { acts: words('path watched_directory'), harmless: ['poll_interval'] },
  [`${core}.ApiConfigSource`]: {
    acts: words(`api_type cluster_names grpc_services refresh_delay request_timeout rate_limit_settings
      set_node_on_first_message_only`),
    meaningless: ['transport_api_version'],
  },
  [`${core}.GrpcService`]: {
    acts: words('envoy_grpc google_grpc initial_metadata timeout'),
    harmless: ['retry_policy'],
  },
  [`${core}.GrpcService.EnvoyGrpc`]: {
    acts: words('cluster_name authority retry_policy skip_envoy_headers max_receive_message_length'),
  },
  [`${core}.GrpcService.GoogleGrpc`]: {
    acts: words('target_uri channel_credentials stat_prefix channel_args'),
    harmless: ['per_stream_buffer_limit_bytes'],
  },
  [`${core}.GrpcService.GoogleGrpc.ChannelCredentials`]: { acts: words('ssl_credentials local_credentials') },
  [`${core}.RetryPolicy`]: {
    acts: words('retry_back_off num_retries'),
    harmless: words('retry_on retry_priority retry_host_predicate host_selection_retry_max_attempts'),
  },
  'envoy.config.bootstrap.v3.Bootstrap.DynamicResources': {
    acts: words('lds_config cds_config ads_config lds_resources_locator cds_resources_locator'),
  },
  'envoy.config.cluster.v3.Cluster.EdsClusterConfig': { acts: words('eds_config service_name') },
  'envoy.extensions.filters.network.http_connection_manager.v3.Rds': { acts: words('config_source route_config_name') },
}
