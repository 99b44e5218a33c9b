// What a cluster's configuration means to the codecs of its connections; made at its first connection.

import { ConfigErrors } from '../../config/errors.ts'
import type { ClusterInfo } from '../../upstream/cluster_info.ts'
import type { Http1Settings } from '../codec/http1/settings.ts'
import { headerKeySettings } from '../codec/http1/settings_of_config.ts'
import { createHttp2CodecStats, type Http2CodecStats } from '../codec/http2/codec_stats.ts'
import type { Http2Settings } from '../codec/http2/settings.ts'
import { http2Settings } from '../codec/http2/settings_of_config.ts'

const defaultMaxResponseHeadersKb = 80
const defaultMaxResponseHeadersCount = 100

const reportedBefore = new ConfigErrors()

/** A cluster has these as soon as it has a connection. Responses give no cause to move them. */
const http1CodecStats = [
  'dropped_headers_with_underscores',
  'metadata_not_supported_error',
  'requests_rejected_with_underscores_in_headers',
  'response_flood',
]

const http1ByCluster = new WeakMap<ClusterInfo, Http1Settings>()

export function upstreamHttp1Settings(info: ClusterInfo): Http1Settings {
  let settings = http1ByCluster.get(info)
  if (settings === undefined) {
    const { http1 } = info.http
    settings = {
      allowAbsoluteUrl: true,
      acceptHttp10: true,
      defaultHostForHttp10: '',
      enableTrailers: http1?.enableTrailers ?? false,
      ...headerKeySettings(http1, reportedBefore),
      allowChunkedLength: http1?.allowChunkedLength ?? false,
      allowCustomMethods: true,
      sendFullyQualifiedUrl: http1?.sendFullyQualifiedUrl ?? false,
      streamErrorOnInvalidHttpMessage: false,
      ...headLimits(info),
    }
    http1ByCluster.set(info, settings)
    const stats = info.scope.createScope('http1')
    for (const name of http1CodecStats) stats.counter(name)
  }
  return settings
}

interface UpstreamHttp2 {
  readonly settings: Http2Settings
  readonly stats: Http2CodecStats
}

const http2ByCluster = new WeakMap<ClusterInfo, UpstreamHttp2>()

export function upstreamHttp2Settings(info: ClusterInfo): UpstreamHttp2 {
  let known = http2ByCluster.get(info)
  if (known === undefined) {
    known = { settings: http2SettingsOf(info, reportedBefore), stats: createHttp2CodecStats(info.scope) }
    http2ByCluster.set(info, known)
  }
  return known
}

function http2SettingsOf(info: ClusterInfo, errors: ConfigErrors): Http2Settings {
  const { http2 } = info.http
  const streamErrorOnInvalidMessage = http2?.streamErrorOnInvalidHttpMessaging ?? false
  return http2Settings(http2, { streamErrorOnInvalidMessage, ...headLimits(info) }, errors)
}

/** Reports what the protocol options of a cluster ask for that cannot be. */
export function checkCodecSettings(info: ClusterInfo, errors: ConfigErrors): void {
  headerKeySettings(info.http.http1, errors)
  http2SettingsOf(info, errors)
}

function headLimits(info: ClusterInfo) {
  const { common } = info.http
  return {
    maxHeadersBytes: (common?.maxResponseHeadersKb ?? defaultMaxResponseHeadersKb) * 1024,
    maxHeadersCount: common?.maxHeadersCount ?? defaultMaxResponseHeadersCount,
    headersWithUnderscores: 'ALLOW',
  } as const
}
