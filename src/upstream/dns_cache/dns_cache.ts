// A DNS cache as one process sees it: the hosts that main has told of, and the requests that wait for more.

import type { Lifetime } from '../../common/lifetime.ts'
import type { Counter } from '../../stats/store.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'
import type { Resource } from '../resource_manager.ts'
import type { DnsCacheSettings } from './settings.ts'

/** What is known of a host. */
export interface DnsHost {
  /** None where its name has none. */
  readonly addresses: readonly AddressInfo[]
  /** Why there are none. */
  readonly details: string
  /** The next request has it looked up anew. */
  readonly isForgotten: boolean
}

/** `overflow`: the cache is full. */
export type DnsOutcome = DnsHost | 'overflow'

/** What main tells all workers. */
export interface DnsHostUpdate {
  readonly cache: string
  /** `name:port` */
  readonly host: string
  /** Undefined: the host is forgotten. */
  readonly found: DnsOutcome | undefined
}

export interface DnsCacheParts {
  readonly settings: DnsCacheSettings
  /** Requests that wait, over all workers. */
  readonly pendingRequests: Resource
  readonly hostOverflow: Counter
  readonly pendingOverflow: Counter
  /** A request needs a host that is not known. */
  readonly onWanted: (host: string) => void
  /** Hosts that requests were sent to since the last call. */
  readonly onUsed: (hosts: readonly string[]) => void
}

/** A look into the cache; `pendingOverflow`: as many requests wait as may. */
export type DnsLookup =
  | { readonly kind: 'known'; readonly host: DnsHost }
  | { readonly kind: 'overflow' }
  | { readonly kind: 'pendingOverflow' }
  /** The answer comes to `done`, unless it is given up. */
  | { readonly kind: 'waiting'; readonly giveUp: () => void }

/** A host has come, has other addresses, or (undefined) is gone. */
export type FollowHosts = (key: string, host: DnsHost | undefined) => void

/** Main need not know exactly when a host was used last. */
const longestUnreportedMs = 1000

export class DnsCache {
  readonly settings: DnsCacheSettings
  readonly #parts: DnsCacheParts
  /** In the order in which main knows them, in every process. */
  readonly #hosts: Map<string, DnsHost>
  readonly #waiting = new Map<string, Set<(outcome: DnsOutcome) => void>>()
  readonly #followers = new Set<FollowHosts>()
  readonly #used = new Set<string>()
  #isReporting = false

  /** `hosts`: what main has told of so far. */
  constructor(parts: DnsCacheParts, hosts: Map<string, DnsHost>) {
    this.settings = parts.settings
    this.#parts = parts
    this.#hosts = hosts
  }

  /** Those that have addresses. */
  hosts(): (readonly [key: string, host: DnsHost])[] {
    return [...this.#hosts].filter(([, { addresses }]) => addresses.length > 0)
  }

  /** Requests that wait for a host go on after `onChanged`. */
  follow(onChanged: FollowHosts, lifetime: Lifetime): void {
    this.#followers.add(onChanged)
    lifetime.onEnd(() => this.#followers.delete(onChanged))
  }

  /** For a request: the host, or the wait for it. As in Envoy, a full breaker turns down who finds the host known, too. */
  load(key: string, done: (outcome: DnsOutcome) => void): DnsLookup {
    const { settings, pendingRequests, pendingOverflow, hostOverflow, onWanted } = this.#parts
    if (!pendingRequests.tryAcquire()) {
      pendingOverflow.inc()
      return { kind: 'pendingOverflow' }
    }
    const host = this.#hosts.get(key)
    const isKnown = host !== undefined && !host.isForgotten
    if (isKnown || this.#hosts.size >= settings.maxHosts) {
      pendingRequests.release()
      if (isKnown) return { kind: 'known', host }
      hostOverflow.inc()
      return { kind: 'overflow' }
    }
    const group = this.#waiting.get(key) ?? new Set()
    const waiter = (outcome: DnsOutcome): void => {
      pendingRequests.release()
      if (outcome === 'overflow') hostOverflow.inc()
      done(outcome)
    }
    group.add(waiter)
    if (group.size === 1) {
      this.#waiting.set(key, group)
      onWanted(key)
    }
    const giveUp = (): void => {
      if (!group.delete(waiter)) return
      pendingRequests.release()
      if (group.size === 0 && this.#waiting.get(key) === group) this.#waiting.delete(key)
    }
    return { kind: 'waiting', giveUp }
  }

  /** A request is sent to the host. */
  touch(key: string): void {
    this.#used.add(key)
    if (this.#isReporting) return
    this.#isReporting = true
    setTimeout(() => this.#report(), Math.min(longestUnreportedMs, this.settings.hostTtlMs / 4)).unref()
  }

  #report(): void {
    this.#isReporting = false
    this.#parts.onUsed([...this.#used])
    this.#used.clear()
  }

  /** Takes over what main has found. */
  set(key: string, found: DnsOutcome | undefined): void {
    if (found !== 'overflow') this.#change(key, found)
    const group = this.#waiting.get(key)
    if (found === undefined || group === undefined) return
    this.#waiting.delete(key)
    for (const waiter of [...group]) if (group.delete(waiter)) waiter(found)
  }

  #change(key: string, host: DnsHost | undefined): void {
    const had = this.#hosts.get(key)?.addresses.length ?? 0
    if (host === undefined) this.#hosts.delete(key)
    else this.#hosts.set(key, host)
    const has = host?.addresses.length ?? 0
    if (had > 0 || has > 0) for (const onChanged of this.#followers) onChanged(key, has > 0 ? host : undefined)
  }

  /** Brings the circuit breaker's gauges up to date. */
  publish(): void {
    this.#parts.pendingRequests.publish()
  }
}
