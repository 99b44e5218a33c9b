// Which hosts of a priority set a balancer picks from: the first priority with healthy hosts, or all in a panic.

import type { Host } from '../host.ts'
import type { PrioritySet } from '../priority_set.ts'

const none: readonly Host[] = []

/**
 * The hosts to balance over. Priorities fail over one after another when none of their hosts is healthy; if no priority
 * has a healthy host, all hosts of the first priority that has any are used (panic).
 */
export function eligibleHosts(prioritySet: PrioritySet): { hosts: readonly Host[]; panic: boolean } {
  for (const set of prioritySet.hostSets) {
    if (set.healthyHosts.length > 0) return { hosts: set.healthyHosts, panic: false }
    if (set.degradedHosts.length > 0) return { hosts: set.degradedHosts, panic: false }
  }
  const first = prioritySet.hostSets.find((set) => set.hosts.length > 0)
  return { hosts: first?.hosts ?? none, panic: true }
}
