/** Clusters of type ORIGINAL_DST that Envoy accepts or refuses in `--mode validate`. */
import { indent } from '../yaml.ts'
import { boot, type VerdictCase } from './verdict_cases.ts'

const PROVIDED = 'lb_policy: CLUSTER_PROVIDED'
const TYPE = 'type: ORIGINAL_DST'
const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'

const cluster = (name: string, fields: string): VerdictCase => ({
  name: `ORIGINAL_DST: ${name}`,
  yaml: boot({ clusters: `- name: c\n${indent(fields, 2)}` }),
})
const config = (name: string, fields: string): VerdictCase =>
  cluster(name, `${TYPE}\n${PROVIDED}\noriginal_dst_lb_config: { ${fields} }`)
const policy = (folder: string, message: string): string =>
  `load_balancing_policy: { policies: [ { typed_extension_config: { name: p, typed_config: { "@type": ${POLICIES}.${folder}.v3.${message} } } } ] }`
const provided = policy('cluster_provided', 'ClusterProvided')

export const originalDstVerdictCases: readonly VerdictCase[] = [
  cluster('plain', `${TYPE}\n${PROVIDED}`),
  cluster('by its own name', `cluster_type: { name: envoy.cluster.original_dst }\n${PROVIDED}`),
  cluster('by its own name, another policy', 'cluster_type: { name: envoy.cluster.original_dst }'),
  cluster('another policy', TYPE),
  cluster('a policy of another kind', `${TYPE}\nlb_policy: RING_HASH`),
  cluster('policy as an extension', `${TYPE}\n${provided}`),
  cluster('policy as an extension and by its name', `${TYPE}\n${PROVIDED}\n${provided}`),
  cluster('another policy as an extension', `${TYPE}\n${PROVIDED}\n${policy('round_robin', 'RoundRobin')}`),
  cluster('subsets', `${TYPE}\n${PROVIDED}\nlb_subset_config: { subset_selectors: [ { keys: [ a ] } ] }`),
  cluster('endpoints', `${TYPE}\n${PROVIDED}\nload_assignment: { cluster_name: c }`),
  cluster('cleanup', `${TYPE}\n${PROVIDED}\ncleanup_interval: 1s`),
  cluster('no time for cleanup', `${TYPE}\n${PROVIDED}\ncleanup_interval: 0s`),
  cluster('cleanup of another type', 'cleanup_interval: 1s'),
  cluster('outliers', `${TYPE}\n${PROVIDED}\noutlier_detection: {}`),
  config('header', 'use_http_header: true'),
  config('a header of its own', 'use_http_header: true, http_header_name: x-to'),
  config('a header that is not used', 'http_header_name: x-to'),
  config('port', 'upstream_port_override: 80'),
  config('port too large', 'upstream_port_override: 65536'),
  config('metadata', 'metadata_key: { key: a, path: [ { key: b } ] }'),
  config('metadata without a path', 'metadata_key: { key: a }'),
  config('metadata without a key', 'metadata_key: { path: [ { key: b } ] }'),
  cluster('settings of another type', 'original_dst_lb_config: { use_http_header: true }'),
]
