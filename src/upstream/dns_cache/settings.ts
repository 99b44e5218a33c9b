// What a DnsCacheConfig says.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { parseIp } from '../../common/cidr.ts'
import { readCidrSet } from '../../config/cidr_ranges.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { LookupFamily } from '../discovery/dns_resolver.ts'
import { hostKey } from './host_key.ts'

export type DnsCacheView = envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig

const defaultRefreshMs = 60_000
const defaultMinRefreshMs = 5000
const defaultHostTtlMs = 300_000
const defaultQueryTimeoutMs = 5000
const defaultMaxHosts = 1024
const defaultMaxPendingRequests = 1024

/** Milliseconds throughout. */
export interface DnsCacheSettings {
  readonly name: string
  readonly family: LookupFamily
  /** For what has no addresses, and so tells no TTL. */
  readonly refreshMs: number
  readonly minRefreshMs: number
  readonly failureBaseMs: number
  readonly failureMaxMs: number
  /** A host that nobody has used for so long is forgotten when it would be looked up again. */
  readonly hostTtlMs: number
  readonly maxHosts: number
  /** Requests that may wait for answers, over all workers. */
  readonly maxPendingRequests: number
  /** 0 for none. */
  readonly queryTimeoutMs: number
  /** Keys of hosts that are looked up before anybody asks. */
  readonly preresolved: readonly string[]
  /** What cannot be looked up is tried again. */
  readonly refreshesFailures: boolean
  /** Addresses that must not be used; undefined where all may. */
  readonly isExcluded: ((ip: string) => boolean) | undefined
}

export function dnsCacheSettings(view: DnsCacheView, errors: ConfigErrors): DnsCacheSettings {
  const refreshMs = view.dnsRefreshRate ?? defaultRefreshMs
  const failure = view.dnsFailureRefreshRate
  const failureBaseMs = failure?.baseInterval ?? refreshMs
  if (failure?.maxInterval !== undefined && failure.maxInterval < failureBaseMs) {
    const text = 'dns_failure_refresh_rate must have max_interval greater than or equal to the base_interval'
    errors.add(failure, 'maxInterval', text)
  }
  const maxHosts = view.maxHosts ?? defaultMaxHosts
  const preresolved = view.preresolveHostnames.map((each) => hostKey(each.address, each.portValue ?? 0))
  if (preresolved.length > maxHosts) {
    const text = `DNS Cache [${view.name}] configured with preresolve_hostnames=${preresolved.length} larger than max_hosts=${maxHosts}`
    errors.add(view, 'preresolveHostnames', text)
  }
  return {
    name: view.name,
    family: view.dnsLookupFamily,
    refreshMs,
    minRefreshMs: view.dnsMinRefreshRate ?? defaultMinRefreshMs,
    failureBaseMs,
    // Without dns_failure_refresh_rate a failure changes nothing about the interval.
    failureMaxMs: failure === undefined ? failureBaseMs : (failure.maxInterval ?? failureBaseMs * 10),
    hostTtlMs: view.hostTtl ?? defaultHostTtlMs,
    maxHosts,
    maxPendingRequests: view.dnsCacheCircuitBreaker?.maxPendingRequests ?? defaultMaxPendingRequests,
    queryTimeoutMs: view.dnsQueryTimeout ?? defaultQueryTimeoutMs,
    preresolved,
    refreshesFailures: !view.disableDnsRefreshOnFailure,
    isExcluded: exclusion(view.resolvedAddressFilter, errors),
  }
}

function exclusion(
  filter: DnsCacheView['resolvedAddressFilter'],
  errors: ConfigErrors,
): DnsCacheSettings['isExcluded'] {
  if (filter === undefined) return undefined
  const ranges = readCidrSet(filter.ranges, errors)
  return (ip) => {
    const address = parseIp(ip)
    return address !== undefined && ranges.contains(address) !== filter.invertMatch
  }
}
