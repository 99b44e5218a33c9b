// envoy.filters.http.dynamic_forward_proxy: looks the request's host up before the request goes on to a cluster of that kind.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { ForwardProxyFilter, type ForwardProxySettings, type HostRewrite } from './forward_proxy_filter.ts'

type FilterConfig = envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig
type PerRouteConfig = envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig

const types = 'envoy.extensions.filters.http.dynamic_forward_proxy.v3'

export const dynamicForwardProxyFilter: HttpFilterFactory<FilterConfig, PerRouteConfig> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.dynamic_forward_proxy',
  typeUrls: [`${types}.FilterConfig`],
  routeTypeUrls: [`${types}.PerRouteConfig`],
  isTerminal: false,
  createFilterFactory(config, { clusterManager, dnsCaches, errors }) {
    const cache = config.dnsCacheConfig && dnsCaches.use(config.dnsCacheConfig, errors)
    if (config.implementationSpecifier === undefined)
      errors.add(config, 'dnsCacheConfig', 'dns_cache_config is missing')
    if (cache === undefined) return () => {}
    const settings: ForwardProxySettings = {
      clusterManager,
      cache,
      savesUpstreamAddress: config.saveUpstreamAddress,
      usesFilterState: config.allowDynamicHostFromFilterState,
    }
    return (builder) => builder.addDecoderFilter(new ForwardProxyFilter(settings))
  },
  createRouteSpecificConfig: (config): HostRewrite => ({
    literal: config.hostRewriteLiteral ?? '',
    header: config.hostRewriteHeader?.toLowerCase() ?? '',
  }),
}
