// DNS through c-ares as Envoy's cares resolver uses it: hosts file, search domains, address families, tries, stats.

import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Counter, Gauge, Scope } from '../../stats/store.ts'
import type { DnsAnswer, LookupFamily, NameResolver } from './dns_resolver.ts'
import { candidateNames, HostsFile, ResolvConf } from './system_files.ts'

export interface CaresSettings {
  /** `10.0.0.1:53`, `[::1]:53`; none for those of /etc/resolv.conf. */
  readonly servers: readonly string[]
  readonly queryTimeoutMs: number
  readonly queryTries: number
  /** Whether the search domains of /etc/resolv.conf complete names. */
  readonly usesSearchDomains: boolean
  /** Leaves a family out that the machine has no address of, loopback aside. */
  readonly filterUnroutableFamilies: boolean
  readonly reinitOnTimeout: boolean
  readonly hostsPath?: string
  readonly resolvConfPath?: string
}

/** Stats under `dns.cares.`, shared by all resolvers of the process. */
class CaresStats {
  readonly resolveTotal: Counter
  readonly pendingResolutions: Gauge
  readonly notFound: Counter
  readonly getAddrFailure: Counter
  readonly timeouts: Counter
  readonly reinits: Counter

  constructor(scope: Scope) {
    const own = scope.createScope('dns.cares')
    this.resolveTotal = own.counter('resolve_total')
    this.pendingResolutions = own.gauge('pending_resolutions')
    this.notFound = own.counter('not_found')
    this.getAddrFailure = own.counter('get_addr_failure')
    this.timeouts = own.counter('timeouts')
    this.reinits = own.counter('reinits')
  }
}

/** What c-ares says of its codes. */
const words: Readonly<Record<string, string>> = {
  ENODATA: 'DNS server returned answer with no data',
  EFORMERR: 'DNS server claims query was misformatted',
  ESERVFAIL: 'DNS server returned general failure',
  ENOTFOUND: 'Domain name not found',
  ENOTIMP: 'DNS server does not implement requested operation',
  EREFUSED: 'DNS server refused query',
  EBADNAME: 'Misformatted domain name',
  EBADRESP: 'Misformatted DNS reply',
  ECONNREFUSED: 'Could not contact DNS servers',
  ETIMEOUT: 'Timeout while contacting DNS servers',
}
/** What names may be made of, as c-ares has it. */
const nameForm = /^[\w.*/-]+$/
/** The name, or this name's records of the asked type, do not exist. */
const emptyCodes: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA'])
/** After these the channel is set up anew: the servers may have changed. */
const reinitCodes: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EREFUSED', 'ESERVFAIL', 'ENOTIMP'])
const versions: Readonly<Record<LookupFamily, readonly (readonly (4 | 6)[])[]>> = {
  V4_ONLY: [[4]],
  V6_ONLY: [[6]],
  AUTO: [[6], [4]],
  V4_PREFERRED: [[4], [6]],
  ALL: [[4, 6]],
}

/** Without a scope nothing is counted: a configuration that is only checked makes no stats. */
export function caresResolver(settings: CaresSettings, scope: Scope | undefined): NameResolver {
  const resolver = new CaresResolver(settings, scope === undefined ? undefined : new CaresStats(scope))
  return (name, family) => resolver.resolve(name, family)
}

class CaresResolver {
  readonly #settings: CaresSettings
  readonly #stats: CaresStats | undefined
  readonly #hosts: HostsFile
  readonly #resolvConf: ResolvConf
  #channel: Resolver
  #isStale = false

  constructor(settings: CaresSettings, stats: CaresStats | undefined) {
    this.#settings = settings
    this.#stats = stats
    this.#hosts = new HostsFile(settings.hostsPath)
    this.#resolvConf = new ResolvConf(settings.resolvConfPath)
    this.#channel = createChannel(settings)
  }

  /** A family that gives nothing, for whatever reason, makes way for the next one; the last one's answer counts. */
  async resolve(name: string, family: LookupFamily): Promise<DnsAnswer> {
    if (this.#isStale) {
      this.#isStale = false
      this.#channel = createChannel(this.#settings)
      this.#stats?.reinits.inc()
    }
    let answer = withoutAddresses('ENODATA')
    for (const wanted of versions[family]) {
      answer = await this.#lookup(
        name,
        wanted.filter((version) => this.#isRoutable(version)),
      )
      if (answer.kind === 'addresses') return answer
    }
    return answer
  }

  async #lookup(name: string, wanted: readonly (4 | 6)[]): Promise<DnsAnswer> {
    const stats = this.#stats
    stats?.pendingResolutions.inc()
    const answer = unasked(name, wanted) ?? this.#fromHosts(name, wanted) ?? (await this.#search(name, wanted))
    stats?.pendingResolutions.dec()
    stats?.resolveTotal.inc()
    if (answer.kind === 'addresses') return answer
    if (answer.kind === 'empty') stats?.notFound.inc()
    else if (answer.code === 'ETIMEOUT') stats?.timeouts.inc()
    else stats?.getAddrFailure.inc()
    if (reinitCodes.has(answer.code)) this.#isStale = true
    if (answer.code === 'ETIMEOUT' && this.#settings.reinitOnTimeout) this.#isStale = true
    return answer
  }

  #fromHosts(name: string, wanted: readonly (4 | 6)[]): DnsAnswer | undefined {
    let found = wanted.flatMap((version) => this.#hosts.addresses(name, version))
    // RFC 6761 section 6.3: never a question for a server.
    if (found.length === 0 && /^(.+\.)?localhost\.?$/i.test(name)) {
      found = wanted.map((version) => (version === 4 ? '127.0.0.1' : '::1'))
    }
    if (found.length === 0) return undefined
    return { kind: 'addresses', addresses: found.map((ip) => ({ ip, ttlSeconds: 0 })) }
  }

  async #search(name: string, wanted: readonly (4 | 6)[]): Promise<DnsAnswer> {
    const candidates = this.#settings.usesSearchDomains ? candidateNames(name, this.#resolvConf.searchRules) : [name]
    let answer = withoutAddresses('ENODATA')
    for (const candidate of candidates) {
      answer = joined(await Promise.all(wanted.map((version) => this.#query(candidate, version))))
      // A server that fails may know the name: a longer one would be the wrong answer.
      if (answer.kind !== 'empty') return answer
    }
    return answer
  }

  async #query(name: string, version: 4 | 6): Promise<DnsAnswer> {
    try {
      const channel = this.#channel
      const records =
        version === 4 ? await channel.resolve4(name, { ttl: true }) : await channel.resolve6(name, { ttl: true })
      if (records.length === 0) return withoutAddresses('ENODATA')
      return { kind: 'addresses', addresses: records.map(({ address, ttl }) => ({ ip: address, ttlSeconds: ttl })) }
    } catch (error) {
      return withoutAddresses((error as NodeJS.ErrnoException).code ?? 'EUNKNOWN')
    }
  }

  #isRoutable(version: 4 | 6): boolean {
    if (!this.#settings.filterUnroutableFamilies) return true
    const family = version === 4 ? 'IPv4' : 'IPv6'
    return Object.values(networkInterfaces()).some((list) =>
      (list ?? []).some((each) => each.family === family && !each.internal),
    )
  }
}

function withoutAddresses(code: string): DnsAnswer {
  const isEmpty = emptyCodes.has(code)
  const details = `${isEmpty ? 'cares_norecords' : 'cares_failure'}:${words[code] ?? code}`
  return { kind: isEmpty ? 'empty' : 'failure', code, details }
}

/** An address, or what is no name; undefined for names. As in c-ares an IPv4 address is an answer to every question. */
function unasked(name: string, wanted: readonly (4 | 6)[]): DnsAnswer | undefined {
  const version = isIP(name)
  if (version === 4 || (version === 6 && wanted.includes(6)))
    return { kind: 'addresses', addresses: [{ ip: name, ttlSeconds: 0 }] }
  return nameForm.test(name) ? undefined : withoutAddresses('EBADNAME')
}

function createChannel({ servers, queryTimeoutMs, queryTries }: CaresSettings): Resolver {
  const channel = new Resolver({ timeout: queryTimeoutMs, tries: queryTries })
  if (servers.length > 0) channel.setServers([...servers])
  return channel
}

/** Addresses of any part, else a failure of any part, else nothing. */
function joined(parts: readonly DnsAnswer[]): DnsAnswer {
  const addresses = parts.flatMap((part) => (part.kind === 'addresses' ? part.addresses : []))
  if (addresses.length > 0) return { kind: 'addresses', addresses }
  return parts.find((part) => part.kind === 'failure') ?? parts[0] ?? withoutAddresses('ENODATA')
}
