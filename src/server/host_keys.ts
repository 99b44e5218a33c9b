// What main and workers call the same host by: its cluster, its address and, where that is not one host alone, its place.

import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'

/** Makes keys for hosts that are asked for in the order of their cluster, which is the same in every process. */
export function hostKeys(): (clusterName: string, address: string) => string {
  const counts = new Map<string, number>()
  return (clusterName, address) => {
    const name = `${clusterName} ${address}`
    const place = counts.get(name) ?? 0
    counts.set(name, place + 1)
    return place === 0 ? name : `${name} ${place}`
  }
}

/** The hosts of a cluster with their keys. */
export function* keyedHosts({ info, prioritySet }: Cluster): Iterable<readonly [key: string, host: Host]> {
  const keyOf = hostKeys()
  for (const host of prioritySet.hosts()) yield [keyOf(info.name, host.address.text), host]
}
