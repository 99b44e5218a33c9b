// Sums of weights that are too large for policies that hash: refused, as in Envoy.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { HostSnapshot } from './host.ts'
import { localityKey } from './priority_set.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const largest = 0xffff_ffff
const hashingPolicies: ReadonlySet<string> = new Set([
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev',
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash',
])

/** `view` is the cluster's, `owner` the load assignment's. */
export function checkWeights(
  view: ClusterView,
  priorities: readonly (readonly HostSnapshot[])[],
  owner: object | undefined,
  errors: ConfigErrors,
): void {
  if (owner === undefined || !hashesHosts(view)) return
  for (const hosts of priorities) {
    if (sum(hosts.map((host) => host.weight)) > largest) {
      const text = `The sum of weights of all upstream hosts in a locality exceeds ${largest}`
      errors.add(owner, 'endpoints', text)
    }
    const localities = new Map(hosts.map((host) => [localityKey(host.locality), host.localityWeight]))
    if (sum([...localities.values()]) > largest) {
      const text = `The sum of weights of all localities at the same priority exceeds ${largest}`
      errors.add(owner, 'endpoints', text)
    }
  }
}

function hashesHosts(view: ClusterView): boolean {
  const policies = view.loadBalancingPolicy?.policies
  if (policies === undefined) return view.lbPolicy === 'RING_HASH' || view.lbPolicy === 'MAGLEV'
  return policies.some(({ typedExtensionConfig }) =>
    hashingPolicies.has(typedExtensionConfig?.typedConfig?.typeUrl ?? ''),
  )
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
