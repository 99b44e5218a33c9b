// envoy.filters.listener.local_ratelimit: new connections take a token each, before they are connections; over all workers.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { TokenBucket } from '../../../../common/token_bucket.ts'
import type { ListenerFactoryContext, ListenerFilterConfigFactory } from '../../../../network/factory.ts'
import type {
  ListenerFilter,
  ListenerFilterCallbacks,
  ListenerFilterFactoryCb,
} from '../../../../network/listener_filter.ts'
import { FilterStatus } from '../../../../network/network_filter.ts'
import { createRateLimitBucket } from '../../../../network/rate_limit_bucket.ts'
import type { Counter } from '../../../../stats/store.ts'

type LocalRateLimitView = envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit

export const listenerLocalRateLimit: ListenerFilterConfigFactory<LocalRateLimitView> = {
  category: 'envoy.filters.listener',
  name: 'envoy.filters.listener.local_ratelimit',
  typeUrls: ['envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit'],
  createFilterFactory(config: LocalRateLimitView, context: ListenerFactoryContext): ListenerFilterFactoryCb {
    const scope = context.scope.createScope(`listener_local_ratelimit.${config.statPrefix}`)
    const flag = config.runtimeEnabled
    const bucketName = context.sharedName('listener_local_ratelimit')
    const settings: Settings = {
      bucket: createRateLimitBucket(config.tokenBucket, config, context, () => bucketName),
      enabled: () => flag === undefined || context.runtime.getBoolean(flag.runtimeKey, flag.defaultValue ?? true),
      rateLimited: scope.counter('rate_limited'),
    }
    return () => new ListenerLocalRateLimit(settings)
  },
}

interface Settings {
  readonly bucket: TokenBucket
  readonly enabled: () => boolean
  readonly rateLimited: Counter
}

class ListenerLocalRateLimit implements ListenerFilter {
  readonly #settings: Settings

  constructor(settings: Settings) {
    this.#settings = settings
  }

  onAccept(callbacks: ListenerFilterCallbacks): FilterStatus {
    const { bucket, enabled, rateLimited } = this.#settings
    if (!enabled() || bucket.tryConsume()) return FilterStatus.Continue
    rateLimited.inc()
    callbacks.close()
    return FilterStatus.StopIteration
  }

  onData(): FilterStatus {
    return FilterStatus.Continue
  }

  maxReadBytes(): number {
    return 0
  }
}
