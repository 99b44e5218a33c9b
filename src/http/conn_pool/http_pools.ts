// The HTTP pools of a worker: made at a host's first use, gone with its last connection.

import { ConfigErrors } from '../../config/errors.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { ClusterInfo } from '../../upstream/cluster_info.ts'
import type { Host } from '../../upstream/host.ts'
import type { RoutingPriority } from '../../upstream/resource_manager.ts'
import type { TransportSocketOptions } from '../../upstream/transport_socket.ts'
import type { Http1Settings } from '../codec/http1/settings.ts'
import { headerKeySettings } from '../codec/http1/settings_of_config.ts'
import type { HttpConnectionPool } from './connection_pool.ts'
import { Http1Pool } from './http1_pool.ts'

const defaultMaxResponseHeadersKb = 80
const defaultMaxResponseHeadersCount = 100

/** Later requests go on where this many connections were not enough. */
const mostPreconnects = 3

/** Whether all hosts together have fewer connections than the requests there are, and one more, ask for. */
function isShort(cluster: Cluster, priority: RoutingPriority, ratio: number): boolean {
  const key = priority === 'HIGH' ? 'http1/high' : 'http1/default'
  let streams = 1
  let capacity = 0
  for (const host of cluster.prioritySet.hosts()) {
    const pool = host.pools.get(key) as Http1Pool | undefined
    streams += pool?.streamCount ?? 0
    capacity += pool?.capacity ?? 0
  }
  return streams * ratio > capacity
}

/** A cluster has these as soon as it has a connection. Responses give no cause to move them. */
const codecStats = [
  'dropped_headers_with_underscores',
  'metadata_not_supported_error',
  'requests_rejected_with_underscores_in_headers',
  'response_flood',
]

const http1Alpn: TransportSocketOptions = { alpnFallback: ['http/1.1'] }

/** A transport socket without protocols of its own offers what the pool speaks. */
function withAlpn(options: TransportSocketOptions | undefined): TransportSocketOptions {
  return options === undefined ? http1Alpn : { ...options, ...http1Alpn }
}

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
    const stats = info.scope.createScope('http1')
    for (const name of codecStats) stats.counter(name)
  }
  return settings
}

export const httpPools = {
  /** Undefined where the cluster may have no more pools (`max_connection_pools`). */
  get(host: Host, priority: RoutingPriority, options?: TransportSocketOptions): HttpConnectionPool | undefined {
    const plainKey = priority === 'HIGH' ? 'http1/high' : 'http1/default'
    const key = options === undefined ? plainKey : `${plainKey} ${host.transportSocket.hashKey(options)}`
    const known = host.pools.get(key) as Http1Pool | undefined
    if (known !== undefined) return known
    const { connectionPools } = host.cluster.resourceManager(priority)
    if (!connectionPools.tryAcquire()) {
      host.cluster.stats.upstreamCxPoolOverflow.inc()
      return undefined
    }
    const pool = new Http1Pool(host, priority, upstreamHttp1Settings(host.cluster), withAlpn(options), () => {
      host.pools.delete(key)
      connectionPools.release()
    })
    host.pools.set(key, pool)
    return pool
  },

  /** predictive_preconnect_ratio: before a request is sent, connects to the hosts that the next ones will likely get. */
  preconnect(cluster: Cluster, priority: RoutingPriority): void {
    const ratio = cluster.info.predictivePreconnectRatio
    for (let i = 0; i < mostPreconnects && isShort(cluster, priority, ratio); i++) {
      const host = cluster.loadBalancer.peekAnotherHost()
      const pool = host === undefined ? undefined : (httpPools.get(host, priority) as Http1Pool | undefined)
      if (pool?.maybePreconnect(ratio) !== true) return
    }
  },
}
