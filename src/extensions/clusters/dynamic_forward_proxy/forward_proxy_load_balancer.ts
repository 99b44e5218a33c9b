// Finds the host that the request itself names, and has it looked up where nobody has asked for it before.

import type { DnsCache, DnsLookup, DnsOutcome } from '../../../upstream/dns_cache/dns_cache.ts'
import { hostKey, namedHost, namedPort } from '../../../upstream/dns_cache/host_key.ts'
import type { Host } from '../../../upstream/host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../../../upstream/load_balancer.ts'
import type { PrioritySet } from '../../../upstream/priority_set.ts'

export class ForwardProxyLoadBalancer implements LoadBalancer {
  readonly #cache: DnsCache
  readonly #defaultPort: number
  /** By `name:port`. */
  #hosts: ReadonlyMap<string, Host> = new Map()

  constructor(cache: DnsCache, defaultPort: number) {
    this.#cache = cache
    this.#defaultPort = defaultPort
  }

  lookForHost(context: LoadBalancerContext, done: () => void): (() => void) | undefined {
    const key = this.#keyOf(context)
    if (key === undefined || this.#hosts.has(key)) return undefined
    const lookup = this.#cache.load(key, (outcome) => {
      context.noHostDetails = detailsOf(outcome)
      done()
    })
    if (lookup.kind === 'waiting') return lookup.giveUp
    context.noHostDetails = detailsOfLookup(lookup)
    return undefined
  }

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    const key = context === undefined ? undefined : this.#keyOf(context)
    if (context === undefined || key === undefined) return undefined
    const host = this.#hosts.get(key)
    if (host === undefined) this.#ask(key, context)
    else this.#cache.touch(key)
    return host
  }

  /** Who cannot wait (a connection, a retry) has the host looked up for those that come later. */
  #ask(key: string, context: LoadBalancerContext): void {
    if (context.noHostDetails !== undefined) return
    const lookup = this.#cache.load(key, () => {})
    if (lookup.kind === 'waiting') {
      lookup.giveUp()
      context.isHostPending = true
    } else context.noHostDetails = detailsOfLookup(lookup)
  }

  /** Undefined where the request names no host. */
  #keyOf(context: LoadBalancerContext): string | undefined {
    const { streamInfo, downstreamConnection, downstreamHeaders } = context
    const connection = downstreamConnection?.streamInfo
    const own = downstreamHeaders?.authority ?? downstreamConnection?.downstream?.requestedServerName
    const host = namedHost(streamInfo, connection) ?? own ?? ''
    if (host !== '') return hostKey(host, namedPort(streamInfo, connection) ?? this.#defaultPort)
    context.noHostDetails = 'empty_host_header'
    return undefined
  }

  onHostsChanged(prioritySet: PrioritySet): void {
    this.#hosts = new Map([...prioritySet.hosts()].map((host) => [host.hostname, host]))
  }

  peekAnotherHost(): undefined {
    return undefined
  }

  onLocalClusterChanged(): void {}
}

function detailsOfLookup(lookup: Exclude<DnsLookup, { kind: 'waiting' }>): string {
  if (lookup.kind === 'pendingOverflow') return 'dns_cache_pending_requests_overflow'
  return detailsOf(lookup.kind === 'overflow' ? 'overflow' : lookup.host)
}

function detailsOf(outcome: DnsOutcome): string {
  return outcome === 'overflow' ? 'dns_cache_overflow' : `dns_resolution_failure{${outcome.details}}`
}
