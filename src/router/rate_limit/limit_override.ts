// `limit` of a rate limit: what the service is asked to take as the limit, as a request's metadata has it.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { metadataAtPath } from '../../access_log/metadata_matcher.ts'
import { messageSchema } from '../../config/schema.ts'
import type { LimitOverride, RateLimitedRequest } from '../../http/rate_limit.ts'

/** Undefined where the metadata says of no limit, or of none that makes sense. */
export type ReadLimit = (request: RateLimitedRequest) => LimitOverride | undefined

export function compileLimitOverride(view: envoy.config.route.v3.RateLimit.Override): ReadLimit {
  const key = view.dynamicMetadata?.metadataKey
  const path = [key?.key ?? '', ...(key?.path ?? []).map((segment) => segment.key ?? '')]
  return ({ streamInfo }) => limitOf(metadataAtPath(streamInfo.dynamicMetadata, path))
}

function limitOf(value: unknown): LimitOverride | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { requests_per_unit: requests, unit } = value as Readonly<Record<string, unknown>>
  if (typeof requests !== 'number' || typeof unit !== 'string' || !isUnit(unit)) return undefined
  return { requestsPerUnit: Math.trunc(requests), unit }
}

function isUnit(name: string): name is LimitOverride['unit'] {
  const schema = messageSchema('envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.RateLimitOverride')
  return schema?.field('unit')?.enum().numberOf.has(name) === true
}
