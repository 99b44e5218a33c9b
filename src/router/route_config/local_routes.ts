// Routes that are answered without an upstream: redirect, direct_response, non_forwarding_action, and require_tls.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { type CompiledSubstitutionFormat, compileSubstitutionFormat } from '../../access_log/substitution_format.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { readDataSource } from '../../config/data_source.ts'
import type { DirectResponseRoute, NonForwardingRoute } from '../../http/route.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import { httpsLocation, type LocationOf, ownLocation } from './redirect.ts'
import { applyResponseHeaders, formatterContext, noMetadata, type RouteSettings } from './route_settings.ts'
import type { VirtualHostSettings } from './virtual_host_settings.ts'

type DirectResponseAction = envoy.config.route.v3.DirectResponseAction

function commonParts(settings: RouteSettings) {
  const { name, virtualHost, metadata, decorator, requestStats, requestBodyBufferLimitBytes, perFilter } = settings
  return {
    name,
    virtualHost,
    metadata,
    decorator,
    requestStats,
    requestBodyBufferLimitBytes,
    idleTimeoutMs: undefined,
    mostSpecificPerFilterConfig: (filterName: string) => perFilter.mostSpecific(filterName),
    perFilterConfigs: (filterName: string) => perFilter.all(filterName),
    filterDisabled: (filterName: string) => perFilter.disabled(filterName),
    finalizeResponseHeaders(headers: HeaderMap, requestHeaders: HeaderMap, streamInfo: StreamInfo): void {
      applyResponseHeaders(settings, headers, requestHeaders, streamInfo)
    },
  }
}

export function nonForwardingRoute(settings: RouteSettings): NonForwardingRoute {
  return { kind: 'nonForwarding', ...commonParts(settings) }
}

export function redirectRoute(settings: RouteSettings, status: number, locationOf: LocationOf): DirectResponseRoute {
  return {
    kind: 'directResponse',
    ...commonParts(settings),
    status,
    body: () => '',
    formattedBody: () => undefined,
    location: (headers, streamInfo) =>
      locationOf(
        headers,
        streamInfo === undefined ? undefined : formatterContext(settings, headers, undefined, streamInfo),
      ),
    finalizeRequestHeaders: () => {},
  }
}

export function directResponseRoute(
  settings: RouteSettings,
  view: DirectResponseAction,
  context: ServerContext,
): DirectResponseRoute {
  const body = directBody(view, settings.virtualHost.routeConfig.maxDirectResponseBodySizeBytes, context)
  const format = compileBodyFormat(view, context)
  const { status } = view
  const hasLocation = status === 201 || (status >= 300 && status < 400)
  return {
    kind: 'directResponse',
    ...commonParts(settings),
    status,
    body: () => body,
    formattedBody: (headers, streamInfo) =>
      format === undefined ? undefined : formatBody(format, body, settings, headers, streamInfo),
    location: (headers) => (hasLocation ? ownLocation(headers) : ''),
    finalizeRequestHeaders: () => {},
  }
}

/** A text format without content_type leaves the type to the reply. */
function compileBodyFormat(
  { bodyFormat }: DirectResponseAction,
  context: ServerContext,
): CompiledSubstitutionFormat | undefined {
  if (bodyFormat === undefined) return undefined
  const format = compileSubstitutionFormat(bodyFormat, context)
  if (format === undefined || bodyFormat.contentType !== '' || bodyFormat.format === 'jsonFormat') return format
  return { ...format, contentType: '' }
}

function formatBody(
  { formatter, contentType }: CompiledSubstitutionFormat,
  localReplyBody: string,
  settings: RouteSettings,
  headers: HeaderMap,
  streamInfo: StreamInfo,
): { body: string; contentType: string } {
  const ctx = { ...formatterContext(settings, headers, undefined, streamInfo), localReplyBody }
  return { body: formatter.format(ctx), contentType }
}

/** The body as a byte string; a body over the limit is an error. */
function directBody(view: DirectResponseAction, limitBytes: number, context: ServerContext): string {
  if (view.body === undefined) return ''
  const bytes = readDataSource(view.body, context.errors, { allowEmpty: true })
  if (bytes === undefined) return ''
  if (bytes.length > limitBytes) {
    context.errors.add(view, 'body', `response body size is ${bytes.length} bytes; maximum is ${limitBytes}`)
  }
  return bytes.toString('latin1')
}

/** The answer of require_tls to requests that did not come over TLS. */
export function tlsRedirectRoute(virtualHost: VirtualHostSettings): DirectResponseRoute {
  const settings: RouteSettings = {
    name: '',
    virtualHost,
    metadata: noMetadata,
    perFilter: virtualHost.perFilter,
    requestHeaders: [],
    responseHeaders: [],
    decorator: undefined,
    requestStats: undefined,
    requestBodyBufferLimitBytes: undefined,
  }
  return redirectRoute(settings, 301, httpsLocation)
}
