// Hosts that filters choose, of those that override_host_status lets them choose.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { Host } from './host.ts'
import type { PrioritySet } from './priority_set.ts'

type HealthStatus = envoy.config.core.v3.HealthStatus

/** The host that one request wants. */
export interface OverrideHost {
  /** `address:port`. */
  readonly address: string
  /** No other will do. */
  readonly strict: boolean
  /** HTTP status of the answer where no other will do and the cluster has no such host. */
  readonly notFoundStatus: number
}

const defaultStatuses: readonly HealthStatus[] = ['UNKNOWN', 'HEALTHY', 'DEGRADED']

export class OverrideHosts {
  readonly #statuses: readonly HealthStatus[]
  readonly #prioritySet: PrioritySet
  /** Made when it is first asked for. */
  #byAddress: Map<string, Host> | undefined = undefined

  constructor(view: envoy.config.cluster.v3.Cluster, prioritySet: PrioritySet) {
    this.#statuses = view.commonLbConfig?.overrideHostStatus?.statuses ?? defaultStatuses
    this.#prioritySet = prioritySet
  }

  onHostsChanged(): void {
    this.#byAddress = undefined
  }

  /** Whatever its health. */
  has(address: string): boolean {
    return this.#hosts().has(address)
  }

  #hosts(): Map<string, Host> {
    this.#byAddress ??= new Map([...this.#prioritySet.hosts()].reverse().map((host) => [host.address.text, host]))
    return this.#byAddress
  }

  /** Undefined where there is none of that address, or its health forbids it. */
  find(address: string): Host | undefined {
    const host = this.#hosts().get(address)
    return host !== undefined && this.#statuses.includes(host.detailedStatus) ? host : undefined
  }
}
