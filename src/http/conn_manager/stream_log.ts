// What the access log, and a local reply's format, see of a stream.

import type { AccessLogType, FormatterContext } from '../../access_log/formatter_context.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { CodecStream } from '../codec/codec.ts'
import type { Route } from '../route.ts'
import type { ConnectionManagerSettings } from './settings.ts'

/** The parts of a stream that a format may show. */
export interface LoggedStream {
  readonly settings: ConnectionManagerSettings
  readonly streamInfo: StreamInfo
  readonly requestHeaders: HeaderMap | undefined
  readonly responseHeaders: HeaderMap | undefined
  readonly responseTrailers: HeaderMap | undefined
  /** As found last; a log never looks one up. */
  readonly currentRoute: Route | undefined
}

export function logStream(stream: LoggedStream, accessLogType: AccessLogType): void {
  const { accessLogs } = stream.settings
  if (accessLogs.length === 0) return
  const context = formatterContext(stream, accessLogType, stream.responseHeaders)
  for (const log of accessLogs) log.log(context)
}

export function formatterContext(
  stream: LoggedStream,
  accessLogType: AccessLogType,
  responseHeaders: HeaderMap | undefined,
): FormatterContext {
  const route = stream.currentRoute
  return {
    requestHeaders: stream.requestHeaders,
    responseHeaders,
    responseTrailers: stream.responseTrailers,
    streamInfo: stream.streamInfo,
    localReplyBody: '',
    accessLogType,
    routeMetadata: route?.metadata,
    virtualHostMetadata: route?.virtualHost.metadata,
    listenerMetadata: stream.settings.listenerMetadata,
  }
}

export function copyByteCounts(encoder: CodecStream, info: StreamInfo): void {
  info.downstreamWireBytesReceived = encoder.wireBytesReceived
  info.downstreamWireBytesSent = encoder.wireBytesSent
  info.downstreamHeaderBytesReceived = encoder.headerBytesReceived
  info.downstreamHeaderBytesSent = encoder.headerBytesSent
  info.downstreamDecompressedHeaderBytesReceived = encoder.decompressedHeaderBytesReceived
  info.downstreamDecompressedHeaderBytesSent = encoder.decompressedHeaderBytesSent
}
