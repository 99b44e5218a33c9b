// Which subsets a host belongs to, and the hosts of one subset as a priority set of their own.

import type { Host } from '../host.ts'
import { type HostSet, hostSet, type LocalityHosts, localityKey } from '../priority_set.ts'
import { subsetText, valueText } from './subset_criteria.ts'
import type { SubsetSettings } from './subset_settings.ts'

type Pair = readonly [name: string, value: unknown]

/** The texts of the subsets that a selector puts the host in: one, or with list_as_any several, or none. */
export function subsetsOf(host: Host, keys: readonly string[], listAsAny: boolean): string[] {
  const metadata = host.metadata['envoy.lb']
  if (metadata === undefined) return []
  let subsets: Pair[][] = []
  for (const name of keys) {
    if (!Object.hasOwn(metadata, name)) return []
    const value = metadata[name]
    const values: readonly unknown[] = listAsAny && Array.isArray(value) ? value : [value]
    const bases = subsets.length === 0 ? [[]] : subsets
    subsets = bases.flatMap((base) => values.map((each): Pair[] => [...base, [name, each]]))
  }
  return subsets.map(subsetText)
}

/** Whether a host is one of `default_subset`. */
export function matchesSubset(host: Host, wanted: Readonly<Record<string, unknown>>, listAsAny: boolean): boolean {
  const metadata = host.metadata['envoy.lb'] ?? {}
  return Object.entries(wanted).every(([name, value]) => {
    if (!Object.hasOwn(metadata, name)) return false
    const own = metadata[name]
    const text = valueText(value)
    if (listAsAny && Array.isArray(own)) return own.some((each) => valueText(each) === text)
    return valueText(own) === text
  })
}

/** `hosts` are some of those of the set, in its order. */
export function subsetHostSet(set: HostSet, hosts: readonly Host[], settings: SubsetSettings): HostSet {
  const localLocality = set.hasLocalLocality ? set.localities[0].locality : undefined
  const subset = hostSet(set.priority, hosts, set, localLocality)
  if (!settings.localityWeightAware) return { ...subset, hasLocalityWeights: false }
  if (!settings.scaleLocalityWeight) return subset
  const originals = new Map(set.localities.map((each) => [localityKey(each.locality), each]))
  return { ...subset, localities: subset.localities.map((each) => scaled(each, originals)) }
}

function scaled(locality: LocalityHosts, originals: ReadonlyMap<string, LocalityHosts>): LocalityHosts {
  const original = originals.get(localityKey(locality.locality))
  if (original === undefined) return locality
  return { ...locality, weight: Math.round((original.weight * locality.hosts.length) / original.hosts.length) }
}
