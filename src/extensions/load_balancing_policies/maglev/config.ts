// envoy.load_balancing_policies.maglev

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ClusterInfo } from '../../../upstream/cluster_info.ts'
import type { LoadBalancerFactory } from '../../../upstream/load_balancer_factory.ts'
import type { CreateHashTable } from '../../../upstream/load_balancers/hash_table.ts'
import { HashingLoadBalancer } from '../../../upstream/load_balancers/hashing_load_balancer.ts'
import { type MaglevSettings, MaglevTable } from '../../../upstream/load_balancers/maglev_table.ts'
import type { ServerContext } from '../../../upstream/server_context.ts'
import { hashingSettings } from '../ring_hash/hashing_settings.ts'

type Maglev = envoy.extensions.load_balancing_policies.maglev.v3.Maglev

const defaultTableSize = 65537

export const maglev: LoadBalancerFactory<Maglev> = {
  category: 'envoy.load_balancing_policies',
  name: 'envoy.load_balancing_policies.maglev',
  typeUrls: ['envoy.extensions.load_balancing_policies.maglev.v3.Maglev'],
  createLoadBalancer(config, info, context) {
    const { consistentHashingLbConfig: hashing, localityWeightedLbConfig } = config
    const tableSize = config.tableSize ?? defaultTableSize
    if (!isPrime(tableSize)) {
      context.errors.add(config, 'tableSize', 'The table size of maglev must be prime number')
    }
    const table: MaglevSettings = { tableSize, useHostname: hashing?.useHostnameForHashing ?? false }
    const common = hashingSettings(hashing, localityWeightedLbConfig !== undefined, info, context)
    return new HashingLoadBalancer({ ...common, createTable: createTable(table, info, context) }, info.stats)
  },
}

function createTable(settings: MaglevSettings, info: ClusterInfo, context: ServerContext): CreateHashTable {
  const minEntriesPerHost = info.scope.gauge('maglev_lb.min_entries_per_host')
  const maxEntriesPerHost = info.scope.gauge('maglev_lb.max_entries_per_host')
  return (hosts) => {
    const table = new MaglevTable(hosts, settings)
    // One process says so, or the workers' numbers would add up.
    if (context.workerIndex < 0 && hosts.length > 0) {
      minEntriesPerHost.set(table.minEntriesPerHost)
      maxEntriesPerHost.set(table.maxEntriesPerHost)
    }
    return table
  }
}

function isPrime(number: number): boolean {
  if (number < 2) return false
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return true
}
