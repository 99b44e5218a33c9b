// The hosts of a cluster by priority; each list is replaced whole, never edited.

import type { Host } from './host.ts'

export interface HostSet {
  readonly priority: number
  readonly hosts: readonly Host[]
  readonly healthyHosts: readonly Host[]
  readonly degradedHosts: readonly Host[]
}

export function hostSet(priority: number, hosts: readonly Host[]): HostSet {
  return {
    priority,
    hosts,
    healthyHosts: hosts.filter((host) => host.healthy),
    degradedHosts: hosts.filter((host) => host.healthStatus === 'DEGRADED'),
  }
}

export class PrioritySet {
  hostSets: readonly HostSet[] = []

  replace(hostSets: readonly HostSet[]): void {
    this.hostSets = hostSets
  }

  *hosts(): Iterable<Host> {
    for (const set of this.hostSets) yield* set.hosts
  }
}
