// What all kinds of routes have in common, compiled.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { FormatterContext } from '../../access_log/formatter.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { compileRequestHeaderParser, compileResponseHeaderParser, type HeaderParser } from '../header_parser.ts'
import { compilePerFilterConfigs, type PerFilterConfigs } from './per_filter_config.ts'
import { RequestStats } from './request_stats.ts'
import type { VirtualHostSettings } from './virtual_host_settings.ts'

type Route = envoy.config.route.v3.Route

export type RouteMetadata = Readonly<Record<string, Record<string, unknown>>>

export interface RouteSettings {
  readonly name: string
  readonly virtualHost: VirtualHostSettings
  readonly metadata: RouteMetadata
  readonly perFilter: PerFilterConfigs
  /** In the order in which they apply. */
  readonly requestHeaders: readonly HeaderParser[]
  readonly responseHeaders: readonly HeaderParser[]
  readonly decorator: { readonly operation: string; readonly propagate: boolean } | undefined
  readonly requestStats: RequestStats | undefined
  readonly requestBodyBufferLimitBytes: number | undefined
}

export const noMetadata: RouteMetadata = Object.freeze({})

/** What is wrong goes to `context.errors`. */
export function compileRouteSettings(
  view: Route,
  virtualHost: VirtualHostSettings,
  context: RouteContext,
): RouteSettings {
  const { errors } = context
  const { decorator } = view
  return {
    name: view.name,
    virtualHost,
    metadata: view.metadata?.filterMetadata ?? noMetadata,
    perFilter: compilePerFilterConfigs(view, virtualHost.perFilter, context, view.route?.cors),
    requestHeaders: virtualHost.withRoute(virtualHost.requestHeaders, compileRequestHeaderParser(view, errors)),
    responseHeaders: virtualHost.withRoute(virtualHost.responseHeaders, compileResponseHeaderParser(view, errors)),
    decorator:
      decorator === undefined ? undefined : { operation: decorator.operation, propagate: decorator.propagate ?? true },
    requestStats:
      view.statPrefix === ''
        ? undefined
        : new RequestStats(context.scope, `vhost.${virtualHost.name}.route`, view.statPrefix),
    requestBodyBufferLimitBytes:
      view.requestBodyBufferLimit ?? view.perRequestBufferLimitBytes ?? virtualHost.requestBodyBufferLimitBytes,
  }
}

/** What operators in header values and rewrites may read. */
export function formatterContext(
  settings: RouteSettings,
  requestHeaders: HeaderMap,
  responseHeaders: HeaderMap | undefined,
  streamInfo: StreamInfo,
): FormatterContext {
  return {
    requestHeaders,
    responseHeaders,
    responseTrailers: undefined,
    streamInfo,
    localReplyBody: '',
    accessLogType: 'NotSet',
    routeMetadata: settings.metadata,
    virtualHostMetadata: settings.virtualHost.metadata,
  }
}

/** Applies response header changes; does nothing, and costs nothing, where there are none. */
export function applyResponseHeaders(
  settings: RouteSettings,
  headers: HeaderMap,
  requestHeaders: HeaderMap,
  streamInfo: StreamInfo,
): void {
  const parsers = settings.responseHeaders
  if (parsers.length === 0) return
  const ctx = formatterContext(settings, requestHeaders, headers, streamInfo)
  for (let i = 0; i < parsers.length; i++) parsers[i].evaluate(headers, ctx)
}
