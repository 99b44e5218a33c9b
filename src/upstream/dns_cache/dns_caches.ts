// The DNS caches of one process, by name: whoever is configured with one shares it with all who name it, and all must say the
// same of it.

import { fingerprint } from '../../common/fingerprint.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { Runtime } from '../../config/runtime.ts'
import type { SharedMemory } from '../../network/factory.ts'
import type { Scope } from '../../stats/store.ts'
import { Resource } from '../resource_manager.ts'
import { DnsCache, type DnsHost, type DnsHostUpdate } from './dns_cache.ts'
import { type DnsCacheSettings, type DnsCacheView, dnsCacheSettings } from './settings.ts'

/** Who looks hosts up: main, and for a worker the way to it. */
export interface DnsDemand {
  /** What is wrong with where answers should come from goes to `errors`. */
  onCache(settings: DnsCacheSettings, view: DnsCacheView, errors: ConfigErrors): void
  onWanted(cache: string, host: string): void
  onUsed(cache: string, hosts: readonly string[]): void
}

export interface DnsCachesParts {
  readonly scope: Scope
  readonly runtime: Runtime
  readonly shared: SharedMemory
  readonly demand: DnsDemand
}

interface Entry {
  readonly fingerprint: string
  readonly cache: DnsCache
}

/** A cache stays as long as the process, as in Envoy. */
export class DnsCaches {
  readonly #parts: DnsCachesParts
  readonly #entries = new Map<string, Entry>()
  /** By cache; a worker may be told of hosts before it has built who uses them. */
  readonly #hosts = new Map<string, Map<string, DnsHost>>()

  constructor(parts: DnsCachesParts) {
    this.#parts = parts
  }

  /** The cache that a message asks for, made where there is none yet; undefined after reporting that there is another. */
  use(view: DnsCacheView, errors: ConfigErrors): DnsCache | undefined {
    const known = this.#entries.get(view.name)
    if (known !== undefined) return this.checkSame(view, errors) ? known.cache : undefined
    const before = errors.errors.length
    const settings = dnsCacheSettings(view, errors)
    this.#parts.demand.onCache(settings, view, errors)
    if (errors.errors.length > before) return undefined
    const cache = this.#create(settings)
    this.#entries.set(view.name, { fingerprint: fingerprint(view), cache })
    return cache
  }

  /** False after reporting that there is a cache of that name which is another one. */
  checkSame(view: DnsCacheView, errors: ConfigErrors): boolean {
    const known = this.#entries.get(view.name)
    if (known === undefined || known.fingerprint === fingerprint(view)) return true
    errors.add(view, 'name', `config specified DNS cache '${view.name}' with different settings`)
    return false
  }

  #create(settings: DnsCacheSettings): DnsCache {
    const { scope, shared, runtime, demand } = this.#parts
    const { name } = settings
    const own = scope.createScope(`dns_cache.${name}`)
    const runtimeKey = `dns_cache.${name}.circuit_breakers`
    const parts = {
      settings,
      pendingRequests: new Resource({
        count: shared.counter(`dns_cache.${name}`),
        limit: () => runtime.getInteger(runtimeKey, settings.maxPendingRequests),
        scope: own.createScope('circuit_breakers'),
        shortName: 'rq_pending',
        remainingName: 'rq_pending_remaining',
        tracksRemaining: true,
      }),
      hostOverflow: own.counter('host_overflow'),
      pendingOverflow: own.counter('dns_rq_pending_overflow'),
      onWanted: (host: string) => demand.onWanted(name, host),
      onUsed: (hosts: readonly string[]) => demand.onUsed(name, hosts),
    }
    return new DnsCache(parts, this.#hostsOf(name))
  }

  #hostsOf(name: string): Map<string, DnsHost> {
    const known = this.#hosts.get(name)
    if (known !== undefined) return known
    const hosts = new Map<string, DnsHost>()
    this.#hosts.set(name, hosts)
    return hosts
  }

  /** Takes over what main has found. */
  onHost({ cache, host, found }: DnsHostUpdate): void {
    const entry = this.#entries.get(cache)
    if (entry !== undefined) entry.cache.set(host, found)
    else if (found === undefined) this.#hosts.get(cache)?.delete(host)
    else if (found !== 'overflow') this.#hostsOf(cache).set(host, found)
  }

  /** What a worker that has been there all the time has been told. */
  updates(): DnsHostUpdate[] {
    return [...this.#hosts].flatMap(([cache, hosts]) => [...hosts].map(([host, found]) => ({ cache, host, found })))
  }

  publish(): void {
    for (const { cache } of this.#entries.values()) cache.publish()
  }
}
