// envoy.filters.listener.http_inspector: which HTTP a plain connection speaks, for filter chain match.

import type { ListenerFactoryContext, ListenerFilterConfigFactory } from '../../../../network/factory.ts'
import type { ListenerFilterFactoryCb } from '../../../../network/listener_filter.ts'
import { HttpInspector, type HttpInspectorStats } from './http_inspector.ts'

export const httpInspector: ListenerFilterConfigFactory = {
  category: 'envoy.filters.listener',
  name: 'envoy.filters.listener.http_inspector',
  typeUrls: ['envoy.extensions.filters.listener.http_inspector.v3.HttpInspector'],
  createFilterFactory(_config: unknown, context: ListenerFactoryContext): ListenerFilterFactoryCb {
    const scope = context.scope.createScope('http_inspector')
    const stats: HttpInspectorStats = {
      readError: scope.counter('read_error'),
      http10Found: scope.counter('http10_found'),
      http11Found: scope.counter('http11_found'),
      http2Found: scope.counter('http2_found'),
      httpNotFound: scope.counter('http_not_found'),
    }
    return () => new HttpInspector(stats)
  },
}
