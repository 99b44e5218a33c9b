// A cluster in a worker: its facts, its hosts as last told, and its load balancer.

import type { Lifetime } from '../common/lifetime.ts'
import { Timer } from '../common/timer.ts'
import type { StatsOwner } from '../stats/stats_owner.ts'
import type { ClusterInfo } from './cluster_info.ts'
import { Host, type HostSnapshot, type Locality } from './host.ts'
import type { LoadBalancer, LoadBalancerContext } from './load_balancer.ts'
import { OverrideHosts } from './override_host.ts'
import { type AssignmentPolicy, hostSet, PrioritySet } from './priority_set.ts'

/** How often a removed cluster looks whether its last connection has gone. */
const statsReleaseMs = 1000

/** What ends with it. */
export interface ClusterLife {
  readonly lifetime: Lifetime
  readonly statsOwner: StatsOwner
}

export interface ClusterPlace {
  /** Where the proxy itself runs; undefined where its node has no locality. */
  readonly localLocality: Locality | undefined
  /** One process keeps the membership gauges, or they would add up over the workers. */
  readonly countsMembership: boolean
  /** No more than so many of a hundred requests are dropped, whatever the control plane wants. */
  readonly dropLimitPercent: () => number
}

export class Cluster {
  readonly info: ClusterInfo
  readonly prioritySet = new PrioritySet()
  readonly loadBalancer: LoadBalancer
  readonly overrideHosts: OverrideHosts
  readonly lifetime: Lifetime
  readonly #statsOwner: StatsOwner
  readonly #statsTimer = new Timer(() => this.#checkStats())
  #onReleased: (() => void) | undefined = undefined
  /** Of the load assignment that its hosts come from. */
  policy: AssignmentPolicy | undefined
  /** Of a million requests, how many are dropped. */
  dropMillionths = 0
  /** Each is told of each host that comes, before it counts. */
  readonly onNewHost: ((host: Host) => void)[] = []
  readonly #place: ClusterPlace

  constructor(info: ClusterInfo, loadBalancer: LoadBalancer, place: ClusterPlace, life: ClusterLife) {
    this.info = info
    this.loadBalancer = loadBalancer
    this.policy = undefined
    this.#place = place
    this.lifetime = life.lifetime
    this.#statsOwner = life.statsOwner
    this.overrideHosts = new OverrideHosts(info.config, this.prioritySet)
    loadBalancer.onHostsChanged(this.prioritySet)
  }

  /** The host that the request itself wants, or the load balancer's choice. */
  chooseHost(context?: LoadBalancerContext): Host | undefined {
    const wanted = context?.overrideHost
    if (wanted === undefined) return this.loadBalancer.chooseHost(context)
    const host = this.overrideHosts.find(wanted.address)
    return host === undefined && !wanted.strict ? this.loadBalancer.chooseHost(context) : host
  }

  /**
   * Replaces the hosts. One that stays (same address and name, or what `keyOf` says) keeps its object, its pools and its
   * numbers.
   */
  setHosts(
    priorities: readonly (readonly HostSnapshot[])[],
    policy = this.info.configuredPolicy,
    keyOf = this.info.isChecked ? checkedHostKey : hostKey,
  ): void {
    this.policy = policy
    const wanted = policy?.dropOverload?.millionths ?? 0
    this.dropMillionths = wanted === 0 ? 0 : Math.min(wanted, this.#place.dropLimitPercent() * 10_000)
    const previous = Map.groupBy(this.prioritySet.hosts(), keyOf)
    const changed = new Set<number>()
    const sets = priorities.map((snapshots, priority) => {
      const hosts = snapshots.map((snapshot) => {
        // Several endpoints may be one address: each is a host of its own.
        const known = previous.get(keyOf(snapshot))?.shift()
        if (known === undefined) {
          changed.add(priority)
          return this.newHost(snapshot)
        }
        if (known.priority !== priority) changed.add(known.priority).add(priority)
        known.update(snapshot)
        return known
      })
      return hostSet(priority, hosts, policy, this.#place.localLocality)
    })
    this.prioritySet.replace(sets)
    this.overrideHosts.onHostsChanged()
    this.loadBalancer.onHostsChanged(this.prioritySet)
    const removed = [...previous.values()].flat()
    for (const gone of removed) changed.add(gone.priority)
    if (changed.size > 0 && this.info.closeConnectionsOnHostSetChange) this.drain()
    for (const gone of removed) gone.leave()
    if (this.#place.countsMembership) this.#publish(changed.size)
  }

  /** Used at once by who makes hosts of requests: `replaceHosts` puts it among the others. */
  newHost(snapshot: HostSnapshot): Host {
    const host = new Host(this.info, snapshot)
    for (const onNewHost of this.onNewHost) onNewHost(host)
    return host
  }

  /** Of a cluster that makes its hosts of requests: those that are not there any more leave. */
  replaceHosts(hosts: readonly Host[]): void {
    const gone = new Set(this.prioritySet.hosts())
    for (const host of hosts) gone.delete(host)
    this.prioritySet.replace([hostSet(0, hosts, this.policy, this.#place.localLocality)])
    this.overrideHosts.onHostsChanged()
    this.loadBalancer.onHostsChanged(this.prioritySet)
    if (this.info.closeConnectionsOnHostSetChange) this.drain()
    for (const host of gone) host.leave()
  }

  /** The health of hosts is another than when they were last looked at. */
  onHealthChanged(): void {
    const { localLocality, countsMembership } = this.#place
    const sets = this.prioritySet.hostSets.map((set) => hostSet(set.priority, set.hosts, this.policy, localLocality))
    this.prioritySet.replace(sets)
    this.loadBalancer.onHostsChanged(this.prioritySet)
    if (this.info.closeConnectionsOnHostSetChange) this.drain()
    if (countsMembership) this.#publish(0)
  }

  /** A change of hosts counts once for each priority that it concerns. */
  #publish(changes: number): void {
    const { stats } = this.info
    const { hostSets } = this.prioritySet
    const count = (of: (set: (typeof hostSets)[number]) => readonly Host[]): number =>
      hostSets.reduce((total, set) => total + of(set).length, 0)
    if (changes > 0) stats.membershipChange.add(changes)
    for (const host of this.prioritySet.hosts()) {
      const name = host.observabilityName ?? host.address.text
      this.info
        .endpointScope?.(name)
        .gauge('healthy')
        .set(host.healthy || host.degraded ? 1 : 0)
    }
    stats.membershipTotal.set(count((set) => set.hosts))
    stats.membershipHealthy.set(count((set) => set.healthyHosts))
    stats.membershipDegraded.set(count((set) => set.degradedHosts))
    stats.membershipExcluded.set(count((set) => set.excludedHosts))
  }

  /** It is removed, or another takes its place. */
  destroy(): void {
    this.lifetime.end()
    this.loadBalancer.destroy?.()
    for (const host of this.prioritySet.hosts()) host.leave()
  }

  /** Its stats go when nothing is counted any more: now, or with its last connection and request. */
  releaseStats(onReleased: () => void): void {
    this.#onReleased = onReleased
    this.#checkStats()
  }

  #checkStats(): void {
    const { upstreamCxActive, upstreamRqActive } = this.info.stats
    if (upstreamCxActive.value() + upstreamRqActive.value() > 0) this.#statsTimer.enable(statsReleaseMs)
    else this.endStats()
  }

  /** At once: another cluster of its name counts on in the same stats. */
  endStats(): void {
    this.#statsTimer.disable()
    this.#statsOwner.end()
    this.#onReleased?.()
  }

  /** Its connections end, busy ones after their exchange: it asks for that when hosts change. */
  drain(): void {
    for (const host of this.prioritySet.hosts()) host.drain()
  }
}

type HostIdentity = Pick<HostSnapshot, 'address' | 'hostname' | 'healthCheck'>

function hostKey({ address, hostname }: HostIdentity): string {
  return `${address.text} ${hostname}`
}

/** What was found at another place does not hold for this one. */
function checkedHostKey(host: HostIdentity): string {
  const { address = host.address, isDisabled = false } = host.healthCheck ?? {}
  return `${hostKey(host)} ${address.text} ${isDisabled}`
}
