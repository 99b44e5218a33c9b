// What rate limit filters ask of a request: descriptors, made by the actions that routes and filters list.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { Route } from './route.ts'

/** Byte strings. */
export interface DescriptorEntry {
  readonly key: string
  readonly value: string
}

/** What a service is asked to take as the limit, instead of its own. */
export type LimitOverride = Pick<
  envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.RateLimitOverride,
  'requestsPerUnit' | 'unit'
>

export interface RateLimitDescriptor {
  readonly entries: readonly DescriptorEntry[]
  readonly limit: LimitOverride | undefined
  /** What the request counts for; undefined where that is for the limit to say. */
  readonly hitsAddend: number | undefined
  /** The hits are given back instead of taken. */
  readonly isNegativeHits: boolean
  readonly xRatelimitOption: 'UNSPECIFIED' | 'OFF' | 'DRAFT_VERSION_03'
}

export interface RateLimitedRequest {
  readonly headers: HeaderMap
  readonly streamInfo: StreamInfo
  readonly route: Route | undefined
}

/** One RateLimit of the configuration. */
export interface RateLimitEntry {
  readonly stage: number
  /** Runtime key by which global limits can be switched off; '' for none. */
  readonly disableKey: string
  /** It is for when the response is over, not for the request; local limits know that of their filter's own alone. */
  readonly applyOnStreamDone: boolean
  /** Undefined where the request lacks what an action needs. */
  describe(request: RateLimitedRequest): RateLimitDescriptor | undefined
}
