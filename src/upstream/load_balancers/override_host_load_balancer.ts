// override_host: hosts that a header or the request's metadata names, and another policy where they are not to be had.

import type { Host } from '../host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../load_balancer.ts'
import type { PrioritySet } from '../priority_set.ts'

/** Finds `address:port` texts, with commas between, of one request; undefined where it names none. */
export type OverrideSource = (context: LoadBalancerContext) => string | undefined

export interface OverrideHostSettings {
  readonly sources: readonly OverrideSource[]
  /** Where the request's metadata shall tell which host was chosen; undefined for nowhere. */
  readonly selectedHostKey: { readonly namespace: string; readonly path: readonly string[] } | undefined
}

/** What of the named hosts is left for later tries. */
interface Remaining {
  readonly addresses: readonly string[]
  next: number
}

const stateKey = 'envoy.extensions.load_balancing_policies.override_host.filter_state'

export class OverrideHostLoadBalancer implements LoadBalancer {
  readonly #settings: OverrideHostSettings
  readonly #fallback: LoadBalancer
  #hosts: ReadonlyMap<string, Host> = new Map()

  constructor(settings: OverrideHostSettings, fallback: LoadBalancer) {
    this.#settings = settings
    this.#fallback = fallback
  }

  onHostsChanged(prioritySet: PrioritySet): void {
    this.#hosts = new Map([...prioritySet.hosts()].map((host) => [host.address.text, host]))
    this.#fallback.onHostsChanged(prioritySet)
  }

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    if (context?.streamInfo === undefined) return this.#fallback.chooseHost(context)
    const host = this.#named(context) ?? this.#fallback.chooseHost(context)
    if (host !== undefined) this.#tell(host, context)
    return host
  }

  #named(context: LoadBalancerContext): Host | undefined {
    const state = context.streamInfo?.filterState
    let remaining = state?.get(stateKey) as Remaining | undefined
    if (remaining === undefined) {
      remaining = { addresses: this.#settings.sources.flatMap((source) => addresses(source(context))), next: 0 }
      state?.set(stateKey, remaining)
    }
    while (remaining.next < remaining.addresses.length) {
      const host = this.#hosts.get(remaining.addresses[remaining.next++])
      if (host !== undefined) return host
    }
    return undefined
  }

  #tell(host: Host, { streamInfo }: LoadBalancerContext): void {
    const key = this.#settings.selectedHostKey
    if (key === undefined) return
    const [first, ...rest] = key.path
    const value = rest.reduceRight<unknown>((inner, name) => ({ [name]: inner }), host.address.text)
    streamInfo?.setDynamicMetadata(key.namespace, { [first]: value })
  }

  peekAnotherHost(): Host | undefined {
    return this.#fallback.peekAnotherHost()
  }

  onLocalClusterChanged(): void {
    this.#fallback.onLocalClusterChanged()
  }

  destroy(): void {
    this.#fallback.destroy?.()
  }
}

function addresses(list: string | undefined): string[] {
  if (list === undefined) return []
  return list
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}
