// Picks from one list of hosts: what tells one load balancing policy from another.

import type { Host } from '../host.ts'

export interface HostPicker {
  /** Undefined where the list is empty. */
  pick(): Host | undefined
  /**
   * The host that one of the next picks will give, each time the one after; undefined where that cannot be known, or where
   * as many were looked at as there are hosts.
   */
  peek(): Host | undefined
}

export type CreateHostPicker = (hosts: readonly Host[]) => HostPicker

export function hasEqualWeights(hosts: readonly Host[]): boolean {
  return hosts.every((host) => host.weight === hosts[0].weight)
}
