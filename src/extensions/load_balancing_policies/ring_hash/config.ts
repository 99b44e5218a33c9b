// envoy.load_balancing_policies.ring_hash

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ClusterInfo } from '../../../upstream/cluster_info.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import { HashRing, type HashRingSettings } from '../../../upstream/load_balancers/hash_ring.ts'
import type { CreateHashTable } from '../../../upstream/load_balancers/hash_table.ts'
import { HashingLoadBalancer } from '../../../upstream/load_balancers/hashing_load_balancer.ts'
import type { ServerContext } from '../../../upstream/server_context.ts'
import { hashingSettings } from './hashing_settings.ts'

type RingHash = envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash

const defaultMinSize = 1024
const defaultMaxSize = 8 * 1024 * 1024

export const ringHash: LoadBalancerFactory<RingHash> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.ring_hash',
  typeUrls: ['envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash'],
  createLoadBalancer(config, info, context) {
    const { consistentHashingLbConfig: hashing, localityWeightedLbConfig } = config
    const minSize = config.minimumRingSize ?? defaultMinSize
    const maxSize = config.maximumRingSize ?? defaultMaxSize
    if (minSize > maxSize) {
      const text = `ring hash: minimum_ring_size (${minSize}) > maximum_ring_size (${maxSize})`
      context.errors.add(config, 'minimumRingSize', text)
    }
    const ring: HashRingSettings = {
      minSize,
      maxSize,
      hashFunction: config.hashFunction === 'MURMUR_HASH_2' ? 'MURMUR_HASH_2' : 'XX_HASH',
      useHostname: (hashing ?? config).useHostnameForHashing,
    }
    const common = hashingSettings(hashing, localityWeightedLbConfig !== undefined, info, context)
    const balanceFactor = hashing === undefined ? (config.hashBalanceFactor ?? 0) : common.balanceFactor
    return new HashingLoadBalancer(
      { ...common, balanceFactor, createTable: createRing(ring, info, context) },
      info.stats,
    )
  },
}

function createRing(settings: HashRingSettings, info: ClusterInfo, context: ServerContext): CreateHashTable {
  const gauge = (name: string) => info.scope.gauge(`ring_hash_lb.${name}`)
  const size = gauge('size')
  const minHashesPerHost = gauge('min_hashes_per_host')
  const maxHashesPerHost = gauge('max_hashes_per_host')
  return (hosts) => {
    const ring = new HashRing(hosts, settings)
    // One process says so, or the workers' numbers would add up.
    if (context.workerIndex < 0 && ring.size !== undefined) {
      size.set(ring.size.size)
      minHashesPerHost.set(ring.size.minHashesPerHost)
      maxHashesPerHost.set(ring.size.maxHashesPerHost)
    }
    return ring
  }
}
