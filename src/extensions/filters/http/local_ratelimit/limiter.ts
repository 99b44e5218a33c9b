// The token buckets of one configured limit, and which of them a request takes tokens from.

import { SharedLru, sharedLruWords } from '../../../../common/shared_lru.ts'
import { TokenBucket, type TokenBucketLimits } from '../../../../common/token_bucket.ts'
import type { DescriptorEntry, RateLimitDescriptor } from '../../../../http/rate_limit.ts'

/** One of `descriptors`: an entry with an empty value stands for any value, and every value has a bucket of its own. */
export interface LimitedDescriptor {
  readonly entries: readonly DescriptorEntry[]
  readonly limits: TokenBucketLimits
  /** Requests over the limit are counted, and let through. */
  readonly shadow: boolean
}

export interface LimiterSettings {
  /** Undefined for a limit by descriptors alone. */
  readonly defaultLimits: TokenBucketLimits | undefined
  readonly alwaysConsumeDefault: boolean
  readonly descriptors: readonly LimitedDescriptor[]
  /** How many values of a wildcard descriptor are kept apart. */
  readonly maxDynamicDescriptors: number
  /** The part of all tokens that is this proxy's, up to 1. */
  readonly share: () => number
}

/** Words of memory by name, zero at first: that of all workers, or of one connection alone. */
export type BucketMemory = (name: string, count: number) => BigInt64Array

export interface LimiterResult {
  readonly allowed: boolean
  /** Over a limit, and let through nonetheless. */
  readonly shadowed: boolean
  /** What response headers tell of; undefined where no bucket had a say. */
  readonly bucket: TokenBucket | undefined
  readonly xRatelimitOption: RateLimitDescriptor['xRatelimitOption']
}

interface Match {
  readonly bucket: TokenBucket
  readonly shadow: boolean
  readonly descriptor: RateLimitDescriptor
}

interface DescriptorBucket {
  readonly bucket: TokenBucket
  readonly shadow: boolean
}

export class LocalRateLimiter {
  readonly #settings: LimiterSettings
  /** Undefined for none, or for one that holds nothing: headers tell nothing of it. */
  readonly #default: TokenBucket | undefined
  /** By `descriptorKey`. */
  readonly #exact = new Map<string, DescriptorBucket>()
  readonly #wildcards: WildcardDescriptor[] = []

  constructor(settings: LimiterSettings, memory: BucketMemory) {
    this.#settings = settings
    const { defaultLimits, descriptors, maxDynamicDescriptors } = settings
    if (defaultLimits !== undefined && defaultLimits.maxTokens > 0)
      this.#default = new TokenBucket(defaultLimits, memory('default', 1))
    descriptors.forEach((descriptor, i) => {
      if (hasWildcard(descriptor))
        this.#wildcards.push(new WildcardDescriptor(descriptor, maxDynamicDescriptors, memory, String(i)))
      else {
        const bucket = new TokenBucket(descriptor.limits, memory(String(i), 1))
        this.#exact.set(descriptorKey(descriptor.entries), { bucket, shadow: descriptor.shadow })
      }
    })
  }

  /** Takes tokens from the slowest of the matching buckets first: a request that one refuses costs the others nothing. */
  requestAllowed(descriptors: readonly RateLimitDescriptor[]): LimiterResult {
    const share = this.#settings.share()
    const matches = this.#match(descriptors)
    const first = matches.length === 0 ? undefined : matches[0]
    let shadowed: Match | undefined
    for (const match of matches) {
      if (takesTokens(match, share)) continue
      if (!match.shadow) return resultOf(false, match)
      shadowed ??= match
    }
    if (first === undefined || this.#settings.alwaysConsumeDefault) {
      if (this.#isDefaultOver(share)) return defaultResult(false, this.#default)
    }
    if (shadowed !== undefined) return { ...resultOf(false, shadowed), shadowed: true }
    if (first !== undefined) return resultOf(true, first)
    return defaultResult(true, this.#default)
  }

  #isDefaultOver(share: number): boolean {
    if (this.#default !== undefined) return !this.#default.tryConsume(1 / share)
    return this.#settings.defaultLimits !== undefined
  }

  #match(descriptors: readonly RateLimitDescriptor[]): readonly Match[] {
    const matches: Match[] = []
    for (const descriptor of descriptors) {
      const key = descriptorKey(descriptor.entries)
      const found = this.#exact.get(key) ?? this.#wildcards.find((each) => each.matches(descriptor))?.bucketOf(key)
      if (found !== undefined) matches.push({ ...found, descriptor })
    }
    return matches.length < 2 ? matches : matches.sort((a, b) => a.bucket.tokensPerMs - b.bucket.tokensPerMs)
  }
}

/** A request that counts for nothing is refused, as in Envoy. */
function takesTokens({ bucket, descriptor }: Match, share: number): boolean {
  const { hitsAddend = 1, isNegativeHits } = descriptor
  if (isNegativeHits && descriptor.hitsAddend !== undefined) {
    bucket.refill(hitsAddend)
    return true
  }
  return hitsAddend > 0 && bucket.tryConsume(hitsAddend / share)
}

function defaultResult(allowed: boolean, bucket: TokenBucket | undefined): LimiterResult {
  return { allowed, shadowed: false, bucket, xRatelimitOption: 'UNSPECIFIED' }
}

function resultOf(allowed: boolean, { bucket, descriptor }: Match): LimiterResult {
  return { allowed, shadowed: false, bucket, xRatelimitOption: descriptor.xRatelimitOption }
}

function hasWildcard({ entries }: LimitedDescriptor): boolean {
  return entries.some(({ value }) => value === '')
}

/** Different for descriptors of different entries, whatever is in them. */
export function descriptorKey(entries: readonly DescriptorEntry[]): string {
  let key = ''
  for (const entry of entries) key += `${entry.key.length}:${entry.key}${entry.value.length}:${entry.value}`
  return key
}

/** Buckets for the values that requests bring: as many as are kept, for the values that were met last. */
class WildcardDescriptor {
  readonly #descriptor: LimitedDescriptor
  readonly #lru: SharedLru
  readonly #cells: BigInt64Array
  readonly #buckets: (TokenBucket | undefined)[] = []

  constructor(descriptor: LimitedDescriptor, places: number, memory: BucketMemory, name: string) {
    this.#descriptor = descriptor
    this.#lru = new SharedLru(memory(`${name}.keys`, sharedLruWords(places)), places)
    this.#cells = memory(`${name}.buckets`, places)
  }

  matches({ entries }: RateLimitDescriptor): boolean {
    const wanted = this.#descriptor.entries
    if (wanted.length !== entries.length) return false
    return wanted.every(({ key, value }, i) => key === entries[i].key && (value === '' || value === entries[i].value))
  }

  bucketOf(key: string): DescriptorBucket {
    const { limits, shadow } = this.#descriptor
    const place = this.#lru.placeOf(key, (given) => this.#bucketAt(given).reset(limits.maxTokens))
    return { bucket: this.#bucketAt(place), shadow }
  }

  #bucketAt(place: number): TokenBucket {
    this.#buckets[place] ??= new TokenBucket(this.#descriptor.limits, this.#cells.subarray(place, place + 1))
    return this.#buckets[place]
  }
}
