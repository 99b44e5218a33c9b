/** Load balancing policies that Envoy accepts or refuses in `--mode validate`. */
import type { VerdictCase } from './verdict_cases.ts'
import { boot } from './verdict_cases.ts'

const EXTENSIONS = 'type.googleapis.com/envoy.extensions'
const address = (host: string): string =>
  `load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: ${host}, port_value: 80 } } } } ] } ] }`

function cluster(name: string, fields: string, host = '127.0.0.1'): VerdictCase {
  return { name: `balancing: ${name}`, yaml: boot({ clusters: `- { name: c, ${address(host)}, ${fields} }` }) }
}

const list = (message: string): string =>
  `{ policies: [ { typed_extension_config: { name: p, typed_config: { "@type": ${message} } } } ] }`
const typed = (policy: string): string => `${EXTENSIONS}.load_balancing_policies.${policy}`
const policy = (name: string, message: string): VerdictCase =>
  cluster(name, `load_balancing_policy: ${list(typed(message))}`)
const ROUND_ROBIN = list(typed('round_robin.v3.RoundRobin'))
const CLIENT_SIDE = 'client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin'
const unknownPolicy = list('type.googleapis.com/google.protobuf.Struct')
const subsets = (fields: string): string => `lb_subset_config: { ${fields} }`
const selector = (fields: string): string => subsets(`subset_selectors: [ { ${fields} } ]`)
const aggregate = (fields: string): string =>
  `cluster_type: { name: envoy.clusters.aggregate, typed_config: { "@type": ${EXTENSIONS}.clusters.aggregate.v3.ClusterConfig, ${fields} } }`
const composite = (fields: string): string =>
  `cluster_type: { name: envoy.clusters.composite, typed_config: { "@type": ${EXTENSIONS}.clusters.composite.v3.ClusterConfig, ${fields} } }`
const byHostname = 'common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } }'

export const balancingVerdictCases: readonly VerdictCase[] = [
  cluster('subset with keys to fall back to, none', selector('keys: [ a ], fallback_policy: KEYS_SUBSET')),
  cluster(
    'subset with keys to fall back to, others',
    selector('keys: [ a ], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [ b ]'),
  ),
  cluster(
    'subset with keys to fall back to, the same',
    selector('keys: [ a, b ], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [ b, a ]'),
  ),
  cluster(
    'subset with keys to fall back to',
    selector('keys: [ a, b ], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [ b ]'),
  ),
  cluster('subset with keys of no fallback', selector('keys: [ a ], fallback_keys_subset: [ a ]')),
  cluster('subset without keys', selector('keys: []')),
  cluster('subset of one host by two keys', selector('keys: [ a, b ], single_host_per_subset: true')),
  cluster('subset without selectors', subsets('fallback_policy: ANY_ENDPOINT')),
  cluster('subset over the cluster', `lb_policy: CLUSTER_PROVIDED, ${selector('keys: [ a ]')}`),
  cluster('subset over ring hash', `lb_policy: RING_HASH, ${selector('keys: [ a ]')}`),
  cluster('subset beside a list', `load_balancing_policy: ${ROUND_ROBIN}, ${selector('keys: [ a ]')}`),
  cluster(
    'subset without selectors beside a list',
    `load_balancing_policy: ${ROUND_ROBIN}, ${subsets('panic_mode_any: true')}`,
  ),
  policy('subset policy without a child', 'subset.v3.Subset'),
  policy('subset policy with an empty list', 'subset.v3.Subset, subset_lb_policy: {}'),
  policy('subset policy with an unknown child', `subset.v3.Subset, subset_lb_policy: ${unknownPolicy}`),
  policy('subset policy', `subset.v3.Subset, subset_lb_policy: ${ROUND_ROBIN}, subset_selectors: [ { keys: [ a ] } ]`),
  policy('subset policy without selectors', `subset.v3.Subset, subset_lb_policy: ${ROUND_ROBIN}`),
  cluster('empty list', 'load_balancing_policy: { policies: [] }'),
  cluster('unknown policy', `load_balancing_policy: ${unknownPolicy}`),
  cluster('cluster provided by none', 'lb_policy: CLUSTER_PROVIDED'),
  policy('cluster provided by none, as a policy', 'cluster_provided.v3.ClusterProvided'),
  cluster('maglev table of no prime', 'lb_policy: MAGLEV, maglev_lb_config: { table_size: 10 }'),
  cluster('maglev table of two', 'lb_policy: MAGLEV, maglev_lb_config: { table_size: 2 }'),
  cluster('maglev table too large', 'lb_policy: MAGLEV, maglev_lb_config: { table_size: 5000012 }'),
  policy('maglev policy of no prime', 'maglev.v3.Maglev, table_size: 65538'),
  cluster(
    'ring upside down',
    'lb_policy: RING_HASH, ring_hash_lb_config: { minimum_ring_size: 10, maximum_ring_size: 5 }',
  ),
  cluster('ring too large', 'lb_policy: RING_HASH, ring_hash_lb_config: { minimum_ring_size: 8388609 }'),
  policy('ring policy upside down', 'ring_hash.v3.RingHash, minimum_ring_size: 10, maximum_ring_size: 5'),
  policy('ring policy with a small balance factor', 'ring_hash.v3.RingHash, hash_balance_factor: 99'),
  policy(
    'ring policy with a hash of its own',
    'ring_hash.v3.RingHash, consistent_hashing_lb_config: { hash_policy: [ { header: { header_name: x } } ] }',
  ),
  cluster(
    'small balance factor',
    'lb_policy: RING_HASH, common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 99 } }',
  ),
  cluster('hostnames of static hosts', `lb_policy: RING_HASH, ${byHostname}`),
  cluster('hostnames of static hosts, not hashed', `lb_policy: RANDOM, ${byHostname}`),
  cluster('hostnames of strict DNS', `type: STRICT_DNS, lb_policy: MAGLEV, ${byHostname}`, 'localhost'),
  cluster('hostnames of logical DNS', `type: LOGICAL_DNS, lb_policy: MAGLEV, ${byHostname}`, 'localhost'),
  cluster('ring settings of maglev', 'lb_policy: MAGLEV, ring_hash_lb_config: { minimum_ring_size: 10 }'),
  policy('locality weights without a policy', 'wrr_locality.v3.WrrLocality'),
  policy('locality weights over an empty list', 'wrr_locality.v3.WrrLocality, endpoint_picking_policy: {}'),
  policy('locality weights over round robin', `wrr_locality.v3.WrrLocality, endpoint_picking_policy: ${ROUND_ROBIN}`),
  policy(
    'locality weights over weights of the hosts',
    `wrr_locality.v3.WrrLocality, endpoint_picking_policy: ${list(typed(CLIENT_SIDE))}`,
  ),
  policy('override host without sources', 'override_host.v3.OverrideHost'),
  policy('override host without a fallback', 'override_host.v3.OverrideHost, override_host_sources: [ { header: x } ]'),
  policy(
    'override host with an empty source',
    `override_host.v3.OverrideHost, override_host_sources: [ {} ], fallback_policy: ${ROUND_ROBIN}`,
  ),
  policy(
    'override host with two sources in one',
    `override_host.v3.OverrideHost, override_host_sources: [ { header: x, metadata: { key: a, path: [ { key: b } ] } } ], fallback_policy: ${ROUND_ROBIN}`,
  ),
  policy(
    'override host with an empty fallback',
    'override_host.v3.OverrideHost, override_host_sources: [ { header: x } ], fallback_policy: {}',
  ),
  policy(
    'override host',
    `override_host.v3.OverrideHost, override_host_sources: [ { header: x } ], fallback_policy: ${ROUND_ROBIN}`,
  ),
  policy('weights of the hosts', CLIENT_SIDE),
  policy('weights of the hosts with a penalty below zero', `${CLIENT_SIDE}, error_utilization_penalty: -1`),
  policy('weights of the hosts too often', `${CLIENT_SIDE}, weight_update_period: 0.01s`),
  cluster('composite without the policy', composite('clusters: [ { name: a } ]')),
  cluster('composite of none', `lb_policy: CLUSTER_PROVIDED, ${composite('clusters: []')}`),
  cluster('composite of one without a name', `lb_policy: CLUSTER_PROVIDED, ${composite('clusters: [ {} ]')}`),
  cluster(
    'composite of one that is not there',
    `lb_policy: CLUSTER_PROVIDED, ${composite('clusters: [ { name: a } ]')}`,
  ),
  cluster('aggregate without the policy', aggregate('clusters: [ a ]')),
  cluster('aggregate of none', `lb_policy: CLUSTER_PROVIDED, ${aggregate('clusters: []')}`),
  cluster('aggregate of one that is not there', `lb_policy: CLUSTER_PROVIDED, ${aggregate('clusters: [ a ]')}`),
  cluster('aggregate by name alone', 'lb_policy: CLUSTER_PROVIDED, cluster_type: { name: envoy.clusters.aggregate }'),
  cluster(
    'aggregate with the policy as an extension',
    `load_balancing_policy: ${list(typed('cluster_provided.v3.ClusterProvided'))}, ${aggregate('clusters: [ a ]')}`,
  ),
  ...(['{ numerator: 150 }', '{ numerator: 100 }'] as const).map((drop) =>
    dropping(`drop ${drop}`, `{ category: x, drop_percentage: ${drop} }`),
  ),
  local('own cluster with one priority', 0),
  local('own cluster with another priority', 1),
  dropping('two categories', '{ category: x }, { category: z }'),
]

function local(name: string, priority: number): VerdictCase {
  const assignment = `load_assignment: { cluster_name: c, endpoints: [ { priority: ${priority} } ] }`
  const more = '\nnode: { id: a, cluster: b }\ncluster_manager: { local_cluster_name: c }'
  return { name: `balancing: ${name}`, yaml: `${boot({ clusters: `- { name: c, ${assignment} }` })}${more}` }
}

function dropping(name: string, overloads: string): VerdictCase {
  const assignment = `load_assignment: { cluster_name: c, policy: { drop_overloads: [ ${overloads} ] } }`
  return { name: `balancing: ${name}`, yaml: boot({ clusters: `- { name: c, ${assignment} }` }) }
}
