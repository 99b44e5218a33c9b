/** A view of a scope in which some names are not kept: `stats_matcher` of one listener. */

import { NULL_SLOT } from './slab_writer.ts'
import type { GaugeMode, HistogramUnit } from './stat_log.ts'
import type { StatsOwner } from './stats_owner.ts'
import { Counter, Gauge, Histogram, type Scope, scopePrefix, TextReadout } from './store.ts'

/** What handles of names that are not kept write to. */
const nowhere = new Float64Array(NULL_SLOT + 1)

/** `rejects` gets whole names; handles of what it rejects work, and show nowhere. */
export class FilteredScope implements Scope {
  readonly #scope: Scope
  readonly #prefix: string
  readonly #rejects: (name: string) => boolean

  /** `prefix` is the scope's own, with a dot at its end, or ''. */
  constructor(scope: Scope, prefix: string, rejects: (name: string) => boolean) {
    this.#scope = scope
    this.#prefix = prefix
    this.#rejects = rejects
  }

  counter(name: string): Counter {
    return this.#rejects(this.#prefix + name) ? new Counter(nowhere, NULL_SLOT) : this.#scope.counter(name)
  }

  gauge(name: string, mode?: GaugeMode): Gauge {
    return this.#rejects(this.#prefix + name) ? new Gauge(nowhere, NULL_SLOT) : this.#scope.gauge(name, mode)
  }

  histogram(name: string, unit: HistogramUnit): Histogram {
    return this.#rejects(this.#prefix + name) ? new Histogram(undefined, 0) : this.#scope.histogram(name, unit)
  }

  textReadout(name: string): TextReadout {
    return this.#rejects(this.#prefix + name) ? new TextReadout(undefined, NULL_SLOT) : this.#scope.textReadout(name)
  }

  createScope(prefix: string): Scope {
    return new FilteredScope(this.#scope.createScope(prefix), scopePrefix(this.#prefix, prefix), this.#rejects)
  }
  ownedBy(owner: StatsOwner): Scope {
    return new FilteredScope(this.#scope.ownedBy(owner), this.#prefix, this.#rejects)
  }
}
