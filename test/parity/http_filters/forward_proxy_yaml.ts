/** What the YAML of forward proxies is made of. */
import { indent } from '../yaml.ts'

export const EXTENSIONS = 'type.googleapis.com/envoy.extensions'

/** Nothing is looked up again while a case is looked at, unless `more` says so. */
const RARELY = 'dns_min_refresh_rate: 300s, dns_refresh_rate: 300s'

/** A DNS cache that asks a server of the test. */
export function cacheConfig(name: string, dnsPort: number, more = ''): string {
  const server = `{ socket_address: { address: 127.0.0.1, port_value: ${dnsPort} } }`
  const options = 'query_tries: 1, dns_resolver_options: { no_default_search_domain: true }'
  const type = `${EXTENSIONS}.network.dns_resolver.cares.v3.CaresDnsResolverConfig`
  const resolver = `typed_dns_resolver_config: { name: envoy.network.dns_resolver.cares, typed_config: { "@type": ${type}, resolvers: [ ${server} ], ${options} } }`
  const family = more.includes('dns_lookup_family') ? '' : ', dns_lookup_family: V4_ONLY'
  const rates = more.includes('dns_min_refresh_rate') ? '' : `, ${RARELY}`
  return `dns_cache_config: { name: ${name}, ${resolver}${rates}${family}${more} }`
}

export function forwardProxyCluster(name: string, config: string, more = ''): string {
  return `
- name: ${name}
  connect_timeout: 1s
  lb_policy: CLUSTER_PROVIDED
  cluster_type:
    name: envoy.clusters.dynamic_forward_proxy
    typed_config: { "@type": ${EXTENSIONS}.clusters.dynamic_forward_proxy.v3.ClusterConfig, ${config} }
${indent(more, 2)}
`
}
