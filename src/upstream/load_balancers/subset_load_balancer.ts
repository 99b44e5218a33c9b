// Subsets: hosts are grouped by their metadata, and a request goes to the group that it asks for (Envoy's SubsetLoadBalancer).

import type { Host } from '../host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../load_balancer.ts'
import { type HostSet, PrioritySet } from '../priority_set.ts'
import { criteriaOf, keysText, type SubsetCriteria } from './subset_criteria.ts'
import { matchesSubset, subsetHostSet, subsetsOf } from './subset_hosts.ts'
import type { SubsetSelector, SubsetSettings } from './subset_settings.ts'
import type { SubsetStats } from './subset_stats.ts'

/** The hosts of one subset, by priority, with a load balancer over them. */
class Subset {
  readonly isSingleHost: boolean
  readonly #balancer: LoadBalancer | undefined
  readonly #prioritySet = new PrioritySet()
  #hosts: Host[][] = []
  #firstHost: Host | undefined = undefined

  constructor(balancer: LoadBalancer | undefined) {
    this.isSingleHost = balancer === undefined
    this.#balancer = balancer
  }

  get isActive(): boolean {
    return this.#firstHost !== undefined
  }

  begin(priorities: number): void {
    this.#hosts = Array.from({ length: priorities }, () => [])
  }

  /** False where it has its one host in that priority already. */
  add(priority: number, host: Host): boolean {
    const hosts = this.#hosts[priority]
    if (this.isSingleHost && hosts.length > 0) return false
    // A host that several texts of its metadata lead here is here once.
    if (hosts.at(-1) !== host) hosts.push(host)
    return true
  }

  finish(hostSets: readonly HostSet[], settings: SubsetSettings): void {
    this.#firstHost = this.#hosts.find((hosts) => hosts.length > 0)?.[0]
    if (this.#balancer === undefined) return
    this.#prioritySet.replace(hostSets.map((set, i) => subsetHostSet(set, this.#hosts[i], settings)))
    this.#balancer.onHostsChanged(this.#prioritySet)
  }

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    return this.#balancer === undefined ? this.#firstHost : this.#balancer.chooseHost(context)
  }

  onLocalClusterChanged(): void {
    this.#balancer?.onLocalClusterChanged()
  }

  destroy(): void {
    this.#balancer?.destroy?.()
  }
}

export class SubsetLoadBalancer implements LoadBalancer {
  readonly #settings: SubsetSettings
  readonly #createBalancer: () => LoadBalancer
  readonly #stats: SubsetStats
  readonly #subsets = new Map<string, Subset>()
  /** By the keys that a request names. */
  readonly #selectors: ReadonlyMap<string, SubsetSelector>
  readonly #any: Subset | undefined
  readonly #default: Subset | undefined

  constructor(settings: SubsetSettings, stats: SubsetStats, createBalancer: () => LoadBalancer) {
    this.#settings = settings
    this.#createBalancer = createBalancer
    this.#stats = stats
    this.#selectors = selectorsByKeys(settings.selectors)
    const policies = [settings.fallbackPolicy, ...settings.selectors.map((each) => each.fallbackPolicy)]
    const needsAny = settings.panicModeAny || policies.includes('ANY_ENDPOINT')
    this.#any = needsAny ? new Subset(createBalancer()) : undefined
    this.#default = policies.includes('DEFAULT_SUBSET') ? new Subset(createBalancer()) : undefined
  }

  onHostsChanged({ hostSets }: PrioritySet): void {
    for (const subset of this.#all()) subset.begin(hostSets.length)
    let duplicates = 0
    hostSets.forEach(({ hosts }, priority) => {
      for (const host of hosts) duplicates += this.#sort(host, priority, hostSets.length)
    })
    this.#stats.singleHostDuplicate?.set(duplicates)
    for (const [text, subset] of this.#subsets) {
      subset.finish(hostSets, this.#settings)
      if (!subset.isActive) this.#remove(text, subset)
    }
    this.#any?.finish(hostSets, this.#settings)
    this.#default?.finish(hostSets, this.#settings)
  }

  /** Returns how often the host came to a subset that has its one host. */
  #sort(host: Host, priority: number, priorities: number): number {
    const { selectors, defaultSubset, listAsAny } = this.#settings
    this.#any?.add(priority, host)
    if (this.#default !== undefined && matchesSubset(host, defaultSubset, listAsAny)) this.#default.add(priority, host)
    let duplicates = 0
    for (const selector of selectors) {
      for (const text of subsetsOf(host, selector.keys, listAsAny)) {
        const subset = this.#subsets.get(text) ?? this.#create(text, selector, priorities)
        if (!subset.add(priority, host)) duplicates++
      }
    }
    return duplicates
  }

  #create(text: string, { singleHostPerSubset }: SubsetSelector, priorities: number): Subset {
    const subset = new Subset(singleHostPerSubset ? undefined : this.#createBalancer())
    subset.begin(priorities)
    this.#subsets.set(text, subset)
    this.#stats.created.inc()
    this.#stats.active.inc()
    return subset
  }

  #remove(text: string, subset: Subset): void {
    subset.destroy()
    this.#subsets.delete(text)
    this.#stats.removed.inc()
    this.#stats.active.dec()
  }

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    const match = context?.metadataMatch()
    if (match === undefined) return this.#chooseFallback(context)
    const criteria = criteriaOf(match)
    const fallbacks = this.#settings.fallbackList ? criteria.fallbacks() : undefined
    if (fallbacks === undefined) return this.#choose(criteria, context)
    for (const each of fallbacks) {
      const host = this.#choose(each, context)
      if (host !== undefined) return host
    }
    return undefined
  }

  #choose(requested: SubsetCriteria, context: LoadBalancerContext | undefined): Host | undefined {
    const criteria = this.#settings.allowRedundantKeys ? this.#withoutRedundantKeys(requested) : requested
    const subset = this.#subsets.get(criteria.text)
    if (subset !== undefined) {
      this.#stats.selected.inc()
      return subset.chooseHost(context)
    }
    const selector = this.#selectors.get(criteria.keysText)
    switch (selector?.fallbackPolicy ?? 'NOT_DEFINED') {
      case 'NOT_DEFINED':
        return this.#chooseFallback(context)
      case 'ANY_ENDPOINT':
        return this.#any?.chooseHost(context)
      case 'DEFAULT_SUBSET':
        return this.#default?.chooseHost(context)
      case 'KEYS_SUBSET':
        return this.#choose(criteria.narrowed(selector?.fallbackKeysSubset ?? []), context)
      case 'NO_FALLBACK':
        return undefined
    }
  }

  /** The keys of the first selector that finds all of its own. */
  #withoutRedundantKeys(criteria: SubsetCriteria): SubsetCriteria {
    for (const { keys } of this.#settings.selectors) {
      if (keys.every((key) => criteria.names.includes(key))) return criteria.narrowed(keys)
    }
    return criteria
  }

  #chooseFallback(context: LoadBalancerContext | undefined): Host | undefined {
    const { fallbackPolicy, panicModeAny } = this.#settings
    if (fallbackPolicy === 'NO_FALLBACK') return undefined
    const fallback = fallbackPolicy === 'ANY_ENDPOINT' ? this.#any : this.#default
    const host = fallback?.chooseHost(context)
    if (host !== undefined) {
      this.#stats.fallback.inc()
      return host
    }
    const last = panicModeAny ? this.#any?.chooseHost(context) : undefined
    if (last !== undefined) this.#stats.fallbackPanic.inc()
    return last
  }

  peekAnotherHost(): undefined {
    return undefined
  }

  onLocalClusterChanged(): void {
    for (const subset of this.#all()) subset.onLocalClusterChanged()
  }

  destroy(): void {
    for (const [text, subset] of this.#subsets) this.#remove(text, subset)
    this.#any?.destroy()
    this.#default?.destroy()
  }

  *#all(): Iterable<Subset> {
    yield* this.#subsets.values()
    if (this.#any !== undefined) yield this.#any
    if (this.#default !== undefined) yield this.#default
  }
}

/** As in Envoy, keys that begin those of an earlier selector have no fallback of their own. */
function selectorsByKeys(selectors: readonly SubsetSelector[]): Map<string, SubsetSelector> {
  const byKeys = new Map<string, SubsetSelector>()
  const begun = new Set<string>()
  for (const selector of selectors) {
    const text = keysText(selector.keys)
    if (!begun.has(text)) byKeys.set(text, selector)
    selector.keys.forEach((_, i) => {
      begun.add(keysText(selector.keys.slice(0, i + 1)))
    })
  }
  return byKeys
}
