// /stats/recentlookups: which stats were looked up by name while tracking was on. A name is looked up here when its
// stat is made, in main or a worker, and never again.

import type { ServerControl } from '../../server/server_control.ts'
import { type AdminEndpoint, okReply, textReply } from '../endpoint.ts'

const path = '/stats/recentlookups'

export function recentLookupsEndpoints(lookups: RecentLookups): AdminEndpoint[] {
  const change = (name: string, help: string, apply: () => void): AdminEndpoint => ({
    path: `${path}/${name}`,
    help,
    mutates: true,
    params: [],
    answer: () => {
      apply()
      return okReply()
    },
  })
  const show: AdminEndpoint = {
    path,
    help: 'stats that were looked up by name while tracking was on',
    mutates: false,
    params: [],
    answer: () => textReply(lookups.render()),
  }
  return [
    show,
    change('clear', 'forget the lookups so far', () => lookups.clear()),
    change('disable', 'stop tracking', () => lookups.track(false)),
    change('enable', 'start tracking', () => lookups.track(true)),
  ]
}

export class RecentLookups {
  readonly #control: ServerControl
  #tracking = false
  /** Names that are not recent. */
  #known = new Set<string>()
  #cleared = 0

  constructor(control: ServerControl) {
    this.#control = control
  }

  track(on: boolean): void {
    if (on && !this.#tracking) this.#known = new Set(this.#names())
    this.#tracking = on
  }

  clear(): void {
    const names = this.#names()
    this.#known = new Set(names)
    this.#cleared = names.length
  }

  render(): string {
    const names = this.#names()
    const total = `total: ${Math.max(0, names.length - this.#cleared)}\n`
    if (!this.#tracking) return `Lookup tracking is not enabled. Use ${path}/enable to enable.\n\n${total}`
    const recent = names.filter((name) => !this.#known.has(name))
    return `   Count Lookup\n${recent.map((name) => `       1 ${name}\n`).join('')}\n${total}`
  }

  #names(): string[] {
    const { counters, gauges, textReadouts, histograms } = this.#control.stats.snapshot()
    return [...counters, ...gauges, ...textReadouts, ...histograms].map((stat) => stat.name)
  }
}
