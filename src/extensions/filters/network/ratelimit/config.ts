// envoy.filters.network.ratelimit: a service says which connections are above a limit.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileFormat, FormatError, type Formatter } from '../../../../access_log/formatter.ts'
import type { ConfigErrors } from '../../../../config/errors.ts'
import type { ListenerFactoryContext, NetworkFilterFactory } from '../../../../network/factory.ts'
import type { NetworkFilterFactoryCb } from '../../../../network/network_filter.ts'
import { RateLimitClient } from '../../../../router/rate_limit/rate_limit_client.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { NetworkRateLimitFilter, type NetworkRateLimitSettings } from './ratelimit_filter.ts'

type RateLimit = envoy.extensions.filters.network.ratelimit.v3.RateLimit
type DescriptorView = envoy.extensions.common.ratelimit.v3.RateLimitDescriptor

export const networkRateLimit: NetworkFilterFactory<RateLimit, ServerContext> = {
  category: 'envoy.filters.network',
  name: 'envoy.filters.network.ratelimit',
  typeUrls: ['envoy.extensions.filters.network.ratelimit.v3.RateLimit'],
  isTerminal: false,
  createFilterFactory(view: RateLimit, context: ListenerFactoryContext<ServerContext>): NetworkFilterFactoryCb {
    const scope = context.scope.createScope(`ratelimit.${view.statPrefix}`)
    const settings: NetworkRateLimitSettings = {
      domain: view.domain,
      client: new RateLimitClient(view, context),
      runtime: context.runtime,
      failureModeDeny: view.failureModeDeny,
      descriptors: view.descriptors.map((descriptor) => compileDescriptor(descriptor, context.errors)),
      stats: {
        total: scope.counter('total'),
        ok: scope.counter('ok'),
        error: scope.counter('error'),
        overLimit: scope.counter('over_limit'),
        failureModeAllowed: scope.counter('failure_mode_allowed'),
        cxClosed: scope.counter('cx_closed'),
        active: scope.gauge('active'),
      },
    }
    return () => new NetworkRateLimitFilter(settings)
  },
}

function compileDescriptor(
  view: DescriptorView,
  errors: ConfigErrors,
): NetworkRateLimitSettings['descriptors'][number] {
  return view.entries.map((entry) => ({ key: entry.key, value: compileValue(entry, errors) }))
}

function compileValue(entry: DescriptorView['entries'][number], errors: ConfigErrors): Formatter {
  try {
    return compileFormat(entry.value)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    errors.add(entry, 'value', error.message)
    return { format: () => '' }
  }
}
