// What `lb_policy`, `lb_subset_config` and the fields beside them say, as the messages of the policies have it.

import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { originOf, setOrigin } from '../config/view_origin.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const policies = 'envoy.extensions.load_balancing_policies'

/** Undefined after reporting that the cluster names no policy. */
export function olderPolicy(view: ClusterView, errors: ConfigErrors): TypedConfig | undefined {
  const policy = withoutSubsets(view, errors)
  const subsets = view.lbSubsetConfig
  if (policy === undefined || subsets === undefined || subsets.subsetSelectors.length === 0) return policy
  if (view.lbPolicy === 'CLUSTER_PROVIDED') {
    errors.add(view, 'lbPolicy', 'cluster: LB policy CLUSTER_PROVIDED cannot be combined with lb_subset_config')
  }
  const child = { typedExtensionConfig: { name: view.lbPolicy, typedConfig: policy } }
  return typed('subset.v3.Subset', view, { ...subsets, subsetLbPolicy: { policies: [child] } })
}

function withoutSubsets(view: ClusterView, errors: ConfigErrors): TypedConfig | undefined {
  const { commonLbConfig } = view
  const localityLbConfig = commonLbConfig
  switch (view.lbPolicy) {
    case 'ROUND_ROBIN':
      return typed('round_robin.v3.RoundRobin', view, { ...view.roundRobinLbConfig, localityLbConfig })
    case 'LEAST_REQUEST':
      return typed('least_request.v3.LeastRequest', view, { ...view.leastRequestLbConfig, localityLbConfig })
    case 'RANDOM':
      return typed('random.v3.Random', view, { localityLbConfig })
    case 'RING_HASH':
      return typed('ring_hash.v3.RingHash', view.ringHashLbConfig ?? view, {
        ...(view.ringHashLbConfig ?? { hashFunction: 'XX_HASH' }),
        useHostnameForHashing: false,
        ...hashing(view),
      })
    case 'MAGLEV':
      return typed('maglev.v3.Maglev', view.maglevLbConfig ?? view, { ...view.maglevLbConfig, ...hashing(view) })
    case 'CLUSTER_PROVIDED':
      return typed('cluster_provided.v3.ClusterProvided', view, {})
    case 'LOAD_BALANCING_POLICY_CONFIG':
      errors.add(view, 'lbPolicy', 'cluster: field load_balancing_policy need to be set')
      return undefined
  }
}

function hashing({ commonLbConfig }: ClusterView): object {
  const config = commonLbConfig?.consistentHashingLbConfig
  return {
    consistentHashingLbConfig: config === undefined ? undefined : { ...config, hashPolicy: [] },
    localityWeightedLbConfig: commonLbConfig?.localityWeightedLbConfig,
  }
}

/** Errors about the new message point at the old one. */
function typed(type: string, source: object, value: object): TypedConfig {
  const origin = originOf(source)
  if (origin !== undefined) setOrigin(value, origin)
  return { typeUrl: `${policies}.${type}`, value }
}
