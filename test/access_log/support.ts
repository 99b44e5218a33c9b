// Streams as the data path would leave them, for formatters and filters to read.

import type { FormatterContext } from '../../src/access_log/formatter_context.ts'
import { HeaderMap } from '../../src/common/header_map.ts'
import { type AddressInfo, type DownstreamInfo, StreamInfo } from '../../src/stream_info/stream_info.ts'

export function ipAddress(ip: string, port: number): AddressInfo {
  const v6 = ip.includes(':')
  return { text: v6 ? `[${ip}]:${port}` : `${ip}:${port}`, ip, port, family: v6 ? 'ipv6' : 'ipv4' }
}

export function downstreamInfo(overrides: Partial<DownstreamInfo> = {}): DownstreamInfo {
  return {
    connectionId: 7,
    remoteAddress: ipAddress('10.1.2.3', 40000),
    localAddress: ipAddress('127.0.0.1', 10000),
    directRemoteAddress: ipAddress('10.9.8.7', 40001),
    directLocalAddress: ipAddress('127.0.0.1', 10000),
    requestedServerName: '',
    tls: undefined,
    transportFailureReason: '',
    isSecure: false,
    detectedCloseType: '',
    localCloseReason: '',
    listenerName: 'ingress',
    filterChainName: 'chain',
    acceptedAtMs: 900,
    roundTripTimeMs: () => 3,
    ...overrides,
  }
}

/** 2026-11-21T07:28:51.004Z. */
export const startWallMs = 1_795_246_131_004

export function streamInfo(downstream: DownstreamInfo = downstreamInfo()): StreamInfo {
  const info = new StreamInfo(downstream, 1000, startWallMs)
  info.protocol = 'HTTP/1.1'
  info.responseCode = 200
  info.responseCodeDetails = 'via_upstream'
  info.bytesReceived = 5
  info.bytesSent = 100_000
  info.requestCompleteMs = 1012.9
  info.requestId = '775b8891-3473-46c4-a5f3-1e6fa5f8db57'
  return info
}

export function headerMap(fields: Readonly<Record<string, string>>): HeaderMap {
  const headers = new HeaderMap()
  for (const [name, value] of Object.entries(fields)) headers.set(name, value)
  return headers
}

export function formatterContext(overrides: Partial<FormatterContext> = {}): FormatterContext {
  return {
    requestHeaders: headerMap({
      ':method': 'GET',
      ':path': '/p/a%20b?a=1%202&b=x+y&a=3',
      ':authority': 'Ex.com:88',
      ':scheme': 'http',
      'x-a': 'abcdef',
      'x-empty': '',
    }),
    responseHeaders: headerMap({ ':status': '200', 'content-type': 'text/plain' }),
    responseTrailers: undefined,
    streamInfo: streamInfo(),
    localReplyBody: '',
    accessLogType: 'DownstreamEnd',
    ...overrides,
  }
}
