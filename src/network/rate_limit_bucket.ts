// The token bucket of the rate limits that need no service: one for all workers.

import type { envoy } from '../../proto/generated/api.d.ts'
import { TokenBucket, type TokenBucketLimits } from '../common/token_bucket.ts'
import type { NetworkServerContext } from './factory.ts'

const fillIntervalMinimumMs = 50

/** `owner` is where a missing bucket is reported; `name` says which buckets are the same one, given their limits. */
export function createRateLimitBucket(
  view: envoy.type.v3.TokenBucket | undefined,
  owner: object,
  context: NetworkServerContext,
  name: (limits: TokenBucketLimits) => string,
): TokenBucket {
  const fillIntervalMs = view?.fillInterval ?? 0
  if (fillIntervalMs < fillIntervalMinimumMs) {
    context.errors.add(view ?? owner, 'fillInterval', 'local rate limit token bucket fill timer must be >= 50ms')
  }
  const limits = {
    maxTokens: view?.maxTokens ?? 0,
    tokensPerFill: view?.tokensPerFill ?? 1,
    fillIntervalMs: Math.max(fillIntervalMs, fillIntervalMinimumMs),
  }
  return new TokenBucket(limits, context.shared.cell64(name(limits)))
}
