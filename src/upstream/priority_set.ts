// The hosts of a cluster by priority and locality; each list is replaced whole, never edited.

import type { Host, Locality } from './host.ts'

/** The hosts of one locality in one priority. */
export interface LocalityHosts {
  readonly locality: Locality
  /** `load_balancing_weight` of the locality; 0 where it has none. */
  readonly weight: number
  readonly hosts: readonly Host[]
  readonly healthyHosts: readonly Host[]
  readonly degradedHosts: readonly Host[]
  readonly excludedCount: number
}

export interface HostSet {
  readonly priority: number
  readonly hosts: readonly Host[]
  readonly healthyHosts: readonly Host[]
  readonly degradedHosts: readonly Host[]
  /** Hosts that count neither as available nor as missing: those that are draining. */
  readonly excludedHosts: readonly Host[]
  /** The proxy's own locality first, where it has hosts, then the others in alphabetical order. */
  readonly localities: readonly LocalityHosts[]
  readonly hasLocalLocality: boolean
  /** False where the weights of localities do not count, whatever the policy says. */
  readonly hasLocalityWeights: boolean
  /** Percent; 140 by default. */
  readonly overprovisioningFactor: number
  /** A priority's health is measured by the weights of its hosts, not by their number. */
  readonly weightedPriorityHealth: boolean
}

/** `policy` of a load assignment. */
export interface AssignmentPolicy {
  readonly overprovisioningFactor: number | undefined
  readonly weightedPriorityHealth: boolean
  /** What the control plane wants dropped; undefined for nothing. */
  readonly dropOverload: DropOverload | undefined
}

export interface DropOverload {
  readonly category: string
  /** Of a million requests. */
  readonly millionths: number
}

const defaultOverprovisioningFactor = 140

export function hostSet(
  priority: number,
  hosts: readonly Host[],
  policy?: Pick<AssignmentPolicy, 'overprovisioningFactor' | 'weightedPriorityHealth'>,
  localLocality?: Locality,
): HostSet {
  const localities = byLocality(hosts, localLocality)
  return {
    priority,
    hosts,
    healthyHosts: hosts.filter((host) => host.healthy),
    degradedHosts: hosts.filter((host) => host.degraded),
    excludedHosts: hosts.filter((host) => host.excluded),
    localities,
    hasLocalLocality:
      localLocality !== undefined && localities.length > 0 && isSameLocality(localities[0].locality, localLocality),
    hasLocalityWeights: true,
    overprovisioningFactor: policy?.overprovisioningFactor ?? defaultOverprovisioningFactor,
    weightedPriorityHealth: policy?.weightedPriorityHealth ?? false,
  }
}

function byLocality(hosts: readonly Host[], localLocality: Locality | undefined): LocalityHosts[] {
  const groups = new Map<string, Host[]>()
  for (const host of hosts) {
    const key = localityKey(host.locality)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [host])
    else group.push(host)
  }
  const localKey = localLocality === undefined ? undefined : localityKey(localLocality)
  const keys = [...groups.keys()].sort((a, b) => {
    if (a === localKey) return -1
    if (b === localKey) return 1
    return a < b ? -1 : 1
  })
  return keys.map((key) => localityHosts(groups.get(key) ?? []))
}

function localityHosts(hosts: readonly Host[]): LocalityHosts {
  return {
    locality: hosts[0].locality,
    weight: hosts[0].localityWeight,
    hosts,
    healthyHosts: hosts.filter((host) => host.healthy),
    degradedHosts: hosts.filter((host) => host.degraded),
    excludedCount: hosts.filter((host) => host.excluded).length,
  }
}

/** One text per locality, in the order of region, zone and sub zone. */
export function localityKey({ region, zone, subZone }: Locality): string {
  return `${region}\0${zone}\0${subZone}`
}

function isSameLocality(a: Locality, b: Locality): boolean {
  return a.region === b.region && a.zone === b.zone && a.subZone === b.subZone
}

export class PrioritySet {
  /** Never empty: there is always a first priority. */
  hostSets: readonly HostSet[] = [hostSet(0, [])]

  replace(hostSets: readonly HostSet[]): void {
    this.hostSets = hostSets
  }

  *hosts(): Iterable<Host> {
    for (const set of this.hostSets) yield* set.hosts
  }
}
