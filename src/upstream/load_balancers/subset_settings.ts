// What a subset policy is told to do, compiled from its message.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'

type SubsetView = envoy.extensions.load_balancing_policies.subset.v3.Subset
type SelectorView = envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector

export interface SubsetSelector {
  /** Sorted. */
  readonly keys: readonly string[]
  readonly singleHostPerSubset: boolean
  readonly fallbackPolicy: SelectorView['fallbackPolicy']
  /** Sorted; for KEYS_SUBSET. */
  readonly fallbackKeysSubset: readonly string[]
}

export interface SubsetSettings {
  readonly fallbackPolicy: SubsetView['fallbackPolicy']
  readonly defaultSubset: Readonly<Record<string, unknown>>
  readonly selectors: readonly SubsetSelector[]
  /** Localities keep their weights in a subset. */
  readonly localityWeightAware: boolean
  /** They keep as much of it as they keep hosts. */
  readonly scaleLocalityWeight: boolean
  readonly panicModeAny: boolean
  /** A list in a host's metadata stands for each of its elements. */
  readonly listAsAny: boolean
  readonly fallbackList: boolean
  readonly allowRedundantKeys: boolean
}

export function subsetSettings(view: SubsetView, errors: ConfigErrors): SubsetSettings {
  return {
    fallbackPolicy: view.fallbackPolicy,
    defaultSubset: view.defaultSubset ?? {},
    selectors: view.subsetSelectors.map((each) => compileSelector(each, errors)),
    localityWeightAware: view.localityWeightAware,
    scaleLocalityWeight: view.scaleLocalityWeight,
    panicModeAny: view.panicModeAny,
    listAsAny: view.listAsAny,
    fallbackList: view.metadataFallbackPolicy === 'FALLBACK_LIST',
    allowRedundantKeys: view.allowRedundantKeys,
  }
}

function compileSelector(view: SelectorView, errors: ConfigErrors): SubsetSelector {
  const complaint = fallbackComplaint(view)
  if (complaint !== undefined) errors.add(view, 'fallbackKeysSubset', complaint)
  return {
    keys: sortedSet(view.keys),
    singleHostPerSubset: view.singleHostPerSubset,
    fallbackPolicy: view.fallbackPolicy,
    fallbackKeysSubset: sortedSet(view.fallbackKeysSubset),
  }
}

function fallbackComplaint({ keys, fallbackPolicy, fallbackKeysSubset: fallback }: SelectorView): string | undefined {
  if (fallbackPolicy !== 'KEYS_SUBSET') {
    const isIdle = fallback.length === 0
    return isIdle ? undefined : 'fallback_keys_subset can be set only for KEYS_SUBSET fallback_policy'
  }
  if (fallback.length === 0) return 'fallback_keys_subset cannot be empty'
  if (!fallback.every((key) => keys.includes(key))) return 'fallback_keys_subset must be a subset of selector keys'
  // Fewer keys come to an end; the same would go on for ever.
  return keys.every((key) => fallback.includes(key)) ? 'fallback_keys_subset cannot be equal to keys' : undefined
}

function sortedSet(keys: readonly string[]): string[] {
  return [...new Set(keys)].sort()
}
