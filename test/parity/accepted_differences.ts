/** The one list of differences from Envoy that are meant, each with its reason; everything else fails the parity tests. */
import type { ObservedField } from './compare.ts'

export interface AcceptedDifference {
  /** Case names; one that ends in `*` is a prefix. */
  cases: readonly string[]
  fields: readonly ObservedField[]
  reason: string
}

export const acceptedDifferences: readonly AcceptedDifference[] = []
