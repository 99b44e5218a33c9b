// A LocalRateLimit as the filter reads it: limits checked, header changes compiled, stats looked up.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { byteString } from '../../../../access_log/json_text.ts'
import { fingerprint } from '../../../../common/fingerprint.ts'
import type { TokenBucketLimits } from '../../../../common/token_bucket.ts'
import { httpStatusCode } from '../../../../config/http_status.ts'
import type { RouteContext } from '../../../../http/factory.ts'
import type { RateLimitEntry } from '../../../../http/rate_limit.ts'
import {
  compileRequestHeaderParser,
  compileResponseHeaderParser,
  type HeaderParser,
} from '../../../../router/header_parser.ts'
import { compileFilterRateLimits } from '../../../../router/rate_limit/rate_limit_entry.ts'
import type { Counter } from '../../../../stats/store.ts'
import type { ClusterManager } from '../../../../upstream/cluster_manager.ts'
import { descriptorKey, type LimitedDescriptor, type LimiterSettings, LocalRateLimiter } from './limiter.ts'

type LocalRateLimitView = envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
type DescriptorView = envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor

export interface LocalRateLimitSettings {
  readonly enabled: () => boolean
  readonly enforced: () => boolean
  readonly stats: LocalRateLimitStats
  readonly status: number
  readonly grpcStatus: number | undefined
  readonly requestHeaders: HeaderParser | undefined
  readonly responseHeaders: HeaderParser | undefined
  readonly addsXRatelimitHeaders: boolean
  readonly addsRetryAfter: boolean
  readonly hasDescriptors: boolean
  /** The filter's own; empty where those of routes count. */
  readonly rateLimits: readonly RateLimitEntry[]
  readonly stage: number
  readonly vhRateLimits: LocalRateLimitView['vhRateLimits']
  readonly perConnection: boolean
  readonly limiterSettings: LimiterSettings
  /** That of all workers. */
  readonly limiter: LocalRateLimiter
}

export interface LocalRateLimitStats {
  readonly enabled: Counter
  readonly enforced: Counter
  readonly rateLimited: Counter
  readonly ok: Counter
  readonly shadowMode: Counter
}

const tooManyRequests = 429
const resourceExhausted = 8
const fillIntervalMinimumMs = 50
const defaultMaxDynamicDescriptors = 20

/** What is wrong goes to `context.errors`. */
export function compileLocalRateLimit(view: LocalRateLimitView, context: RouteContext): LocalRateLimitSettings {
  const { runtime, errors, shared } = context
  const scope = context.scope.createScope(`${view.statPrefix}.http_local_rate_limit`)
  const status = view.status === undefined ? tooManyRequests : httpStatusCode(view.status)
  const limiterSettings = compileLimiter(view, context)
  // A limit that has changed is another limit, and begins with a full bucket.
  const name = `${context.sharedName('http_local_ratelimit')}.${fingerprint(view)}`
  return {
    enabled: view.filterEnabled === undefined ? () => false : runtime.fraction(view.filterEnabled),
    enforced: view.filterEnforced === undefined ? () => false : runtime.fraction(view.filterEnforced),
    stats: {
      enabled: scope.counter('enabled'),
      enforced: scope.counter('enforced'),
      rateLimited: scope.counter('rate_limited'),
      ok: scope.counter('ok'),
      shadowMode: scope.counter('shadow_mode'),
    },
    status: status < 400 ? tooManyRequests : status,
    grpcStatus: view.rateLimitedAsResourceExhausted ? resourceExhausted : undefined,
    requestHeaders: compileRequestHeaderParser(
      { requestHeadersToAdd: view.requestHeadersToAddWhenNotEnforced },
      errors,
    ),
    responseHeaders: compileResponseHeaderParser(view, errors),
    addsXRatelimitHeaders: view.enableXRatelimitHeaders === 'DRAFT_VERSION_03',
    addsRetryAfter: view.enableRetryAfterHeader,
    hasDescriptors: view.descriptors.length > 0,
    rateLimits: compileOwnRateLimits(view, context),
    stage: view.stage,
    vhRateLimits: view.vhRateLimits,
    perConnection: view.localRateLimitPerDownstreamConnection,
    limiterSettings,
    limiter: new LocalRateLimiter(limiterSettings, (part, count) => shared.cells64(`${name}.${part}`, count)),
  }
}

/** Of routes and virtual hosts, where a limit without a bucket makes no sense. */
export function compileRouteRateLimit(view: LocalRateLimitView, context: RouteContext): LocalRateLimitSettings {
  if (view.tokenBucket === undefined) {
    const message = 'local rate limit token bucket must be set for per filter configs'
    context.errors.add(view, 'tokenBucket', message)
  }
  return compileLocalRateLimit(view, context)
}

function compileLimiter(view: LocalRateLimitView, context: RouteContext): LimiterSettings {
  const { errors } = context
  const { tokenBucket } = view
  const defaultLimits = tokenBucket === undefined ? undefined : limitsOf(tokenBucket)
  if (tokenBucket !== undefined && fillsTooFast(tokenBucket)) {
    errors.add(tokenBucket, 'fillInterval', 'local rate limit token bucket fill timer must be >= 50ms')
  }
  return {
    defaultLimits,
    alwaysConsumeDefault: view.alwaysConsumeDefaultTokenBucket ?? true,
    descriptors: compileDescriptors(view.descriptors, context),
    maxDynamicDescriptors: view.maxDynamicDescriptors ?? defaultMaxDynamicDescriptors,
    share: compileShare(view, context),
  }
}

/** The limits are those of the descriptors here. */
function compileOwnRateLimits({ rateLimits }: LocalRateLimitView, context: RouteContext): readonly RateLimitEntry[] {
  for (const view of rateLimits)
    if (view.limit !== undefined) context.errors.add(view, 'limit', "'limit' field is not supported")
  return compileFilterRateLimits(rateLimits, context)
}

/** A bucket that holds nothing may fill as it likes. */
function fillsTooFast(view: envoy.type.v3.TokenBucket): boolean {
  return view.maxTokens > 0 && (view.fillInterval ?? 0) < fillIntervalMinimumMs
}

function limitsOf(view: envoy.type.v3.TokenBucket): TokenBucketLimits {
  return {
    maxTokens: view.maxTokens,
    tokensPerFill: view.tokensPerFill ?? 1,
    fillIntervalMs: Math.max(view.fillInterval ?? 0, fillIntervalMinimumMs),
  }
}

function compileDescriptors(views: readonly DescriptorView[], { errors }: RouteContext): LimitedDescriptor[] {
  const known = new Set<string>()
  return views.flatMap((view): LimitedDescriptor[] => {
    const entries = view.entries.map(({ key, value }) => ({ key, value: byteString(value) }))
    const { tokenBucket } = view
    if (tokenBucket === undefined) return []
    if (fillsTooFast(tokenBucket)) {
      const message = 'local rate limit descriptor token bucket fill timer must be >= 50ms'
      errors.add(tokenBucket, 'fillInterval', message)
    }
    const key = descriptorKey(entries)
    if (known.has(key)) {
      const text = view.entries.map((entry) => `${entry.key}=${entry.value}`).join(', ')
      errors.add(view, 'entries', `duplicate descriptor in the local rate descriptor: ${text}`)
    }
    known.add(key)
    return [{ entries, limits: limitsOf(tokenBucket), shadow: view.shadowMode }]
  })
}

function compileShare(view: LocalRateLimitView, { errors, clusterManager }: RouteContext): () => number {
  if (view.localClusterRateLimit === undefined) return () => 1
  if (view.localRateLimitPerDownstreamConnection) {
    const message = 'local_cluster_rate_limit is set and local_rate_limit_per_downstream_connection is set to true'
    errors.add(view, 'localClusterRateLimit', message)
  } else if (clusterManager.localClusterName === '') {
    const message = 'local_cluster_rate_limit is set but no local cluster name is present'
    errors.add(view, 'localClusterRateLimit', message)
  }
  return () => shareOfLocalCluster(clusterManager)
}

/** Every host of the proxy's own cluster has the same share. */
function shareOfLocalCluster(clusterManager: ClusterManager): number {
  const hostSets = clusterManager.localPrioritySet()?.hostSets ?? []
  let hosts = 0
  for (const hostSet of hostSets) hosts += hostSet.hosts.length
  return hosts === 0 ? 1 : 1 / hosts
}
