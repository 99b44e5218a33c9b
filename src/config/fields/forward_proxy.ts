// Fields of the forward proxy, whose hosts are those that requests name.
import { type FieldTable, words } from './field_table.ts'

const common = 'envoy.extensions.common.dynamic_forward_proxy.v3'
const httpFilter = 'envoy.extensions.filters.http.dynamic_forward_proxy.v3'

export const forwardProxyFields: FieldTable = {
  [`${common}.DnsCacheConfig`]: {
    acts: words(`name dns_lookup_family dns_refresh_rate dns_min_refresh_rate host_ttl max_hosts
      dns_failure_refresh_rate dns_cache_circuit_breaker dns_resolution_config typed_dns_resolver_config
      preresolve_hostnames disable_dns_refresh_on_failure dns_query_timeout resolved_address_filter`),
    // TCP is used for answers that a datagram cannot hold.
    harmless: ['use_tcp_for_dns_lookups'],
  },
  [`${common}.DnsCacheCircuitBreakers`]: { acts: ['max_pending_requests'] },
  'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig': {
    acts: words('dns_cache_config allow_insecure_cluster_options'),
  },
  [`${httpFilter}.FilterConfig`]: {
    acts: words('dns_cache_config save_upstream_address allow_dynamic_host_from_filter_state'),
  },
  [`${httpFilter}.PerRouteConfig`]: { acts: words('host_rewrite_literal host_rewrite_header') },
  'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig': {
    acts: words('dns_cache_config port_value save_upstream_address'),
  },
}
