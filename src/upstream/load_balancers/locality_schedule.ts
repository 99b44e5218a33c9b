// locality_weighted_lb_config: picks a locality of one priority by its weight, scaled by how many of its hosts are available.

import type { HostSet, LocalityHosts } from '../priority_set.ts'
import { EdfScheduler } from './edf_scheduler.ts'

/** Gives indexes of `set.localities`; undefined where no locality has a weight or an available host. */
export function localitySchedule(
  set: HostSet,
  state: 'healthyHosts' | 'degradedHosts',
): EdfScheduler<number> | undefined {
  if (set[state].length === 0) return undefined
  const weights = set.localities.map((each) => effectiveWeight(each, state, set.overprovisioningFactor))
  const indexes = [...weights.keys()].filter((i) => weights[i] > 0)
  if (indexes.length === 0) return undefined
  return new EdfScheduler(indexes, (i) => weights[i], Math.random())
}

function effectiveWeight(
  locality: LocalityHosts,
  state: 'healthyHosts' | 'degradedHosts',
  overprovisioningFactor: number,
): number {
  const count = locality.hosts.length - locality.excludedCount
  if (count <= 0) return 0
  const available = locality[state].length / count
  return locality.weight * Math.min(1, (overprovisioningFactor / 100) * available)
}
