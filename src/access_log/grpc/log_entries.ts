// Entries of the access log service, as Envoy fills them: HTTPAccessLogEntry and TCPAccessLogEntry in binary form.

import type { HeaderMap } from '../../common/header_map.ts'
import { textOfByteString } from '../../common/sanitized_utf8.ts'
import {
  encodeHttpEntry,
  encodeTcpEntry,
  type HttpAccessLogEntry,
  type Sparse,
} from '../../config/access_log_messages.ts'
import type { FormatterContext } from '../formatter_context.ts'
import { type CommonSettings, commonProperties } from './common_properties.ts'

type RequestProperties = NonNullable<HttpAccessLogEntry['request']>
type ResponseProperties = NonNullable<HttpAccessLogEntry['response']>
type RequestMethod = RequestProperties['requestMethod']

export interface HttpEntrySettings extends CommonSettings {
  /** Lower-case names of what is logged besides. */
  readonly requestHeaders: readonly string[]
  readonly responseHeaders: readonly string[]
  readonly responseTrailers: readonly string[]
}

const versions: Readonly<Record<string, HttpAccessLogEntry['protocolVersion']>> = {
  'HTTP/1.0': 'HTTP10',
  'HTTP/1.1': 'HTTP11',
  'HTTP/2': 'HTTP2',
  'HTTP/3': 'HTTP3',
}

/** Any other method is METHOD_UNSPECIFIED. */
const methods: ReadonlySet<string> = new Set<RequestMethod>([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
])

export function httpEntry(ctx: FormatterContext, settings: HttpEntrySettings): Uint8Array {
  return encodeHttpEntry({
    commonProperties: commonProperties(ctx, settings),
    protocolVersion: versions[ctx.streamInfo.protocol],
    request: requestProperties(ctx, settings.requestHeaders),
    response: responseProperties(ctx, settings),
  })
}

export function tcpEntry(ctx: FormatterContext, settings: CommonSettings): Uint8Array {
  return encodeTcpEntry({
    commonProperties: commonProperties(ctx, settings),
    connectionProperties: { receivedBytes: ctx.streamInfo.bytesReceived, sentBytes: ctx.streamInfo.bytesSent },
  })
}

function requestProperties(ctx: FormatterContext, names: readonly string[]): Sparse<RequestProperties> {
  const { requestHeaders: headers, streamInfo } = ctx
  const sizes = {
    requestHeadersBytes: headers?.byteSize() ?? 0,
    requestBodyBytes: streamInfo.bytesReceived,
    upstreamHeaderBytesSent: streamInfo.upstream?.headerBytesSent ?? 0,
    downstreamHeaderBytesReceived: streamInfo.downstreamHeaderBytesReceived,
  }
  if (headers === undefined) return sizes
  return {
    requestMethod: methods.has(headers.method) ? (headers.method as RequestMethod) : undefined,
    scheme: textOfByteString(headers.scheme),
    authority: textOfByteString(headers.authority),
    path: textOfByteString(headers.path),
    userAgent: headerText(headers, 'user-agent'),
    referer: headerText(headers, 'referer'),
    forwardedFor: headerText(headers, 'x-forwarded-for'),
    requestId: headerText(headers, 'x-request-id'),
    originalPath: headerText(headers, 'x-envoy-original-path'),
    ...sizes,
    requestHeaders: chosen(headers, names),
  }
}

function responseProperties(ctx: FormatterContext, settings: HttpEntrySettings): Sparse<ResponseProperties> {
  const { responseHeaders: headers, responseTrailers: trailers, streamInfo } = ctx
  return {
    responseCode: streamInfo.responseCode === 0 ? undefined : streamInfo.responseCode,
    responseCodeDetails: textOfByteString(streamInfo.responseCodeDetails),
    responseHeadersBytes: headers?.byteSize() ?? 0,
    responseBodyBytes: streamInfo.bytesSent,
    upstreamHeaderBytesReceived: streamInfo.upstream?.headerBytesReceived ?? 0,
    downstreamHeaderBytesSent: streamInfo.downstreamHeaderBytesSent,
    responseHeaders: chosen(headers, settings.responseHeaders),
    responseTrailers: chosen(trailers, settings.responseTrailers),
  }
}

function headerText(headers: HeaderMap, name: string): string {
  return textOfByteString(headers.get(name) ?? '')
}

/** Of a header that is there several times, all values. */
function chosen(headers: HeaderMap | undefined, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  if (headers === undefined) return found
  for (const name of names) {
    const values = headers.getAll(name)
    if (values.length > 0) found[name] = textOfByteString(values.join(','))
  }
  return found
}
