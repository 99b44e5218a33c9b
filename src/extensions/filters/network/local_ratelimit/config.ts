// envoy.filters.network.local_ratelimit: new connections take a token each; over all workers, and with share_key over filters.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { TokenBucket } from '../../../../common/token_bucket.ts'
import type { ListenerFactoryContext, NetworkFilterFactory } from '../../../../network/factory.ts'
import {
  FilterStatus,
  type NetworkFilterFactoryCb,
  type ReadFilter,
  type ReadFilterCallbacks,
} from '../../../../network/network_filter.ts'
import { createRateLimitBucket } from '../../../../network/rate_limit_bucket.ts'
import type { Counter } from '../../../../stats/store.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'

type LocalRateLimitView = envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit

export const localRateLimit: NetworkFilterFactory<LocalRateLimitView> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.local_ratelimit',
  typeUrls: ['envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit'],
  isTerminal: false,
  createFilterFactory(config: LocalRateLimitView, context: ListenerFactoryContext): NetworkFilterFactoryCb {
    const scope = context.scope.createScope(`local_rate_limit.${config.statPrefix}`)
    const flag = config.runtimeEnabled
    const settings: Settings = {
      bucket: createBucket(config, context),
      enabled: () => flag === undefined || context.runtime.getBoolean(flag.runtimeKey, flag.defaultValue ?? true),
      rateLimited: scope.counter('rate_limited'),
    }
    return () => new LocalRateLimitFilter(settings)
  },
}

interface Settings {
  readonly bucket: TokenBucket
  readonly enabled: () => boolean
  readonly rateLimited: Counter
}

function createBucket(config: LocalRateLimitView, context: ListenerFactoryContext): TokenBucket {
  const { shareKey } = config
  if (shareKey === '') {
    const own = context.sharedName('local_ratelimit')
    return createRateLimitBucket(config.tokenBucket, config, context, () => own)
  }
  // Filters share a bucket if they have both the key and the bucket's numbers in common.
  return createRateLimitBucket(
    config.tokenBucket,
    config,
    context,
    ({ maxTokens, tokensPerFill, fillIntervalMs }) =>
      `local_ratelimit.${shareKey}.${maxTokens}.${tokensPerFill}.${fillIntervalMs}`,
  )
}

class LocalRateLimitFilter implements ReadFilter {
  readonly #settings: Settings
  #callbacks: ReadFilterCallbacks | undefined = undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    this.#callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    const { bucket, enabled, rateLimited } = this.#settings
    if (!enabled() || bucket.tryConsume()) return FilterStatus.Continue
    rateLimited.inc()
    const connection = this.#callbacks?.connection
    // The flag is Envoy's choice (source/extensions/filters/network/local_ratelimit), not RL as one would expect.
    connection?.streamInfo?.setResponseFlag(ResponseFlag.UpstreamRetryLimitExceeded)
    connection?.close('noFlush', 'local_ratelimit_close_over_limit')
    return FilterStatus.StopIteration
  }

  onData(): FilterStatus {
    return FilterStatus.Continue
  }
}
