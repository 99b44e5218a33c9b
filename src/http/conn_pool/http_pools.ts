// The HTTP pools of a worker: made at a host's first use, gone with the host.

import { ConfigErrors } from '../../config/errors.ts'
import type { ClusterInfo } from '../../upstream/cluster_info.ts'
import type { Host } from '../../upstream/host.ts'
import type { RoutingPriority } from '../../upstream/resource_manager.ts'
import type { Http1Settings } from '../codec/http1/settings.ts'
import { headerKeySettings } from '../codec/http1/settings_of_config.ts'
import type { HttpConnectionPool } from './connection_pool.ts'
import { Http1Pool } from './http1_pool.ts'

const defaultMaxResponseHeadersKb = 60
const defaultMaxResponseHeadersCount = 100

const settingsByCluster = new WeakMap<ClusterInfo, Http1Settings>()

/** HTTP/1 settings of a cluster's connections. */
function upstreamHttp1Settings(info: ClusterInfo): Http1Settings {
  let settings = settingsByCluster.get(info)
  if (settings === undefined) {
    const { common, http1 } = info.http
    settings = {
      allowAbsoluteUrl: true,
      acceptHttp10: true,
      defaultHostForHttp10: '',
      enableTrailers: http1?.enableTrailers ?? false,
      // Reported when the cluster was built.
      ...headerKeySettings(http1, new ConfigErrors()),
      allowChunkedLength: http1?.allowChunkedLength ?? false,
      allowCustomMethods: true,
      sendFullyQualifiedUrl: http1?.sendFullyQualifiedUrl ?? false,
      streamErrorOnInvalidHttpMessage: false,
      maxHeadersBytes: (common?.maxResponseHeadersKb ?? defaultMaxResponseHeadersKb) * 1024,
      maxHeadersCount: common?.maxHeadersCount ?? defaultMaxResponseHeadersCount,
      headersWithUnderscores: 'ALLOW',
    }
    settingsByCluster.set(info, settings)
  }
  return settings
}

export const httpPools = {
  get(host: Host, priority: RoutingPriority): HttpConnectionPool {
    const key = priority === 'HIGH' ? 'http1/high' : 'http1/default'
    let pool = host.pools.get(key) as Http1Pool | undefined
    if (pool === undefined) {
      pool = new Http1Pool(host, priority, upstreamHttp1Settings(host.cluster))
      host.pools.set(key, pool)
    }
    return pool
  },
}
