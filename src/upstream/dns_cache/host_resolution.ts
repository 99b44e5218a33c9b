// Looks the hosts of DNS caches up, in main alone, and again and again as long as some worker uses them.

import { monotonicMs } from '../../common/clock.ts'
import { getLogger } from '../../common/log.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { ipAddress } from '../../network/address.ts'
import type { Counter, Gauge, Scope } from '../../stats/store.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'
import { createResolver, type DnsAnswer, type DnsEnvironment, type NameResolver } from '../discovery/dns_resolver.ts'
import type { DnsHost, DnsHostUpdate } from './dns_cache.ts'
import type { DnsCaches, DnsDemand } from './dns_caches.ts'
import { nameAndPort } from './host_key.ts'
import type { DnsCacheSettings, DnsCacheView } from './settings.ts'

const log = getLogger('forward_proxy')
/** Of answers that tell none: getaddrinfo's, as in Envoy. */
const defaultTtlMs = 60_000

export interface HostResolutionParts {
  readonly scope: Scope
  readonly dns: DnsEnvironment
  /** Brings what is found into every process, main first. */
  readonly tell: (update: DnsHostUpdate) => void
  /** Those of the server whose next configuration is checked. */
  readonly inForce?: DnsCaches | undefined
}

export class HostResolution implements DnsDemand {
  readonly #parts: HostResolutionParts
  readonly #caches = new Map<string, CacheResolution>()
  #isStarted = false

  constructor(parts: HostResolutionParts) {
    this.#parts = parts
  }

  /** Looks up what is to be known before anybody asks, now and for each cache that comes. */
  start(): void {
    this.#isStarted = true
    for (const cache of this.#caches.values()) cache.preresolve()
  }

  onCache(settings: DnsCacheSettings, view: DnsCacheView, errors: ConfigErrors): void {
    const { scope, dns, tell, inForce } = this.#parts
    inForce?.checkSame(view, errors)
    const servers = view.dnsResolutionConfig?.resolvers ?? []
    const resolve = createResolver(view.typedDnsResolverConfig, servers, errors, dns)
    const found = (host: string, outcome: DnsHostUpdate['found']): void =>
      tell({ cache: settings.name, host, found: outcome })
    const cache = new CacheResolution(settings, resolve, scope, found)
    this.#caches.set(settings.name, cache)
    if (this.#isStarted) cache.preresolve()
  }

  onWanted(cache: string, host: string): void {
    this.#caches.get(cache)?.want(host)
  }

  onUsed(cache: string, hosts: readonly string[]): void {
    this.#caches.get(cache)?.onUsed(hosts)
  }

  stop(): void {
    for (const cache of this.#caches.values()) cache.stop()
  }
}

interface ResolutionStats {
  readonly cacheLoad: Counter
  readonly dnsAddressFilterOut: Counter
  readonly dnsQueryAttempt: Counter
  readonly dnsQueryFailure: Counter
  readonly dnsQuerySuccess: Counter
  readonly dnsQueryTimeout: Counter
  readonly hostAdded: Counter
  readonly hostAddressChanged: Counter
  readonly hostRemoved: Counter
  readonly numHosts: Gauge
}

function resolutionStats(scope: Scope, cacheName: string): ResolutionStats {
  const own = scope.createScope(`dns_cache.${cacheName}`)
  return {
    cacheLoad: own.counter('cache_load'),
    dnsAddressFilterOut: own.counter('dns_address_filter_out'),
    dnsQueryAttempt: own.counter('dns_query_attempt'),
    dnsQueryFailure: own.counter('dns_query_failure'),
    dnsQuerySuccess: own.counter('dns_query_success'),
    dnsQueryTimeout: own.counter('dns_query_timeout'),
    hostAdded: own.counter('host_added'),
    hostAddressChanged: own.counter('host_address_changed'),
    hostRemoved: own.counter('host_removed'),
    numHosts: own.gauge('num_hosts'),
  }
}

/** One host, from the first request for it to its end. */
interface SoughtHost {
  readonly name: string
  readonly port: number
  /** Undefined before the first answer. */
  found: DnsHost | undefined
  lastUsedMs: number
  failures: number
  /** Of the next look-up, or of the end of this one. */
  timer: NodeJS.Timeout | undefined
  /** Counts look-ups: what comes of one that was given up is not waited for. */
  lookUps: number
}

class CacheResolution {
  readonly #settings: DnsCacheSettings
  readonly #resolve: NameResolver
  readonly #stats: ResolutionStats
  readonly #tell: (host: string, found: DnsHostUpdate['found']) => void
  readonly #hosts = new Map<string, SoughtHost>()

  constructor(
    settings: DnsCacheSettings,
    resolve: NameResolver,
    scope: Scope,
    tell: (host: string, found: DnsHostUpdate['found']) => void,
  ) {
    this.#settings = settings
    this.#resolve = resolve
    this.#stats = resolutionStats(scope, settings.name)
    this.#tell = tell
  }

  preresolve(): void {
    for (const host of this.#settings.preresolved) this.want(host)
  }

  /** Somebody asks for a host; the answer goes to all. */
  want(key: string): void {
    const known = this.#hosts.get(key)
    if (known?.found?.isForgotten === true) this.#remove(key)
    else if (known !== undefined) {
      // Asked before the worker was told. Who is being looked up is told of when it is found.
      if (known.found !== undefined) this.#tell(key, known.found)
      return
    }
    if (this.#hosts.size >= this.#settings.maxHosts) {
      this.#tell(key, 'overflow')
      return
    }
    const sought: SoughtHost = {
      ...nameAndPort(key),
      found: undefined,
      lastUsedMs: monotonicMs(),
      failures: 0,
      timer: undefined,
      lookUps: 0,
    }
    this.#hosts.set(key, sought)
    this.#stats.hostAdded.inc()
    this.#stats.numHosts.set(this.#hosts.size)
    void this.#lookUp(key, sought)
  }

  onUsed(keys: readonly string[]): void {
    const now = monotonicMs()
    for (const key of keys) {
      const sought = this.#hosts.get(key)
      if (sought !== undefined) sought.lastUsedMs = now
    }
  }

  stop(): void {
    for (const sought of this.#hosts.values()) {
      sought.lookUps++
      clearTimeout(sought.timer)
    }
  }

  async #lookUp(key: string, sought: SoughtHost): Promise<void> {
    const { queryTimeoutMs, family } = this.#settings
    const lookUp = ++sought.lookUps
    this.#stats.dnsQueryAttempt.inc()
    if (queryTimeoutMs > 0) this.#arm(sought, queryTimeoutMs, () => this.#onTimeout(key, sought))
    const answer = await this.#resolve(sought.name, family)
    if (sought.lookUps === lookUp) this.#onAnswer(key, sought, answer)
  }

  #onTimeout(key: string, sought: SoughtHost): void {
    sought.lookUps++
    this.#stats.dnsQueryTimeout.inc()
    this.#onAnswer(key, sought, { kind: 'failure', code: 'ETIMEOUT', details: 'resolve_timeout' })
  }

  #onAnswer(key: string, sought: SoughtHost, answer: DnsAnswer): void {
    clearTimeout(sought.timer)
    const { dnsQueryFailure, dnsQuerySuccess } = this.#stats
    const { refreshesFailures, refreshMs } = this.#settings
    const isFailure = answer.kind === 'failure'
    if (isFailure) dnsQueryFailure.inc()
    else dnsQuerySuccess.inc()
    const { addresses, ttlMs } = this.#usable(answer, sought.port)
    if (log.enabled('debug')) log.debug(`DNS resolution of ${key}: ${addresses.map(({ text }) => text).join(' ')}`)
    const { found } = sought
    if (addresses.length > 0 && isOther(addresses, found)) {
      this.#stats.hostAddressChanged.inc()
      sought.found = { addresses, details: '', isForgotten: false }
    } else if (addresses.length === 0 && (found === undefined || found.addresses.length === 0)) {
      // Addresses that were good once stay whatever comes later.
      const details = answer.kind === 'addresses' ? 'address_denied' : answer.details
      sought.found = { addresses, details, isForgotten: isFailure && !refreshesFailures }
    }
    if (sought.found !== found && sought.found !== undefined) this.#tell(key, sought.found)
    if (isFailure && !refreshesFailures) return
    if (!isFailure) sought.failures = 0
    const delayMs = isFailure ? this.#failureDelay(sought) : addresses.length > 0 ? ttlMs : refreshMs
    this.#arm(sought, delayMs, () => this.#refresh(key, sought))
  }

  #usable(answer: DnsAnswer, port: number): { addresses: AddressInfo[]; ttlMs: number } {
    const { isExcluded, minRefreshMs } = this.#settings
    const all = answer.kind === 'addresses' ? answer.addresses : []
    const kept = isExcluded === undefined ? all : all.filter(({ ip }) => !isExcluded(ip))
    if (kept.length < all.length) this.#stats.dnsAddressFilterOut.add(all.length - kept.length)
    const ttlSeconds = kept[0]?.ttlSeconds ?? 0
    const ttlMs = Number.isFinite(ttlSeconds) ? ttlSeconds * 1000 : defaultTtlMs
    const addresses = [...new Set(kept.map(({ ip }) => ip))].map((ip) => ipAddress(ip, port))
    return { addresses, ttlMs: Math.max(minRefreshMs, ttlMs) }
  }

  /** Exponential with jitter between the two intervals of dns_failure_refresh_rate, and as in Envoy no sooner than others. */
  #failureDelay(sought: SoughtHost): number {
    const { failureBaseMs, failureMaxMs, minRefreshMs } = this.#settings
    const limit = Math.min(failureMaxMs, failureBaseMs * 2 ** sought.failures++)
    return Math.max(minRefreshMs, failureBaseMs === failureMaxMs ? failureBaseMs : Math.random() * limit)
  }

  #refresh(key: string, sought: SoughtHost): void {
    if (monotonicMs() - sought.lastUsedMs > this.#settings.hostTtlMs) this.#remove(key)
    else void this.#lookUp(key, sought)
  }

  #remove(key: string): void {
    this.#hosts.delete(key)
    this.#stats.hostRemoved.inc()
    this.#stats.numHosts.set(this.#hosts.size)
    this.#tell(key, undefined)
  }

  #arm(sought: SoughtHost, delayMs: number, then: () => void): void {
    sought.timer = setTimeout(then, delayMs).unref()
  }
}

/** The order is news only where it changes which address comes first. */
function isOther(addresses: readonly AddressInfo[], found: DnsHost | undefined): boolean {
  const known = found?.addresses ?? []
  if (known[0]?.text !== addresses[0].text || known.length !== addresses.length) return true
  return addresses.some(({ text }) => !known.some((each) => each.text === text))
}
