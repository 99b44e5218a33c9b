// What the HTTP/2 codec counts: `http2.*` of the server (downstream) or `cluster.<name>.http2.*` (upstream).

import type { Counter, Gauge, Scope } from '../../../stats/store.ts'

const counterNames = {
  cookiesTotalBytesTooLarge: 'cookies_total_bytes_too_large',
  droppedHeadersWithUnderscores: 'dropped_headers_with_underscores',
  goAwaySent: 'goaway_sent',
  headerListSizeTooLarge: 'header_list_size_too_large',
  headerOverflow: 'header_overflow',
  headersCbNoStream: 'headers_cb_no_stream',
  inboundEmptyFramesFlood: 'inbound_empty_frames_flood',
  inboundPriorityFramesFlood: 'inbound_priority_frames_flood',
  inboundWindowUpdateFramesFlood: 'inbound_window_update_frames_flood',
  keepaliveTimeout: 'keepalive_timeout',
  metadataEmptyFrames: 'metadata_empty_frames',
  outboundControlFlood: 'outbound_control_flood',
  outboundFlood: 'outbound_flood',
  requestsRejectedWithUnderscores: 'requests_rejected_with_underscores_in_headers',
  rxMessagingError: 'rx_messaging_error',
  rxReset: 'rx_reset',
  streamRefusedErrors: 'stream_refused_errors',
  trailers: 'trailers',
  txFlushTimeout: 'tx_flush_timeout',
  txReset: 'tx_reset',
} as const

/** Envoy's library for frames is nghttp2 unless configured otherwise: the name says which codec a connection has. */
const connectionCounterNames = {
  downstreamConnections: 'nghttp2_downstream_connections',
  upstreamConnections: 'nghttp2_upstream_connections',
} as const

/** Listed, and of no use here as in an Envoy that is not told to record them. */
const unusedCounterNames = ['oghttp2_downstream_connections', 'oghttp2_upstream_connections']
const unusedHistogramNames = ['cookie_count', 'cookie_size', 'header_count', 'header_list_size']

const gaugeNames = {
  deferredStreamClose: 'deferred_stream_close',
  outboundControlFramesActive: 'outbound_control_frames_active',
  outboundFramesActive: 'outbound_frames_active',
  pendingSendBytes: 'pending_send_bytes',
  streamsActive: 'streams_active',
} as const

type CounterKey = keyof typeof counterNames | keyof typeof connectionCounterNames

export type Http2CodecStats = { readonly [K in CounterKey]: Counter } & {
  readonly [K in keyof typeof gaugeNames]: Gauge
}

/** `scope` is the one that `http2.` continues: the server's own, or a cluster's. */
export function createHttp2CodecStats(scope: Scope): Http2CodecStats {
  const http2 = scope.createScope('http2')
  const stats: Record<string, Counter | Gauge> = {}
  for (const [key, name] of Object.entries({ ...counterNames, ...connectionCounterNames }))
    stats[key] = http2.counter(name)
  for (const name of unusedCounterNames) http2.counter(name)
  for (const name of unusedHistogramNames) http2.histogram(name, 'unspecified')
  for (const [key, name] of Object.entries(gaugeNames)) stats[key] = http2.gauge(name)
  return stats as unknown as Http2CodecStats
}
