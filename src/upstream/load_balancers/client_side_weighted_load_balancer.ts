// client_side_weighted_round_robin: round robin by weights that hosts report of themselves.

import { monotonicMs } from '../../common/clock.ts'
import type { Host } from '../host.ts'
import type { LoadBalancer, LoadBalancerContext } from '../load_balancer.ts'
import type { PrioritySet } from '../priority_set.ts'
import { ClientSideWeight, type WeightSettings } from './client_side_weight.ts'

export class ClientSideWeightedLoadBalancer implements LoadBalancer {
  readonly #roundRobin: LoadBalancer
  readonly #settings: WeightSettings
  readonly #updatePeriodMs: number
  #prioritySet: PrioritySet | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(roundRobin: LoadBalancer, settings: WeightSettings, updatePeriodMs: number) {
    this.#roundRobin = roundRobin
    this.#settings = settings
    this.#updatePeriodMs = updatePeriodMs
  }

  onHostsChanged(prioritySet: PrioritySet): void {
    this.#prioritySet = prioritySet
    for (const host of prioritySet.hosts()) host.lbPolicyData ??= new ClientSideWeight(this.#settings)
    this.#timer ??= setInterval(() => this.#updateWeights(), this.#updatePeriodMs).unref()
    this.#roundRobin.onHostsChanged(prioritySet)
  }

  #updateWeights(): void {
    const prioritySet = this.#prioritySet
    if (prioritySet === undefined) return
    const now = monotonicMs()
    let changed = false
    for (const { hosts } of prioritySet.hostSets) if (weigh(hosts, now)) changed = true
    if (changed) this.#roundRobin.onHostsChanged(prioritySet)
  }

  chooseHost(context: LoadBalancerContext | undefined): Host | undefined {
    return this.#roundRobin.chooseHost(context)
  }

  peekAnotherHost(): Host | undefined {
    return this.#roundRobin.peekAnotherHost()
  }

  onLocalClusterChanged(): void {
    this.#roundRobin.onLocalClusterChanged()
  }

  destroy(): void {
    clearInterval(this.#timer)
  }
}

/** Hosts without a weight of their own get the median of the others; true where any weight is another than before. */
function weigh(hosts: readonly Host[], nowMs: number): boolean {
  const weights = hosts.map(({ lbPolicyData }) =>
    lbPolicyData instanceof ClientSideWeight ? lbPolicyData.current(nowMs) : undefined,
  )
  const known = weights.filter((each) => each !== undefined).sort((a, b) => a - b)
  const median = known.length === 0 ? 1 : known[Math.floor(known.length / 2)]
  let changed = false
  hosts.forEach((host, i) => {
    const weight = weights[i] ?? median
    if (host.weight !== weight) changed = true
    host.weight = weight
  })
  return changed
}
