// What a request asks of hosts' metadata, in the form in which subsets are found: one text for all keys and values.

import type { MetadataMatch } from '../load_balancer.ts'

/** Compiled once for each `metadata_match`. */
export class SubsetCriteria {
  readonly match: MetadataMatch
  /** Sorted. */
  readonly names: readonly string[]
  /** Names the selectors that these keys belong to. */
  readonly keysText: string
  /** Names the subset. */
  readonly text: string
  readonly #narrowed = new Map<readonly string[], SubsetCriteria>()
  #fallbacks: readonly SubsetCriteria[] | undefined = undefined

  constructor(match: MetadataMatch) {
    this.match = match
    this.names = Object.keys(match).sort()
    this.keysText = keysText(this.names)
    this.text = subsetText(this.names.map((name) => [name, match[name]]))
  }

  /** With these keys alone, as far as they are there. */
  narrowed(keys: readonly string[]): SubsetCriteria {
    let found = this.#narrowed.get(keys)
    if (found === undefined) {
      const kept = Object.entries(this.match).filter(([name]) => keys.includes(name))
      found = new SubsetCriteria(Object.fromEntries(kept))
      this.#narrowed.set(keys, found)
    }
    return found
  }

  /** One after another as `fallback_list` has them; undefined without one. */
  fallbacks(): readonly SubsetCriteria[] | undefined {
    if (!this.names.includes(fallbackListKey)) return undefined
    this.#fallbacks ??= this.#compileFallbacks()
    return this.#fallbacks
  }

  #compileFallbacks(): SubsetCriteria[] {
    const { [fallbackListKey]: list, ...rest } = this.match
    if (!Array.isArray(list) || list.length === 0) return [new SubsetCriteria(rest)]
    return list.map((each: unknown) => new SubsetCriteria({ ...rest, ...(isStruct(each) ? each : {}) }))
  }
}

const fallbackListKey = 'fallback_list'
const known = new WeakMap<MetadataMatch, SubsetCriteria>()

/** A route's `metadata_match` is the same object for all of its requests. */
export function criteriaOf(match: MetadataMatch): SubsetCriteria {
  let criteria = known.get(match)
  if (criteria === undefined) {
    criteria = new SubsetCriteria(match)
    known.set(match, criteria)
  }
  return criteria
}

export function keysText(sortedNames: readonly string[]): string {
  return JSON.stringify(sortedNames)
}

/** The text of a subset: its keys, sorted, each with its value. */
export function subsetText(pairs: readonly (readonly [name: string, value: unknown])[]): string {
  return pairs.map(([name, value]) => `${JSON.stringify(name)}:${valueText(value)}`).join()
}

/** JSON with the keys of objects in order, so that equal values have equal texts. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join()}]`
  if (!isStruct(value)) return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${valueText(value[name])}`).join()}}`
}

function isStruct(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
