// `cluster.<name>.lb_subsets_*`

import type { Counter, Gauge, Scope } from '../../stats/store.ts'

export interface SubsetStats {
  readonly active: Gauge
  readonly created: Counter
  readonly removed: Counter
  readonly selected: Counter
  readonly fallback: Counter
  readonly fallbackPanic: Counter
  readonly singleHostDuplicate: Gauge
}

/** `scope` is `cluster.<name>.`. */
export function subsetStats(scope: Scope): SubsetStats {
  return {
    active: scope.gauge('lb_subsets_active'),
    created: scope.counter('lb_subsets_created'),
    removed: scope.counter('lb_subsets_removed'),
    selected: scope.counter('lb_subsets_selected'),
    fallback: scope.counter('lb_subsets_fallback'),
    fallbackPanic: scope.counter('lb_subsets_fallback_panic'),
    singleHostDuplicate: scope.gauge('lb_subsets_single_host_per_subset_duplicate'),
  }
}
