// `cluster.<name>.lb_subsets_*`

import type { Counter, Gauge, Scope } from '../../stats/store.ts'

export interface SubsetStats {
  readonly active: Gauge
  readonly created: Counter
  readonly removed: Counter
  readonly selected: Counter
  readonly fallback: Counter
  readonly fallbackPanic: Counter
  /** Undefined in all processes but one, or their numbers would add up. */
  readonly singleHostDuplicate: Gauge | undefined
}

/** `scope` is `cluster.<name>.`. The numbers of subsets do add up over processes, as over threads in Envoy. */
export function subsetStats(scope: Scope, isMain: boolean): SubsetStats {
  const duplicate = scope.gauge('lb_subsets_single_host_per_subset_duplicate')
  return {
    active: scope.gauge('lb_subsets_active'),
    created: scope.counter('lb_subsets_created'),
    removed: scope.counter('lb_subsets_removed'),
    selected: scope.counter('lb_subsets_selected'),
    fallback: scope.counter('lb_subsets_fallback'),
    fallbackPanic: scope.counter('lb_subsets_fallback_panic'),
    singleHostDuplicate: isMain ? duplicate : undefined,
  }
}
