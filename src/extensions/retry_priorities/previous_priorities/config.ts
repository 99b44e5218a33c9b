// envoy.retry_priorities.previous_priorities: retries leave out priorities that were tried, `update_frequency` tries at a time.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { Host } from '../../../upstream/host.ts'
import { loadsWithout, type PriorityLoads } from '../../../upstream/load_balancers/priority_load.ts'
import type { HostSet } from '../../../upstream/priority_set.ts'
import type { RetryPriority, RetryPriorityFactory } from '../../../upstream/retry.ts'

type PreviousPrioritiesConfig = envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig

export const previousPriorities: RetryPriorityFactory<PreviousPrioritiesConfig> = {
  category: 'envoy.retry_priorities',
  name: 'envoy.retry_priorities.previous_priorities',
  typeUrls: ['envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig'],
  createRetryPriority({ updateFrequency }) {
    return () => new PreviousPriorities(updateFrequency)
  },
}

class PreviousPriorities implements RetryPriority {
  readonly #updateFrequency: number
  #attempted: Host[] = []
  readonly #leftOut = new Set<number>()
  #loads: PriorityLoads | undefined = undefined

  constructor(updateFrequency: number) {
    this.#updateFrequency = updateFrequency
  }

  onHostAttempted(host: Host): void {
    this.#attempted.push(host)
  }

  determinePriorityLoad(
    hostSets: readonly HostSet[],
    original: PriorityLoads,
    priorityOf: (host: Host) => number | undefined,
  ): PriorityLoads {
    if (this.#attempted.length < this.#updateFrequency) return original
    if (this.#attempted.length % this.#updateFrequency === 0) this.#update(hostSets, priorityOf)
    return this.#loads ?? original
  }

  #update(hostSets: readonly HostSet[], priorityOf: (host: Host) => number | undefined): void {
    for (const host of this.#attempted) {
      const priority = priorityOf(host)
      if (priority !== undefined) this.#leftOut.add(priority)
    }
    this.#loads = loadsWithout(hostSets, this.#leftOut)
    if (this.#loads !== undefined) return
    // All were tried: they are tried again.
    this.#leftOut.clear()
    this.#attempted = []
    this.#loads = loadsWithout(hostSets, this.#leftOut)
  }
}
