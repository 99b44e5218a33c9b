// The lists of one priority's hosts that picks are made from, each with its picker, made at first use.

import type { Host } from '../host.ts'
import type { HostSet } from '../priority_set.ts'
import type { EdfScheduler } from './edf_scheduler.ts'
import type { CreateHostPicker, HostPicker } from './host_picker.ts'
import { localitySchedule } from './locality_schedule.ts'

export type HostState = 'healthyHosts' | 'degradedHosts'

export class HostSource {
  readonly set: HostSet
  readonly #createPicker: CreateHostPicker
  /** Where localities have weights that count. */
  readonly #healthyLocalities: EdfScheduler<number> | undefined
  readonly #degradedLocalities: EdfScheduler<number> | undefined
  #all: HostPicker | undefined = undefined
  #healthy: HostPicker | undefined = undefined
  #degraded: HostPicker | undefined = undefined
  readonly #healthyIn: (HostPicker | undefined)[] = []
  readonly #degradedIn: (HostPicker | undefined)[] = []

  constructor(set: HostSet, localityWeighted: boolean, createPicker: CreateHostPicker) {
    this.set = set
    this.#createPicker = createPicker
    const weighs = localityWeighted && set.hasLocalityWeights
    this.#healthyLocalities = weighs ? localitySchedule(set, 'healthyHosts') : undefined
    this.#degradedLocalities = weighs ? localitySchedule(set, 'degradedHosts') : undefined
  }

  /** Whatever their health. */
  all(): HostPicker {
    this.#all ??= this.#createPicker(this.set.hosts)
    return this.#all
  }

  /** Of the locality whose turn it is, where weights of localities count, else of all. */
  available(state: HostState): HostPicker {
    const schedule = state === 'healthyHosts' ? this.#healthyLocalities : this.#degradedLocalities
    const locality = schedule?.pick()
    return locality === undefined ? this.everywhere(state) : this.inLocality(state, locality)
  }

  everywhere(state: HostState): HostPicker {
    if (state === 'healthyHosts') {
      this.#healthy ??= this.#createPicker(this.set.healthyHosts)
      return this.#healthy
    }
    this.#degraded ??= this.#createPicker(this.set.degradedHosts)
    return this.#degraded
  }

  inLocality(state: HostState, index: number): HostPicker {
    const pickers = state === 'healthyHosts' ? this.#healthyIn : this.#degradedIn
    const hosts: readonly Host[] = this.set.localities[index][state]
    pickers[index] ??= this.#createPicker(hosts)
    return pickers[index]
  }

  get isLocalityWeighted(): boolean {
    return this.#healthyLocalities !== undefined
  }
}
