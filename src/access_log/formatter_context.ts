// What a format may speak of: one stream at the moment a line, a header value or a reply body is written.

import type { HeaderMap } from '../common/header_map.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'

/** When a line is written, in the names of `envoy.data.accesslog.v3.AccessLogType`. */
export type AccessLogType =
  | 'NotSet'
  | 'TcpUpstreamConnected'
  | 'TcpPeriodic'
  | 'TcpConnectionEnd'
  | 'DownstreamStart'
  | 'DownstreamPeriodic'
  | 'DownstreamEnd'
  | 'UpstreamPoolReady'
  | 'UpstreamPeriodic'
  | 'UpstreamEnd'
  | 'DownstreamTunnelSuccessfullyEstablished'
  | 'UdpTunnelUpstreamConnected'
  | 'UdpPeriodic'
  | 'UdpSessionEnd'
  | 'TcpConnectionStart'

/** `filter_metadata` of something configured: a struct by namespace. */
export type Metadata = Readonly<Record<string, unknown>>

export interface FormatterContext {
  readonly requestHeaders: HeaderMap | undefined
  readonly responseHeaders: HeaderMap | undefined
  readonly responseTrailers: HeaderMap | undefined
  readonly streamInfo: StreamInfo
  /** A byte string (see json_text.ts); set while a local reply is being formatted, '' at any other time. */
  readonly localReplyBody: string
  /** One of AccessLogType. */
  readonly accessLogType: string
  /** What %METADATA(ROUTE|VIRTUAL_HOST|LISTENER:...)% reads; left out where there is none. */
  readonly routeMetadata?: Metadata
  readonly virtualHostMetadata?: Metadata
  readonly listenerMetadata?: Metadata
}

/** Before any response, or of what will have none. */
export function unansweredContext(streamInfo: StreamInfo, requestHeaders?: HeaderMap): FormatterContext {
  return {
    requestHeaders,
    responseHeaders: undefined,
    responseTrailers: undefined,
    streamInfo,
    localReplyBody: '',
    accessLogType: 'NotSet',
  }
}
