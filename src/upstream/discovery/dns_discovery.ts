// STRICT_DNS and LOGICAL_DNS: resolves names again and again, by TTL or interval, with back-off after failures.

import { isIP } from 'node:net'
import type { envoy } from '../../../proto/generated/api.d.ts'
import { getLogger } from '../../common/log.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { ipAddress, pipeAddress } from '../../network/address.ts'
import type { AddressInfo } from '../../stream_info/stream_info.ts'
import type { ClusterStats } from '../cluster_stats.ts'
import { byPriority, type ConfiguredEndpoint, configuredEndpoints, hostSnapshot } from '../endpoints.ts'
import { checkTarget } from '../health_checking/check_target.ts'
import type { HostSnapshot } from '../host.ts'
import type { ClusterDiscovery, CountMatches, HostsKind, OnHosts } from './discovery.ts'
import {
  createResolver,
  type DnsAnswer,
  type DnsEnvironment,
  type LookupFamily,
  type NameResolver,
} from './dns_resolver.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type DnsCluster = envoy.extensions.clusters.dns.v3.DnsCluster

const log = getLogger('upstream')
const defaultRefreshMs = 5000
const defaultMinRefreshMs = 1000

/** Milliseconds throughout. */
export interface DnsSettings {
  /** All addresses of a name are hosts (strict), or the first is the only one (logical). */
  readonly strict: boolean
  /** False: the server starts without waiting for the first answer. */
  readonly waitsForWarmUp: boolean
  readonly family: LookupFamily
  readonly resolve: NameResolver
  readonly refreshMs: number
  readonly minRefreshMs: number
  readonly respectTtl: boolean
  readonly jitterMs: number
  readonly failureBaseMs: number
  readonly failureMaxMs: number
}

export function dnsSettings(view: ClusterView, errors: ConfigErrors, environment?: DnsEnvironment): DnsSettings {
  const typed = view.clusterType?.typedConfig?.value as DnsCluster | undefined
  const refreshMs = (typed === undefined ? view.dnsRefreshRate : typed.dnsRefreshRate) ?? defaultRefreshMs
  const failure = typed === undefined ? view.dnsFailureRefreshRate : typed.dnsFailureRefreshRate
  const failureBaseMs = failure?.baseInterval ?? refreshMs
  if (failure?.maxInterval !== undefined && failure.maxInterval < failureBaseMs) {
    const text = 'dns_failure_refresh_rate must have max_interval greater than or equal to the base_interval'
    errors.add(failure, 'maxInterval', text)
  }
  const servers = view.dnsResolutionConfig?.resolvers ?? view.dnsResolvers
  const family = typed?.dnsLookupFamily ?? view.dnsLookupFamily
  return {
    strict: typed === undefined ? isStrict(view) : !typed.allAddressesInSingleEndpoint,
    waitsForWarmUp: view.waitForWarmOnInit ?? true,
    family: family === 'UNSPECIFIED' ? 'AUTO' : family,
    resolve: createResolver(typed?.typedDnsResolverConfig ?? view.typedDnsResolverConfig, servers, errors, environment),
    refreshMs,
    minRefreshMs: typed?.dnsMinRefreshRate ?? defaultMinRefreshMs,
    respectTtl: typed?.respectDnsTtl ?? view.respectDnsTtl,
    jitterMs: typed?.dnsJitter ?? view.dnsJitter ?? 0,
    failureBaseMs,
    // Without dns_failure_refresh_rate a failure changes nothing about the interval.
    failureMaxMs: failure === undefined ? failureBaseMs : (failure.maxInterval ?? failureBaseMs * 10),
  }
}

/** By the older `type`, or the name of a cluster_type without settings of its own. */
function isStrict(view: ClusterView): boolean {
  return (
    view.type === 'STRICT_DNS' ||
    (view.clusterType !== undefined && view.clusterType.name !== 'envoy.cluster.logical_dns')
  )
}

/** LOGICAL_DNS has one endpoint; no address asks for a resolver of its own. */
export function checkDnsCluster(view: ClusterView, settings: DnsSettings, errors: ConfigErrors): boolean {
  const endpoints = configuredEndpoints(view.loadAssignment)
  for (const group of view.loadAssignment?.endpoints ?? []) {
    if (group.ledsClusterLocalityConfig === undefined) continue
    const text = 'leds_cluster_locality_config is accepted but has no effect: LEDS is for clusters of type EDS'
    errors.warn(group, 'ledsClusterLocalityConfig', text)
  }
  for (const endpoint of endpoints) {
    const { address: whole, healthCheckConfig } = endpoint.view.endpoint ?? {}
    if (healthCheckConfig !== undefined) checkTarget(someAddress(whole?.pipe?.path), healthCheckConfig, errors)
    const address = whole?.socketAddress
    if (address === undefined || address.resolverName === '') continue
    const kind = settings.strict ? 'STRICT_DNS' : 'LOGICAL_DNS'
    errors.add(address, 'resolverName', `${kind} clusters must NOT have a custom resolver name set`)
  }
  if (!settings.strict && endpoints.length !== 1) {
    const text =
      endpoints.length === 0
        ? 'LOGICAL_DNS clusters must have a single host'
        : 'LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint'
    errors.add(view, 'loadAssignment', text)
    return false
  }
  return true
}

/** A name may become any address. */
function someAddress(path: string | undefined): AddressInfo {
  return path === undefined ? ipAddress('127.0.0.1', 0) : pipeAddress(path)
}

/** One name to resolve, with the hosts that it last gave. */
class DnsTarget {
  readonly endpoint: ConfiguredEndpoint
  readonly #settings: DnsSettings
  readonly #stats: ClusterStats
  readonly #countMatches: CountMatches
  readonly #onResolved: () => void
  hosts: readonly HostSnapshot[] = []
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(
    endpoint: ConfiguredEndpoint,
    settings: DnsSettings,
    stats: ClusterStats,
    countMatches: CountMatches,
    onResolved: () => void,
  ) {
    this.endpoint = endpoint
    this.#countMatches = countMatches
    this.#settings = settings
    this.#stats = stats
    this.#onResolved = onResolved
  }

  async resolve(): Promise<void> {
    const address = this.endpoint.view.endpoint?.address
    if (address?.pipe !== undefined) {
      this.hosts = [hostSnapshot(this.endpoint, pipeAddress(address.pipe.path), '')]
      this.#onResolved()
      return
    }
    const name = address?.socketAddress?.address ?? ''
    this.#stats.updateAttempt.inc()
    const literal = isIP(name) !== 0
    const answer: DnsAnswer = literal
      ? { kind: 'addresses', addresses: [{ ip: name, ttlSeconds: Number.POSITIVE_INFINITY }] }
      : await this.#settings.resolve(name, this.#settings.family)
    if (this.#stopped) return
    const delayMs = this.#apply(name, answer)
    if (!literal) this.#timer = setTimeout(() => void this.resolve(), delayMs).unref()
  }

  /** Takes an answer over; returns when to ask again. */
  #apply(name: string, answer: DnsAnswer): number {
    const { refreshMs, minRefreshMs, respectTtl, jitterMs, strict } = this.#settings
    if (answer.kind === 'failure' || (answer.kind === 'empty' && !strict)) {
      // Nothing new is known: the hosts of the last good answer stay.
      this.#stats.updateFailure.inc()
      if (log.enabled('debug')) log.debug(`DNS resolution of ${name} failed: ${answer.code}`)
      this.#onResolved()
      return this.#failureDelay()
    }
    this.#stats.updateSuccess.inc()
    const addresses = answer.kind === 'addresses' ? answer.addresses : []
    this.#failures = 0
    const port = this.endpoint.view.endpoint?.address?.socketAddress?.portValue ?? 0
    const hostname = this.endpoint.view.endpoint?.hostname || name
    const found = [...new Set(addresses.map(({ ip }) => ip))].map((ip) => ipAddress(ip, port))
    if (strict) this.hosts = found.map((each) => hostSnapshot(this.endpoint, each, hostname))
    // The others are tried where the first does not answer.
    else this.hosts = [{ ...hostSnapshot(this.endpoint, found[0], hostname), additionalAddresses: found.slice(1) }]
    this.#countMatches(this.hosts)
    this.#onResolved()
    const ttlMs = Math.min(...addresses.map((each) => each.ttlSeconds * 1000))
    const usesTtl = respectTtl && Number.isFinite(ttlMs) && ttlMs > 0
    return (usesTtl ? Math.max(minRefreshMs, ttlMs) : refreshMs) + Math.random() * jitterMs
  }

  /** Exponential with jitter between the two intervals of dns_failure_refresh_rate. */
  #failureDelay(): number {
    const { failureBaseMs, failureMaxMs } = this.#settings
    const limit = Math.min(failureMaxMs, failureBaseMs * 2 ** this.#failures++)
    return failureBaseMs === failureMaxMs ? failureBaseMs : Math.max(1, Math.random() * limit)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }
}

export class DnsDiscovery implements ClusterDiscovery {
  readonly hostsKind: HostsKind
  readonly #targets: DnsTarget[]
  #onHosts: OnHosts | undefined
  readonly #waitsForWarmUp: boolean
  readonly #strict: boolean
  #last = ''

  constructor(view: ClusterView, settings: DnsSettings, stats: ClusterStats, countMatches: CountMatches) {
    this.#waitsForWarmUp = settings.waitsForWarmUp
    this.#strict = settings.strict
    this.hostsKind = settings.strict ? 'listed' : 'logical'
    this.#targets = configuredEndpoints(view.loadAssignment).map(
      (endpoint) => new DnsTarget(endpoint, settings, stats, countMatches, () => this.#publish(stats)),
    )
  }

  async start(onHosts: OnHosts): Promise<void> {
    this.#onHosts = onHosts
    const answers = this.#targets.map((target) => target.resolve())
    // One name's answer is enough to begin with, as in Envoy: a dead name must not hold up the others.
    if (this.#waitsForWarmUp && answers.length > 0) await Promise.race(answers)
  }

  stop(): void {
    for (const target of this.#targets) target.stop()
  }

  #publish(stats: ClusterStats): void {
    const priorities = byPriority(this.#targets.flatMap((target) => target.hosts))
    // The same addresses in another order (DNS round robin) are no news.
    const text = JSON.stringify(priorities.map((hosts) => hosts.map((host) => JSON.stringify(host)).sort()))
    if (text === this.#last) stats.updateNoRebuild.inc()
    else {
      this.#last = text
      if (this.#strict) stats.maxHostWeight.set(Math.max(0, ...priorities.flat().map((host) => host.weight)))
      this.#onHosts?.(priorities)
    }
  }
}
