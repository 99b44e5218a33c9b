// How a cluster's load spreads over its priorities: by health, with spill-over, and in a panic (Envoy's LoadBalancerBase).

import type { HostSet } from '../priority_set.ts'

/** Whole percentages, by priority; healthy and degraded loads together add up to 100. */
export interface PriorityLoads {
  readonly healthy: readonly number[]
  readonly degraded: readonly number[]
  /** Too few hosts of the priority are available: all of its hosts are used, or none. */
  readonly panic: readonly boolean[]
}

/**
 * The loads of a priority set. `panicThreshold` is the percentage of available hosts below which a priority panics; 0 never
 * does. See https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority
 */
export function priorityLoads(hostSets: readonly HostSet[], panicThreshold: number): PriorityLoads {
  const healths = hostSets.map((set) => availability(set, 'healthyHosts'))
  const degradations = hostSets.map((set) => availability(set, 'degradedHosts'))
  const total = Math.min(100, sum(healths) + sum(degradations))
  const noPanic = hostSets.map(() => false)
  if (total === 0 && panicThreshold === 0) return { ...firstOnly(hostSets), panic: noPanic }
  const panic = total === 100 ? noPanic : hostSets.map((set) => isInPanic(set, panicThreshold))
  if (panic.every((each) => each)) return { ...loadsByNumber(hostSets), panic }
  return { ...loadsByHealth(healths, degradations, total), panic }
}

/**
 * The loads of those priorities alone that are not left out, spread by health as far as they have available hosts;
 * undefined where none of them has any.
 */
export function loadsWithout(hostSets: readonly HostSet[], leftOut: ReadonlySet<number>): PriorityLoads | undefined {
  const measure = (state: 'healthyHosts' | 'degradedHosts'): number[] =>
    hostSets.map((set, index) => (leftOut.has(index) ? 0 : availability(set, state)))
  const healths = measure('healthyHosts')
  const degradations = measure('degradedHosts')
  const total = Math.min(100, sum(healths) + sum(degradations))
  if (total === 0) return undefined
  return { ...loadsByHealth(healths, degradations, total), panic: hostSets.map(() => false) }
}

export function isInPanic(set: HostSet, panicThreshold: number): boolean {
  const count = set.hosts.length - set.excludedHosts.length
  const available = set.healthyHosts.length + set.degradedHosts.length
  return (count === 0 ? 0 : (100 * available) / count) < panicThreshold
}

/** 0 to 100: the share of hosts in that state, times the overprovisioning factor. */
function availability(set: HostSet, state: 'healthyHosts' | 'degradedHosts'): number {
  const measure = (hosts: HostSet['hosts']): number =>
    set.weightedPriorityHealth ? sum(hosts.map((host) => host.weight)) : hosts.length
  const all = measure(set.hosts) - measure(set.excludedHosts)
  if (all <= 0) return 0
  return Math.min(100, Math.floor((set.overprovisioningFactor * measure(set[state])) / all))
}

function loadsByHealth(
  healths: readonly number[],
  degradations: readonly number[],
  total: number,
): { healthy: number[]; degraded: number[] } {
  const healthy = distribute(healths, 100, total)
  const degraded = distribute(degradations, healthy.rest, total)
  // What is left over is rounding: it goes to the first priority that can take it.
  if (healthy.first >= 0) healthy.loads[healthy.first] += degraded.rest
  else if (degraded.first >= 0) degraded.loads[degraded.first] += degraded.rest
  return { healthy: healthy.loads, degraded: degraded.loads }
}

/** Gives out `load` from the first priority on; `first` is the first one that takes any, -1 if none. */
function distribute(
  availabilities: readonly number[],
  load: number,
  total: number,
): { loads: number[]; first: number; rest: number } {
  let rest = load
  const loads = availabilities.map((each) => {
    const share = Math.min(rest, Math.floor((each * 100) / total))
    rest -= share
    return share
  })
  return { loads, first: availabilities.findIndex((each) => each > 0), rest }
}

/** All priorities panic: what counts is how many hosts each has. */
function loadsByNumber(hostSets: readonly HostSet[]): { healthy: number[]; degraded: number[] } {
  const total = sum(hostSets.map((set) => set.hosts.length))
  if (total === 0) return firstOnly(hostSets)
  const healthy = hostSets.map((set) => Math.floor((100 * set.hosts.length) / total))
  healthy[hostSets.findIndex((set) => set.hosts.length > 0)] += 100 - sum(healthy)
  return { healthy, degraded: hostSets.map(() => 0) }
}

function firstOnly(hostSets: readonly HostSet[]): { healthy: number[]; degraded: number[] } {
  return { healthy: hostSets.map((_, i) => (i === 0 ? 100 : 0)), degraded: hostSets.map(() => 0) }
}

/** The priority whose part of the loads, laid end to end after `from`, holds the point; -1 if none does. */
export function indexOfLoad(loads: readonly number[], point: number, from: number): number {
  let end = from
  for (let i = 0; i < loads.length; i++) {
    end += loads[i]
    if (point <= end) return i
  }
  return -1
}

export function sum(numbers: readonly number[]): number {
  let total = 0
  for (const each of numbers) total += each
  return total
}
