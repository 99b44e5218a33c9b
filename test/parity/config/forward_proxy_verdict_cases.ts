/** Forward proxies that Envoy accepts or refuses in `--mode validate`. */
import { http1Options, httpFilter, indent, cluster as staticCluster } from '../yaml.ts'
import type { VerdictCase } from './verdict_cases.ts'
import { boot } from './verdict_cases.ts'

const EXTENSIONS = 'type.googleapis.com/envoy.extensions'
const CACHE = 'dns_cache_config: { name: hosts }'
const cacheOf = (fields: string): string => `dns_cache_config: { name: hosts, ${fields} }`

function clusterYaml(name: string, config: string, more = ''): string {
  return `
- name: ${name}
  ${more.includes('lb_policy') ? '' : 'lb_policy: CLUSTER_PROVIDED'}
  cluster_type:
    name: envoy.clusters.dynamic_forward_proxy
    typed_config: { "@type": ${EXTENSIONS}.clusters.dynamic_forward_proxy.v3.ClusterConfig, ${config} }
${indent(more, 2)}
`
}

const cluster = (name: string, config: string, more = ''): VerdictCase => ({
  name: `forward proxy: ${name}`,
  yaml: boot({ clusters: clusterYaml('c', config, more) }),
})
const cache = (name: string, fields: string): VerdictCase => cluster(name, cacheOf(fields))
const explicit = (fields: string): string =>
  http1Options(`${fields}\nexplicit_http_config: { http_protocol_options: {} }`)
const names = (fields: string): string => explicit(`upstream_http_protocol_options: { ${fields} }`)
const BOTH = 'auto_sni: true, auto_san_validation: true'
const TLS = `transport_socket: { name: tls, typed_config: { "@type": ${EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext } }`

function filter(name: string, config: string, clusters?: string): VerdictCase {
  const filters = `${httpFilter('dynamic_forward_proxy', 'FilterConfig', config)}\n${httpFilter('router', 'Router')}`
  return {
    name: `forward proxy: filter: ${name}`,
    yaml: boot({ filters, clusters: clusters ?? staticCluster('c', '', '1') }),
  }
}

function ofRoute(name: string, fields: string): VerdictCase {
  const type = `${EXTENSIONS}.filters.http.dynamic_forward_proxy.v3.PerRouteConfig`
  const settings = `typed_per_filter_config: { envoy.filters.http.dynamic_forward_proxy: { "@type": ${type}, ${fields} } }`
  const routes = `- { match: { prefix: / }, direct_response: { status: 200 }, ${settings} }`
  return { name: `forward proxy: route: ${name}`, yaml: boot({ routes }) }
}

const preresolved = (...names: string[]): string =>
  `preresolve_hostnames: [ ${names.map((name) => `{ address: ${name}, port_value: 1 }`).join(', ')} ]`
const RANGE = '{ address_prefix: 10.0.0.0, prefix_len: 8 }'

export const forwardProxyVerdictCases: readonly VerdictCase[] = [
  cluster('plain', CACHE),
  cluster('over TLS', CACHE, TLS),
  cluster('another policy', CACHE, 'lb_policy: ROUND_ROBIN'),
  cluster('options without names', CACHE, explicit('')),
  cluster('options without a check of names', CACHE, names('auto_sni: true')),
  cluster('options with both', CACHE, names(BOTH)),
  cluster('options without names, allowed', `${CACHE}, allow_insecure_cluster_options: true`, explicit('')),
  cluster('older options without a check', CACHE, 'upstream_http_protocol_options: { auto_sni: true }'),
  cluster('older options with both', CACHE, `upstream_http_protocol_options: { ${BOTH} }`),
  cluster('HTTP/2 the older way', CACHE, 'http2_protocol_options: {}'),
  cluster('a load assignment', CACHE, 'load_assignment: { cluster_name: c }'),
  cluster('a cache without a name', 'dns_cache_config: {}'),
  cache('no hosts', 'max_hosts: 0'),
  cache('more hosts before than may be', `max_hosts: 1, ${preresolved('a', 'b')}`),
  cache('as many hosts before as may be', `max_hosts: 2, ${preresolved('a', 'b')}`),
  cache('a host before without a port', 'preresolve_hostnames: [ { address: a } ]'),
  cache('a host before without a name', 'preresolve_hostnames: [ { port_value: 1 } ]'),
  cache('refreshed too soon', 'dns_min_refresh_rate: 0.5s'),
  cache('refreshed sooner than it may be', 'dns_refresh_rate: 1s'),
  cache('never refreshed', 'dns_refresh_rate: 0s'),
  cache('idle for no time', 'host_ttl: 0s'),
  cache('no time for answers', 'dns_query_timeout: 0s'),
  cache('failures without a first interval', 'dns_failure_refresh_rate: { max_interval: 1s }'),
  cache('failures', 'dns_failure_refresh_rate: { base_interval: 1s, max_interval: 3s }'),
  cache('a breaker', 'dns_cache_circuit_breaker: { max_pending_requests: 0 }'),
  cache('denied addresses', `resolved_address_filter: { ranges: [ ${RANGE} ] }`),
  cache('denied addresses that are none', 'resolved_address_filter: { ranges: [ { address_prefix: x } ] }'),
  cache('denied addresses, none', 'resolved_address_filter: {}'),
  cache('all families', 'dns_lookup_family: ALL'),
  cache('an unknown family', 'dns_lookup_family: V5_ONLY'),
  cache('a store', 'key_value_config: {}'),
  cache(
    'an unknown resolver',
    'typed_dns_resolver_config: { name: x, typed_config: { "@type": type.googleapis.com/google.protobuf.Struct } }',
  ),
  {
    name: 'forward proxy: two clusters with one cache',
    yaml: boot({ clusters: clusterYaml('c', CACHE) + clusterYaml('d', CACHE) }),
  },
  {
    name: 'forward proxy: two clusters that do not agree',
    yaml: boot({ clusters: clusterYaml('c', CACHE) + clusterYaml('d', cacheOf('max_hosts: 1')) }),
  },
  filter('plain', CACHE),
  filter('a cache without a name', 'dns_cache_config: {}'),
  filter('with its cluster', CACHE, clusterYaml('c', CACHE)),
  filter('that does not agree with its cluster', CACHE, clusterYaml('c', cacheOf('host_ttl: 1s'))),
  filter('with a default written out', cacheOf('dns_lookup_family: AUTO'), clusterYaml('c', CACHE)),
  ofRoute('a name', 'host_rewrite_literal: a.test'),
  ofRoute('a header', 'host_rewrite_header: x-host'),
  ofRoute('both', 'host_rewrite_literal: a.test, host_rewrite_header: x-host'),
  ofRoute('neither', ''),
]
